"""PostgreSQL, through libpq's own variables: the loader, dbt's profile and the API read the same ones."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from ingest.errors import ConfigurationError, FinopsError

SCHEMA = Path(__file__).with_name("schema.sql")
OLDEST_SERVER = 160000  # NULLS NOT DISTINCT, pg_input_is_valid

# A run's session holds its lock, and says nothing while a source is read: a firewall that forgets silent connections
# would free it.
OPTIONS = make_conninfo(connect_timeout=10, application_name="finops", keepalives_idle=60, keepalives_interval=10)

Connection = psycopg.Connection[dict[str, object]]


def connect() -> psycopg.Connection[dict[str, object]]:
    """A connection in autocommit mode, rows as dictionaries.

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
    try:
        return psycopg.connect(OPTIONS, autocommit=True, row_factory=dict_row)
    except psycopg.OperationalError as error:
        where = f"PGHOST={os.environ['PGHOST']} PGUSER={os.environ['PGUSER']} PGDATABASE={os.environ['PGDATABASE']}"
        reason = str(error).strip().splitlines()[-1].strip()
        raise FinopsError(f"PostgreSQL can't be reached with {where}: {reason}") from error


def prepare(connection: Connection) -> None:
    """Create what the loader owns, where it is missing.

    Raises:
        FinopsError: when the server is too old, or the role may not create schemas.
    """
    if connection.info.server_version < OLDEST_SERVER:
        raise FinopsError(
            f"PostgreSQL {connection.info.server_version // 10000} is too old: version 16 or later is needed"
        )
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(7061747)")
            connection.execute("set local client_min_messages = warning")
            connection.execute(SCHEMA.read_bytes())
    except psycopg.errors.InsufficientPrivilege as error:
        raise FinopsError(
            f"the role {connection.info.user} may not set the database up: {str(error).strip().splitlines()[0]}; "
            f"grant it: grant create on database {connection.info.dbname} to {connection.info.user}"
        ) from error
