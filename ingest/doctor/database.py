"""The doctor's checks of PostgreSQL: connection, version, clock, rights and lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import class_row, tuple_row

from finops.ingest.database import (
    LOADER,
    OLDEST_SERVER,
    Connection,
    connect,
    exists,
    is_here,
    is_prepared,
    may_act_as,
)
from finops.ingest.doctor import ownership
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, clock
from finops.ingest.errors import first_line
from finops.ingest.pipeline.runs import LOCK
from finops.ingest.sources.kinds import SCHEMAS

SERVER = """
    select current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),
        current_setting('TimeZone'), clock_timestamp()
"""
# In a database that `finops init-db` has set up: the login, and the roles that it works as.
RIGHTS_OF_ROLES = """
    with findings as (
        select '✗' as sign, format('%%s may not act as %%s', session_user, rolname) as found,
            format('as an administrator: finops init-db --loader-login %%s', session_user) as remedy
        from pg_roles
        where rolname in ('finops_loader', 'finops_transformer') and not pg_has_role(session_user, oid, 'set')
        union all
        select '✗', 'the database is not set up for this version', 'as an administrator: finops init-db'
        where not %(is_prepared)s and not pg_has_role(session_user, 'finops_owner', 'set')
        union all
        select '✗', format('dbt can''t replace or refresh %%s relations, such as %%s: they belong to %%s',
                count(*), min(format('%%I.%%I', nspname, relname)), min(pg_get_userbyid(relowner))),
            'as an administrator: finops init-db'
        from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
        where (nspname like 'finops%%' or nspname = any(%(raw)s)) and relkind in ('r', 'v', 'm')
            and pg_get_userbyid(relowner) not in ('finops_owner', 'finops_transformer')
        having count(*) > 0
        union all
        select '!', format('%%s may act as finops_owner, too, and rewrite the ledger', session_user),
            'run nightlies with a login that may not: finops init-db --loader-login NAME'
        where pg_has_role(session_user, 'finops_owner', 'set')
    )
    select sign, 'rights' as what, found, remedy from findings
    union all
    select '✓', 'rights', format('%%s acts as finops_loader and finops_transformer', session_user), ''
    where not exists (select from findings where sign = '✗')
"""
# Elsewhere one login owns everything. Only the owner of a view, or a member of it, may replace or refresh it.
RIGHTS = r"""
    with strange as (
        select count(*) as relations, min(format('%%I.%%I', nspname, relname)) as example,
            min(pg_get_userbyid(relowner)) as owner
        from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
        where (nspname like 'finops%%' or nspname = any(%(raw)s)) and relkind in ('r', 'v', 'm')
            and not pg_has_role(relowner, 'USAGE')
    ), findings as (
        select '✗' as sign, format('%%s may not create schemas in %%s', current_user, current_database()) as found,
            format('grant create on database %%s to %%s', current_database(), current_user) as remedy
        where not has_database_privilege(current_database(), 'CREATE')
        union all
        select '✗', format('%%s can''t replace or refresh %%s relations, such as %%s: they belong to %%s',
                current_user, relations, example, owner),
            format('as an administrator, in %%s: reassign owned by %%s to %%s', current_database(), owner, current_user)
        from strange where relations > 0
        union all
        select '!', format('one login does everything: %%s could rewrite the ledger', current_user),
            format('as an administrator: finops init-db --loader-login %%s', current_user)
    )
    select sign, 'rights' as what, found, remedy from findings
    union all
    select '✓', 'rights', format('%%s may create schemas, and owns what is there', current_user), ''
    where not exists (select from findings where sign = '✗')
"""
LOCK_HOLDERS = """
    with run as (
        select format('%%s %%s, started by %%s', kind, run_id, started_by) as named
        from finops.etl_runs where status = 'RUNNING' order by start_time desc limit 1
    ), holder as (
        select format('process %%s of %%s from %%s since %%s UTC', pid, usename,
            coalesce(host(client_addr), 'this machine'), date_trunc('second', backend_start at time zone 'UTC')) as who
        from pg_locks inner join pg_stat_activity using (pid)
        where locktype = 'advisory' and classid = 0 and objid = %(lock)s and granted
            and database = (select oid from pg_database where datname = current_database())
    )
    select '!' as sign, 'lock' as what, format('held by %%s: %%s', who,
            coalesce((select named from run), 'a run that has no name yet')) as found,
        'wait until it ends; no other run, and no purge, begins meanwhile' as remedy
    from holder
    union all
    select '!', 'lock', format('free, and %%s still says RUNNING: its process died', named), 'the next run closes it'
    from run where not exists (select from holder)
    union all
    select '✓', 'lock', 'free: no run is at work', ''
    where not exists (select from run) and not exists (select from holder)
"""

# Of a project: what to do where PGHOST is not set, by the file that is there; `finops` reads `.env` itself.
UNSET = {".env": "write it into .env", ".env.example": "cp .env.example .env, and fill it"}


def examine() -> Iterator[Finding]:
    """Check the server, this role's rights, and whether a run holds the lock."""
    if not os.environ.get("PGHOST") and (remedy := next((UNSET[name] for name in UNSET if Path(name).exists()), "")):
        yield Finding(BAD, "PostgreSQL", "not configured: PGHOST is not set", remedy)
        return
    with connect(role=None) as connection, connection.cursor(row_factory=class_row(Finding)) as cursor:
        try:
            yield from _server(connection)
            if may_act_as(connection, LOADER) is None:
                yield from cursor.execute(RIGHTS, {"raw": list(SCHEMAS)})
            else:
                rights = cursor.execute(
                    RIGHTS_OF_ROLES, {"is_prepared": is_prepared(connection), "raw": list(SCHEMAS)}
                ).fetchall()
                yield from rights
                if any(finding.sign == BAD for finding in rights):
                    return
            if exists(connection, "finops.etl_runs"):
                yield from cursor.execute(LOCK_HOLDERS, {"lock": LOCK})
            yield from ownership.examine(connection)
        except psycopg.Error as error:
            found = f"refuses: {first_line(error)}"
            yield Finding(BAD, "PostgreSQL", found, "grant what the lines above name")


def _server(connection: Connection) -> Iterator[Finding]:
    """Check the version, the encryption of the connection, and the clock."""
    info, asked_at = connection.info, datetime.now(UTC)
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(version, size, zone, now)] = cursor.execute(SERVER).fetchall()
    between = asked_at + (datetime.now(UTC) - asked_at) / 2
    found = f"{version} at {info.host}:{info.port}, {size} in {info.dbname}, zone {zone}"
    if info.server_version < OLDEST_SERVER:
        yield Finding(BAD, "PostgreSQL", found, "upgrade to version 16 or later")
    elif not is_here(info.host) and not connection.pgconn.ssl_in_use:
        remedy = "set PGSSLMODE=verify-full, and PGSSLROOTCERT"
        yield Finding(DOUBT, "PostgreSQL", f"{found}, not encrypted", remedy)
    else:
        yield Finding(GOOD, "PostgreSQL", found)
    yield from clock("PostgreSQL's clock", now - between)
