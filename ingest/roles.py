"""Set a database up with four roles, as an administrator: `finops init-db`.

Who owns, who loads, who transforms and who reads are roles that nobody logs in as; logins are members of them. An
administrator need not be a superuser: the right to create roles and the ownership of the database are enough.

It is idempotent, and adopts a database that one login has made and filled: the relations change
hands, in one transaction.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from finops.ingest.access import KEY_VARIABLE, new_claim_key, store_claim_key
from finops.ingest.database import (
    LOADER,
    LOCK_TIMEOUT,
    OWNER,
    TRANSFORMER,
    Connection,
    apply_schema,
    require_version,
    retried,
    schema,
    users,
)
from finops.ingest.errors import FinopsError, one_line
from finops.ingest.pipeline.runs import publishing_lock
from finops.ingest.sources.kinds import SCHEMAS

AnyConnection = psycopg.Connection[Any]
READER, AUDIT = "finops_api", "finops_audit"
ROLES = {
    OWNER: "owns the schemas, the ledger and the functions",
    LOADER: "lands raw rows, and adds to the ledger",
    TRANSFORMER: "dbt: owns what it makes",
    READER: "the API: reads the views of schema finops_api",
    AUDIT: "the API: adds to its audit trail",
}
# Relations of the schema files: what else is in these schemas, dbt has made.
_CREATED = re.compile(r"create (?:table if not exists|or replace view|sequence if not exists) (\w+\.\w+)")
# A schema before what is in it: whoever gets a relation has to have its schema first.
STRANGE = """
    with ours as (
        select oid, nspname, nspowner from pg_namespace
        where nspname in ('finops', 'finops_staging', 'finops_intermediate', 'finops_api', 'finops_reference')
            or nspname = any(%(raw)s)
    ), things as (
        select 1 as step, 'schema' as kind, format('%%I', nspname) as name, nspowner as owner, true as is_created
        from ours
        union all
        select 2, case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                else 'table' end,
            format('%%I.%%I', nspname, relname), relowner,
            nspname = 'finops_reference' or nspname = any(%(raw)s) or nspname || '.' || relname = any(%(created)s)
        from pg_class inner join ours on relnamespace = ours.oid
        where relkind in ('r', 'p', 'v', 'm', 'S') and not exists (
            select from pg_depend where objid = pg_class.oid and deptype in ('a', 'i') and relkind = 'S'
        )
        union all
        select 2, 'routine', cast(cast(pg_proc.oid as regprocedure) as text), proowner, true
        from pg_proc inner join ours on pronamespace = ours.oid
    ), owned as (
        select *, case when is_created then 'finops_owner' else 'finops_transformer' end as new_owner from things
    )
    select pg_get_userbyid(owner) as owner, kind, new_owner,
        format('alter %%s %%s owner to %%s', kind, name, new_owner)
            || case kind when 'schema' then format('; grant usage, create on schema %%s to finops_transformer', name)
                else '' end as statement
    from owned where pg_get_userbyid(owner) <> new_owner order by step, name
"""
OF_DBT = """
    select format('%%I.%%I', nspname, relname)
    from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
    where pg_get_userbyid(relowner) = %s and relkind in ('r', 'v', 'm') and relpersistence <> 't'
"""


class Done(NamedTuple):
    """What was done to something, or what it is."""

    what: str
    outcome: str


class Outcome(NamedTuple):
    """What `finops init-db` did.

    Attributes:
        done: a line for each role, relation and login.
        remaining: statements that only a superuser may execute.
        new_key: the key that it made for the API's claims; None where one was there or was given.
    """

    done: Sequence[Done]
    remaining: Sequence[str]
    new_key: str | None


def init_db(connection: Connection, loader_logins: Sequence[str], api_logins: Sequence[str]) -> Outcome:
    """Make the roles, give them the database, and make logins members of them.

    Raises:
        FinopsError: names the right that the administrator lacks, or a login that is not there.
        LockedError: a run is writing.
    """
    require_version(connection)
    for name in (*loader_logins, *api_logins):
        if not _value(connection, "select exists (select from pg_roles where rolname = %s)", name):
            raise FinopsError(
                f"there is no login {name}: create it (create role {name} login; \\password {name}) and run this again"
            )
    with _explained(connection), publishing_lock(connection):
        done = _make_roles(connection)
        with_old_owner = retried(lambda: _adopt(connection, done))
        apply_schema(connection, OWNER)
        done.append(Done("schemas, tables, functions", "are of this version"))
        with connection.transaction():
            _share_what_dbt_will_make(connection)
            for name in dict.fromkeys((*loader_logins, *with_old_owner)):
                done.append(_join(connection, name, (LOADER, TRANSFORMER), inherit=True))
            for name in dict.fromkeys(api_logins):
                done.append(_join(connection, name, (READER, AUDIT), inherit=False))
            new_key = _claim_key(connection, done)
        remaining = _value(connection, "select finops.harden_database()")
    return Outcome(done, remaining if isinstance(remaining, list) else [], new_key)


def _make_roles(connection: Connection) -> list[Done]:
    done = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(7061747)")
        for role, meaning in ROLES.items():
            is_there = _value(connection, "select exists (select from pg_roles where rolname = %s)", role)
            if not is_there:
                _execute(connection, "create role {} nologin", role)
            done.append(Done(f"role {role}", f"{'is there' if is_there else 'created'}: {meaning}"))
        for role in (OWNER, TRANSFORMER):
            _act_for(connection, role)
        grant_on_database(connection, connection.info.dbname)
    return done


def grant_on_database(connection: AnyConnection, database: str) -> None:
    """Grant the roles what they need of a database itself: who restores one from a dump has lost that."""
    _execute(connection, "grant create, connect, temporary on database {} to {}", database, OWNER)
    _execute(connection, "grant connect, temporary on database {} to {}, {}", database, LOADER, TRANSFORMER)
    _execute(connection, "grant connect on database {} to {}, {}", database, READER, AUDIT)


def _act_for(connection: Connection, role: str) -> None:
    """Have the administrator's rights be those of a role, too: who creates a role is not a member of it."""
    if not _value(connection, "select pg_has_role(%s, 'usage') and pg_has_role(%s, 'set')", role, role):
        _execute(connection, "grant {} to current_user with inherit true, set true", role)


