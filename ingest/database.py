"""Connect to PostgreSQL by libpq's variables, as dbt's profile and the API do, and create the loader's tables."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from finops.ingest.errors import ConfigurationError, FinopsError

SCHEMA = Path(__file__).with_name("schema")
# in this order
SCHEMA_PARTS = (
    "setup",
    "access",
    "runs",
    "ledger",
    "invoices",
    "publications",
    "configured",
    "raw",
    "values",
    "functions",
    "reference",
    "run_functions",
    "aggregates",
    "replace",
)
OLDEST_SERVER = 160000  # NULLS NOT DISTINCT, pg_input_is_valid

# A run's session holds its lock and is silent while a source is read: without keepalives, a firewall could drop it.
OPTIONS = make_conninfo(connect_timeout=10, application_name="finops", keepalives_idle=60, keepalives_interval=10)

# Readers queue behind a session that waits to change a table. So stage 0 waits for a moment only, and tries again.
LOCK_TIMEOUT = "20s"
SCHEMA_ATTEMPTS = 40
PAUSE = 0.5  # seconds between them
PREPARED = """
    select exists (select from finops.etl_schema where version = %s) and case
        when exists (select from pg_roles where rolname = 'finops_api')
            then has_schema_privilege('finops_api', 'finops_api', 'usage')
        else not (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
    end as prepared
"""
USERS = """
    select format('process %s (%s, since %s UTC): %s', pid, concat_ws(' of ', usename, nullif(application_name, '')),
        to_char(xact_start at time zone 'UTC', 'HH24:MI'), left(regexp_replace(query, '\\s+', ' ', 'g'), 60)) as who
    from pg_stat_activity
    where pid <> pg_backend_pid() and pid in (
        select pid from pg_locks join pg_class on relation = pg_class.oid
        where granted and relnamespace in (select oid from pg_namespace where nspname ~ '^(finops|raw)_?')
    )
    order by xact_start limit 3
"""

# What libpq says before the reason, and what to do, by a part of the reason.
_ATTEMPT = re.compile("^connection (failed|is bad): (connection to server .*? failed: )?(FATAL: +)?")
_REMEDIES = (
    ("Connection refused", "start it there, or correct PGHOST and PGPORT"),
    ("No such file", "start it there, or correct PGHOST and PGPORT"),
    ("resolve host", "correct PGHOST and PGPORT"),
    ("pg_hba.conf", "let it in by the server's pg_hba.conf, or set PGSSLMODE=require if only encryption is missing"),
    ("permission denied", "as an administrator, grant connect on that database to that role"),
    ("password", "correct PGUSER and PGPASSWORD"),
    ("database", "create it, or correct PGDATABASE"),
    ("role", "create it, or correct PGUSER"),
    ("SSL", "check PGSSLMODE and PGSSLROOTCERT"),
    ("certificate", "check PGSSLROOTCERT"),
    ("timeout", "check PGHOST and PGPORT, and that no firewall is in between"),
)

Connection = psycopg.Connection[dict[str, object]]


def connect() -> Connection:
    """Connect in autocommit mode, with rows as dictionaries.

    Raises:
        ConfigurationError: when the libpq variables are not set.
        FinopsError: when the server can't be reached or refuses.
    """
    missing = [name for name in ("PGHOST", "PGUSER", "PGDATABASE") if not os.environ.get(name)]
    if missing:
        raise ConfigurationError(
            f"no database is configured: set {', '.join(missing)} (and PGPORT, PGPASSWORD, PGSSLMODE as needed), or "
            "try `make demo`, which runs the same nightly on an embedded PostgreSQL and a made-up company"
        )
    if "://" in os.environ["PGHOST"]:  # it may hold a password, and is not shown
        raise ConfigurationError("PGHOST is a URL: write the host alone, and the rest in PGPORT, PGUSER, PGDATABASE …")
    if "lock_timeout" not in (options := os.environ.get("PGOPTIONS", "")):
        # for dbt's connections and those that load as well
        os.environ["PGOPTIONS"] = f"-c lock_timeout={LOCK_TIMEOUT} {options}".strip()
    try:
        return psycopg.connect(OPTIONS, autocommit=True, row_factory=dict_row)
    except psycopg.OperationalError as error:
        where = " ".join(
            f"{name}={os.environ.get(name, default)}"
            for name, default in {"PGHOST": "", "PGPORT": "5432", "PGUSER": "", "PGDATABASE": ""}.items()
        )
        raise FinopsError(f"PostgreSQL can't be reached with {where}: {_refusal(str(error))}") from error


def _refusal(message: str) -> str:
    """Return why libpq could not connect, which never holds the password, and what to do."""
    reason = _ATTEMPT.sub("", message.strip().splitlines()[0]).strip()
    remedy = next((remedy for part, remedy in _REMEDIES if part in reason), None)
    return f"{reason}: {remedy}" if remedy else reason


@contextmanager
def connect_ready() -> Iterator[Connection]:
    """Connect, creating the loader's tables first if they are missing."""
    with connect() as connection:
        if not exists(connection, "finops.etl_runs"):
            prepare(connection)
        yield connection


def exists(connection: Connection, relation: str) -> bool:
    """Return whether a table or view exists."""
    return connection.execute("select to_regclass(%s) as found", (relation,)).fetchone() != {"found": None}


def prepare(connection: Connection) -> None:
    """Create the loader's schemas, tables and functions, or update them to this version.

    Raises:
        FinopsError: when the server is too old, or the role may not create schemas.
    """
    if connection.info.server_version < OLDEST_SERVER:
        raise FinopsError(
            f"PostgreSQL {connection.info.server_version // 10000} is too old: version 16 or later is needed"
        )
    schema = b"\n".join((SCHEMA / f"{part}.sql").read_bytes() for part in SCHEMA_PARTS)
    version = hashlib.sha256(schema).hexdigest()
    try:
        if not _is_prepared(connection, version):
            _apply_schema(connection, schema, version)
    except psycopg.errors.LockNotAvailable as error:
        raise FinopsError(
            f"the loader's tables could not be changed within {LOCK_TIMEOUT}: in use by {users(connection)}; "
            "let that end, or end it with pg_terminate_backend, and run this again"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise FinopsError(
            f"the role {connection.info.user} may not set the database up: {str(error).strip().splitlines()[0]}; "
            f"grant it: grant create on database {connection.info.dbname} to {connection.info.user}"
        ) from error


def _apply_schema(connection: Connection, schema: bytes, version: str) -> None:
    for attempt in range(1, SCHEMA_ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute("select pg_advisory_xact_lock(7061747)")
                connection.execute("set local client_min_messages = warning; set local lock_timeout = '50ms'")
                connection.execute(schema)
                connection.execute("delete from finops.etl_schema")
                connection.execute("insert into finops.etl_schema (version) values (%s)", (version,))
                return
        except psycopg.errors.LockNotAvailable:
            if attempt == SCHEMA_ATTEMPTS:
                raise
            time.sleep(PAUSE)


def _is_prepared(connection: Connection, version: str) -> bool:
    """Return whether the tables are this version's and the API's role has its rights: then nothing is locked."""
    try:
        return connection.execute(PREPARED, (version,)).fetchone() == {"prepared": True}
    except psycopg.errors.UndefinedTable:
        return False


def users(connection: Connection) -> str:
    """Describe the sessions that hold locks on the loader's tables."""
    rows = connection.execute(USERS).fetchall()
    return "; ".join(str(row["who"]) for row in rows) or "a session that has ended"
