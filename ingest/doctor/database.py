"""What the doctor sees of PostgreSQL: whether it answers, and whether this role may do there what a nightly does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import psycopg

from finops.ingest.database import OLDEST_SERVER, Connection, connect
from finops.ingest.doctor.finding import Finding, bad, clock, doubt, failed, good
from finops.ingest.errors import FinopsError
from finops.ingest.pipeline.runs import LOCK
from finops.ingest.sources.catalog import DOMAINS

SERVER = """
    select current_setting('server_version') as version, current_setting('TimeZone') as timezone,
        pg_size_pretty(pg_database_size(current_database())) as size, clock_timestamp() as now,
        has_database_privilege(current_database(), 'CREATE') as may_create,
        (select rolcreaterole or rolsuper from pg_roles where rolname = current_user) as may_create_roles,
        exists (select from pg_roles where rolname = 'finops_api') as has_api_role,
        exists (select from pg_tables where schemaname = 'finops' and tablename = 'etl_runs') as is_set_up
"""
# Views are replaced and materialized ones refreshed: only an owner, or a member of it, may.
FOREIGN = r"""
    select count(*) as relations, min(format('%%I.%%I', nspname, relname)) as first,
        min(pg_get_userbyid(relowner)) as owner
    from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
    where (nspname like 'finops%%' or nspname = any(%s)) and relkind in ('r', 'v', 'm')
        and not pg_has_role(relowner, 'USAGE')
"""
HOLDER = """
    select activity.pid, activity.usename, activity.application_name, host(activity.client_addr) as address,
        activity.backend_start
    from pg_locks inner join pg_stat_activity as activity using (pid)
    where locktype = 'advisory' and classid = 0 and objid = %s and granted
        and pg_locks.database = (select oid from pg_database where datname = current_database())
"""
RUNNING = """
    select kind, run_id::text, start_time, started_by from finops.etl_runs where status = 'RUNNING'
    order by start_time desc limit 1
"""

Row = dict[str, object]


def examine() -> Iterator[Finding]:
    """Everything of PostgreSQL."""
    try:
        connection = connect()
    except FinopsError as error:
        yield failed("PostgreSQL", error)
        return
    with connection:
        try:
            yield from _looked_at(connection)
        except psycopg.Error as error:
            yield bad("PostgreSQL", f"refuses: {str(error).strip().splitlines()[0]}", "grant what the lines above name")


def _looked_at(connection: Connection) -> Iterator[Finding]:
    asked_at = datetime.now(UTC)
    server = cast("Row", connection.execute(SERVER).fetchone())
    yield _version(connection, server)
    between = asked_at + (datetime.now(UTC) - asked_at) / 2
    if finding := clock("PostgreSQL's clock", cast("datetime", server["now"]) - between):
        yield finding
    yield from _rights(connection, server)
    if server["is_set_up"]:
        yield _lock(connection)


def _version(connection: Connection, server: Row) -> Finding:
    info = connection.info
    found = (
        f"{server['version']} at {info.host}:{info.port}, {server['size']} in {info.dbname}, zone {server['timezone']}"
    )
    if info.server_version < OLDEST_SERVER:
        return bad("PostgreSQL", found, "upgrade to version 16 or later")
    remote = not info.host.startswith(("/", "127.", "localhost", "::1"))
    if remote and not connection.pgconn.ssl_in_use:
        return doubt("PostgreSQL", f"{found}, not encrypted", "set PGSSLMODE=verify-full, and PGSSLROOTCERT")
    return good("PostgreSQL", found)


def _rights(connection: Connection, server: Row) -> Iterator[Finding]:
    user, database = connection.info.user, connection.info.dbname
    if not server["may_create"]:
        yield bad(
            "rights", f"{user} may not create schemas in {database}", f"grant create on database {database} to {user}"
        )
    raw = [f"raw_{domain}" for domain in DOMAINS]
    foreign = cast("Row", connection.execute(FOREIGN, (raw,)).fetchone())
    if foreign["relations"]:
        yield bad(
            "rights",
            f"{user} can't replace or refresh {foreign['relations']} relations, such as {foreign['first']}:"
            f" they belong to {foreign['owner']}",
            f"as an administrator, in {database}: reassign owned by {foreign['owner']} to {user}",
        )
    if not server["has_api_role"] and not server["may_create_roles"]:
        yield doubt(
            "rights",
            f"there is no role finops_api, and {user} may not create roles",
            "if the API is to be served, as an administrator: create role finops_api nologin",
        )
    if server["may_create"] and not foreign["relations"]:
        yield good("rights", f"{user} may create schemas, and owns what is there")


def _lock(connection: Connection) -> Finding:
    holder = connection.execute(HOLDER, (LOCK,)).fetchone()
    run = connection.execute(RUNNING).fetchone()
    named = f"{run['kind']} {run['run_id']}, started by {run['started_by']}" if run else "a run that has no name yet"
    if holder:
        who = f"process {holder['pid']} of {holder['usename']} from {holder['address'] or 'this machine'}"
        since = f"since {holder['backend_start']:%Y-%m-%d %H:%M:%S %Z}"
        return doubt(
            "lock",
            f"held by {who} {since}: {named}",
            "wait until it ends; no other run, and no purge, begins meanwhile",
        )
    if run:
        return doubt("lock", f"free, and {named} still says RUNNING: its process died", "the next run closes it")
    return good("lock", "free: no run is at work")