def _adopt(connection: Connection, done: list[Done]) -> list[str]:
    """Give what one login has made to the roles; return the login that the schemas belonged to, unless a superuser."""
    created = sorted(set(_CREATED.findall(schema().decode())))
    with connection.transaction():
        connection.execute("set local lock_timeout = '50ms'; set local search_path = pg_catalog")
        strange = connection.execute(STRANGE, {"created": created, "raw": list(SCHEMAS)}).fetchall()
        for owner in {str(thing["owner"]) for thing in strange}:
            _act_for(connection, owner)
        for thing in strange:
            connection.execute(str(thing["statement"]).encode())
        _share_what_dbt_made(connection)
    moved = Counter((str(thing["owner"]), str(thing["new_owner"])) for thing in strange)
    done += [Done(f"{count} objects of {before}", f"belong to {now}") for (before, now), count in sorted(moved.items())]
    former = {str(thing["owner"]) for thing in strange if thing["kind"] == "schema"} - {*ROLES}
    logins = "select rolname from pg_roles where rolname = any(%s) and rolcanlogin and not rolsuper order by 1"
    return connection.cursor(row_factory=scalar_row).execute(logins, (list(former),)).fetchall()


def _share_what_dbt_made(connection: Connection) -> None:
    """Let the loader read what dbt has made, for its reports, and the owner, who updates the ledger by it."""
    _execute(connection, "set local role {}", TRANSFORMER)
    cursor = connection.cursor(row_factory=scalar_row)
    for relation in cursor.execute(OF_DBT, (TRANSFORMER,)).fetchall():
        _execute(connection, f"grant select on {relation} to {{}}, {{}}", LOADER, OWNER)
    connection.execute("reset role")


def _share_what_dbt_will_make(connection: Connection) -> None:
    _execute(connection, "set local role {}", TRANSFORMER)
    for name in ("finops", "finops_staging", "finops_intermediate", "finops_api"):
        statement = "alter default privileges in schema {} grant select on tables to {}, {}"
        _execute(connection, statement, name, LOADER, OWNER)
    connection.execute("reset role")


def _join(connection: Connection, login: str, roles: Sequence[str], *, inherit: bool) -> Done:
    """Make a login a member: one that inherits has the rights in psql, too, one that does not has to `set role`."""
    if _value(connection, "select rolsuper from pg_roles where rolname = %s", login):
        return Done(f"login {login}", "is a superuser, and may act as anybody: give it no part in a nightly")
    for role in roles:
        _execute(connection, f"grant {{}} to {{}} with set true, inherit {inherit}", role, login)
    return Done(f"login {login}", f"may act as {' and '.join(roles)}")


def _claim_key(connection: Connection, done: list[Done]) -> str | None:
    """Store the key of the environment; without one, make the first."""
    _execute(connection, "set local role {}", OWNER)
    given = os.environ.get(KEY_VARIABLE)
    is_there = _value(connection, "select exists (select from finops.claim_keys)")
    key = given or (None if is_there else new_claim_key())
    if key:
        store_claim_key(connection, key)
    done.append(Done("key of the API's claims", f"of {KEY_VARIABLE}" if given else "is there" if is_there else "made"))
    connection.execute("reset role")
    return None if given else key


@contextmanager
def _explained(connection: Connection) -> Iterator[None]:
    """Say what a refusal of PostgreSQL means for an administrator."""
    user, database = connection.info.user, connection.info.dbname
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise FinopsError(
            f"{user} may not set {database} up ({one_line(str(error))}): run this as a superuser, or as a login with "
            "createrole that owns the database and is a member of the roles that own what is there"
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise FinopsError(
            f"the tables could not be changed within {LOCK_TIMEOUT}: in use by {users(connection)}; let that end, or "
            "end it with pg_terminate_backend, and run this again"
        ) from error


def _value(connection: Connection, query: str, *values: object) -> object:
    return connection.cursor(row_factory=scalar_row).execute(query.encode(), values or None).fetchone()


def _execute(connection: AnyConnection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
