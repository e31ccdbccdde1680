"""Connect to PostgreSQL by libpq's variables, as dbt's profile and the API do, and create the loader's tables."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row, scalar_row

from finops.ingest.errors import ConfigurationError, FinopsError, first_line

SCHEMA = Path(__file__).with_name("schema")
# in this order
SCHEMA_PARTS = (
    "setup",
    "append_only",
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
    "erasures",
    "aggregates",
    "replace",
    "roles",
)
OLDEST_SERVER = 160000  # NULLS NOT DISTINCT, pg_input_is_valid

# A run's session holds its lock and is silent while a source is read: without keepalives, a firewall could drop it.
OPTIONS: Mapping[str, str | int] = {
    "connect_timeout": 10,
    "application_name": "finops",
    "keepalives_idle": 60,
    "keepalives_interval": 10,
}

# Made by `finops init-db`. In a database without them, one login owns and does everything.
OWNER, LOADER, TRANSFORMER = "finops_owner", "finops_loader", "finops_transformer"
MAY_ACT = """
    select pg_has_role(session_user, role.oid, 'set') as may_act
    from pg_namespace
    inner join pg_roles as owner on nspowner = owner.oid
    cross join pg_roles as role
    where nspname = 'finops' and owner.rolname = 'finops_owner' and role.rolname = %s
"""

# Readers queue behind a session that waits to change a table. So stage 0 waits for a moment only, and tries again.
LOCK_TIMEOUT = "20s"
RETRIED_FOR, PAUSE = 20, 0.5  # seconds: in all, and between two attempts
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

# What a person decides where a server can't be verified.
WITHOUT_CHECK = "PGSSLMODE=require encrypts without asking who answers, prefer and disable may not even encrypt"
# What libpq says before the reason, and what to do, by a part of the reason.
_ATTEMPT = re.compile("^connection (failed|is bad): (connection to server .*? failed: )?(FATAL: +)?")
_REMEDIES = (
    ("Connection refused", "start it there, or correct PGHOST and PGPORT"),
    ("No such file", "start it there, or correct PGHOST and PGPORT"),
    ("resolve host", "correct PGHOST and PGPORT"),
    ("pg_hba.conf", "let it in by the server's pg_hba.conf, or set PGSSLMODE=require if only encryption is missing"),
    ("permission denied", "as an administrator, grant connect on that database to that role"),
    ("root certificate file", f"set PGSSLROOTCERT to its authority's PEM file; {WITHOUT_CHECK}"),
    ("certificate verify failed", f"set PGSSLROOTCERT to its authority's PEM file; {WITHOUT_CHECK}"),
    ("does not match host name", f"write a name of its certificate into PGHOST; {WITHOUT_CHECK}"),
    ("does not support SSL", f"have it encrypt, with PGSSLMODE=verify-full and PGSSLROOTCERT here; {WITHOUT_CHECK}"),
    ("password", "correct PGUSER and PGPASSWORD"),
    ("database", "create it, or correct PGDATABASE"),
    ("role", "create it, or correct PGUSER"),
    ("SSL", "check PGSSLMODE and PGSSLROOTCERT"),
    ("certificate", "check PGSSLROOTCERT"),
    ("timeout", "check PGHOST and PGPORT, and that no firewall is in between"),
)

T = TypeVar("T")
Connection = psycopg.Connection[dict[str, object]]


def connect(role: str | None = LOADER) -> Connection:
    """Connect in autocommit mode, with rows as dictionaries; act as the role, where the database has roles.

    Raises:
        ConfigurationError: when the libpq variables are not set.
        FinopsError: when the server can't be reached or refuses, or the login may not act as the role.
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
        connection: Connection = psycopg.connect(conninfo(), autocommit=True, row_factory=dict_row)
    except psycopg.OperationalError as error:
        where = " ".join(
            f"{name}={os.environ.get(name, default)}"
            for name, default in {"PGHOST": "", "PGPORT": "5432", "PGUSER": "", "PGDATABASE": ""}.items()
        )
        raise FinopsError(f"PostgreSQL can't be reached with {where}: {_refusal(first_line(error))}") from error
    if role and (may := may_act_as(connection, role)) is not None:
        if not may:
            connection.close()
            raise FinopsError(
                f"{os.environ['PGUSER']} may not act as {role} in {os.environ['PGDATABASE']}: as an administrator, run "
                f"`finops init-db --loader-login {os.environ['PGUSER']}`"
            )
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    return connection


def conninfo(given: str = "") -> str:
    """Return a connection string of libpq, by default that of its variables, with our options and `ssl_mode`."""
    own = conninfo_to_dict(given)
    mode = {} if own.get("sslmode") or own.get("service") else ssl_mode(str(own.get("host") or ""))
    return make_conninfo(given, **mode, **{name: value for name, value in OPTIONS.items() if name not in own})


