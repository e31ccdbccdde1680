"""Who may see what in the database: the key that the API signs claims with, and the groups of BI tools' logins."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row

from finops.ingest.database import Connection, exists
from finops.ingest.errors import FinopsError

KEY_VARIABLE = "FINOPS_API_CLAIMS_KEY"
EVERYTHING = "*"
# What a BI login is to have: nothing to write, no query without end, the views without their schema's name.
SETTINGS = ("default_transaction_read_only = on", "statement_timeout = '5min'", "search_path = finops_api")
LOGIN = """
    select login.rolsuper as is_superuser, login.rolcanlogin as may_log_in,
        pg_has_role(login.oid, reader.oid, 'usage') as is_reader,
        coalesce(has_table_privilege(login.oid, to_regclass('finops.fact_releve'), 'select'), false) as reads_releves,
        array(
            select rolname from pg_roles as strong
            where pg_has_role(login.oid, strong.oid, 'member') and rolname in (
                'finops_owner', 'finops_loader', 'finops_transformer', 'pg_read_all_data', 'pg_write_all_data',
                'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'
            )
            order by rolname
        ) as strong_roles
    from pg_roles as login cross join pg_roles as reader
    where login.rolname = %s and reader.rolname = 'finops_api'
"""
KEY = """
    select ancestor_key from finops.mv_group_tree
    where ancestor_key in (lower(%(group)s), lower(finops.group_of(finops.entity_ref(%(group)s, 'group', 'default'))))
    order by ancestor_key = lower(%(group)s) desc
    limit 1
"""
GRANTS = """
    select login, array_agg(group_key order by group_key) as groups, max(granted_at) as granted_at,
        string_agg(distinct granted_by, ', ') as granted_by,
        not exists (select from pg_roles where rolname = login and rolcanlogin) as is_gone
    from finops.reader_groups group by login order by login
"""


class Grant(NamedTuple):
    """What a login may see: keys of groups, or `*`; `is_gone` where there is no such login."""

    login: str
    groups: list[str]
    granted_at: datetime
    granted_by: str
    is_gone: bool


def new_claim_key() -> str:
    """Make a key of 256 random bits, as FINOPS_API_CLAIMS_KEY takes it."""
    return secrets.token_urlsafe(32)


def store_claim_key(connection: Connection, key: str) -> None:
    """Store the key, whose UTF-8 is what claims are signed with; the one before it stays valid for a day.

    It is sent as a parameter, and in no error: a server that logs the parameters of statements has it in its log.

    Raises:
        psycopg.Error: when it has less than 32 bytes, or the role does not own the table.
    """
    connection.execute("select finops.store_claim_key(%s)", (key.encode(),))


def grant(connection: Connection, login: str, groups: Sequence[str]) -> Sequence[str]:
    """Let a login see groups, and those below them, beside what it may see already; return what is left to execute.

    Raises:
        FinopsError: for a login that is not there, or that no grant would bound; for a group that is not there.
    """
    _check(connection, login)
    for key in [group if group == EVERYTHING else _key(connection, group) for group in groups]:
        connection.execute(
            "insert into finops.reader_groups (login, group_key) values (%s, %s) on conflict do nothing", (login, key)
        )
    settings = [sql.SQL("alter role {} set ").format(sql.Identifier(login)) + sql.SQL(setting) for setting in SETTINGS]
    try:
        with connection.transaction():
            for statement in settings:
                connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return [statement.as_string(connection) for statement in settings]
    return []


def revoke(connection: Connection, login: str) -> None:
    """Let a login see nothing, from its next query on.

    Raises:
        FinopsError: when nothing was granted to it.
    """
    if connection.execute("delete from finops.reader_groups where login = %s", (login,)).rowcount == 0:
        raise FinopsError(f"nothing is granted to {login}: `finops access list` shows what is granted to whom")


def grants(connection: Connection) -> Sequence[Grant]:
    """Return what is granted, by login."""
    return connection.cursor(row_factory=class_row(Grant)).execute(GRANTS).fetchall()


def _check(connection: Connection, login: str) -> None:
    found = connection.execute(LOGIN, (login,)).fetchone()
    if found is None or not found["may_log_in"]:
        raise FinopsError(
            f"there is no login {login}: create it (create role {login} login in role finops_api; \\password {login})"
        )
    strong = found["strong_roles"]
    why = (
        "is a superuser"
        if found["is_superuser"]
        else f"is in {', '.join(strong)}"
        if isinstance(strong, list) and strong
        else "may read finops.fact_releve itself"
    )
    if found["is_superuser"] or strong or found["reads_releves"]:
        raise FinopsError(f"{login} {why}, and sees every cost whatever is granted: give the tool a login of its own")
    if not found["is_reader"]:
        raise FinopsError(f"{login} may not read the views: grant finops_api to {login} with inherit true")


def _key(connection: Connection, group: str) -> str:
    if not exists(connection, "finops.mv_group_tree"):
        raise FinopsError("the database holds no groups yet: run `finops nightly` on it")
    key = connection.cursor(row_factory=scalar_row).execute(KEY, {"group": group}).fetchone()
    if not isinstance(key, str):
        raise FinopsError(f"there is no group '{group}': finops.dim_group has those that there are, by id")
    return key