def ssl_mode(host: str = "") -> dict[str, str]:
    """Return how a server has to prove who it is, where nobody says it: not on this machine, else by its certificate.

    libpq's own default, prefer, takes no encryption where whoever answers says that there is none.
    """
    if os.environ.get("PGSSLMODE"):
        return {}
    return {"sslmode": "prefer" if is_here(host or os.environ.get("PGHOST", "")) else "verify-full"}


def is_here(host: str) -> bool:
    """Return whether a host of libpq is this machine: its loopback, or the folder of a socket."""
    return host in ("", "localhost", "127.0.0.1", "::1") or host.startswith(("/", "@"))


def may_act_as(connection: Connection, role: str) -> bool | None:
    """Return whether the login may act as one of the roles of `finops init-db`; None in a database without roles."""
    row = connection.execute(MAY_ACT, (role,)).fetchone()
    return bool(row["may_act"]) if row else None


def _refusal(message: str) -> str:
    """Return why libpq could not connect, which never holds the password, and what to do."""
    reason = _ATTEMPT.sub("", message).strip()
    remedy = next((remedy for part, remedy in _REMEDIES if part in reason), None)
    return f"{reason}: {remedy}" if remedy else reason


def act_as(connection: Connection, role: str) -> None:
    """Take on one of the roles of `finops init-db` for the rest of a transaction, where the database has roles."""
    if may_act_as(connection, role):
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))


def current_role(connection: Connection) -> str:
    """Return the role that a connection acts as, for another connection to take on; 'none' where it is its login."""
    return connection.cursor(row_factory=scalar_row).execute("select current_setting('role')").fetchone() or "none"


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
        FinopsError: when the server is too old, or the login may not change them.
    """
    require_version(connection)
    try:
        if not is_prepared(connection):
            may_act = may_act_as(connection, OWNER)
            if may_act is False:
                raise FinopsError(
                    f"{connection.info.dbname} was set up by another version, and {connection.info.user} may not "
                    "change it: as an administrator, run `finops init-db`"
                )
            apply_schema(connection, OWNER if may_act else None)
    except psycopg.errors.LockNotAvailable as error:
        raise FinopsError(
            f"the loader's tables could not be changed within {LOCK_TIMEOUT}: in use by {users(connection)}; "
            "let that end, or end it with pg_terminate_backend, and run this again"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise FinopsError(
            f"the role {connection.info.user} may not set the database up: {first_line(error)}; "
            f"as an administrator, run `finops init-db --loader-login {connection.info.user}`, or grant it: "
            f"grant create on database {connection.info.dbname} to {connection.info.user}"
        ) from error


def require_version(connection: Connection) -> None:
    """Refuse a server that is too old."""
    if connection.info.server_version < OLDEST_SERVER:
        raise FinopsError(
            f"PostgreSQL {connection.info.server_version // 10000} is too old: version 16 or later is needed"
        )


def schema() -> bytes:
    """Return the statements that create the loader's tables, or update them."""
    return b"\n".join((SCHEMA / f"{part}.sql").read_bytes() for part in SCHEMA_PARTS)


def apply_schema(connection: Connection, owner: str | None) -> None:
    """Create or update the loader's tables, as their owner; the login itself without one."""
    statements = schema()

    def apply() -> None:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(7061747)")
            connection.execute("set local client_min_messages = warning; set local lock_timeout = '50ms'")
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner or "none")))
            connection.execute(statements)
            connection.execute("delete from finops.etl_schema")
            connection.execute("insert into finops.etl_schema (version) values (%s)", (_version(statements),))

    retried(apply)


def retried(change: Callable[[], T]) -> T:
    """Make a change whose transaction waits for a lock for a moment only, until nobody is in the way."""
    deadline = time.monotonic() + RETRIED_FOR
    while True:
        try:
            return change()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


def is_prepared(connection: Connection) -> bool:
    """Return whether the tables are this version's and the API's role has its rights: then nothing is locked."""
    try:
        return connection.execute(PREPARED, (_version(schema()),)).fetchone() == {"prepared": True}
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False


def _version(statements: bytes) -> str:
    return hashlib.sha256(statements).hexdigest()


def users(connection: Connection) -> str:
    """Describe the sessions that hold locks on the loader's tables."""
    with connection.transaction():  # the login, and none of its roles, may see its other sessions
        connection.execute("set local role none")
        rows = connection.execute(USERS).fetchall()
    return "; ".join(str(row["who"]) for row in rows) or "a session that has ended"
