"""Commands on what logins of BI tools may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from finops.ingest.errors import FinopsError, one_line

if TYPE_CHECKING:
    from finops.ingest.database import Connection


@click.group("access")
def access_group() -> None:
    """What logins of BI tools may see: one a team, in docs/bi.md.

    PGUSER owns the tables, or is the administrator that ran `finops init-db`.

    Example: finops access list
    """


@access_group.command("grant")
@click.argument("login")
@click.argument("groups", nargs=-1, metavar="[GROUP]...")
@click.option("--everything", is_flag=True, help="The costs of all groups.")
def grant_command(login: str, groups: tuple[str, ...], *, everything: bool) -> None:
    """Let LOGIN see the costs of groups, and of those below them; and keep its sessions from writing.

    Example: finops access grant bi_payments payments
    """
    from finops.ingest.access import EVERYTHING, grant

    if bool(groups) == everything:
        raise click.UsageError("choose what it sees: a GROUP, or several, or --everything")
    if EVERYTHING in groups:
        raise click.BadParameter("'*' is not a group: write --everything", param_hint="GROUP")
    with _database() as connection:
        remaining = grant(connection, login, [EVERYTHING] if everything else groups)
    click.echo(f"{login} sees {'everything' if everything else ', '.join(groups)} in the views of schema finops_api.")
    for statement in remaining:
        click.echo(f"An administrator of {login} may, so that it can't write: {statement};")


@access_group.command("revoke")
@click.argument("login")
def revoke_command(login: str) -> None:
    """Let LOGIN see nothing, from its next query on.

    Example: finops access revoke bi_payments
    """
    from finops.ingest.access import revoke

    with _database() as connection:
        revoke(connection, login)
    click.echo(f"{login} sees no cost. To end it: drop role {login}")


@access_group.command("list")
def list_command() -> None:
    """Show what is granted, by login.

    Example: finops access list
    """
    from rich.markup import escape
    from rich.table import Table

    from finops.ingest.access import grants
    from finops.ingest.reports.tables import cell, wide_console

    with _database() as connection:
        granted = grants(connection)
    if not granted:
        click.echo("Nothing is granted: `finops access grant LOGIN GROUP` grants it.")
        return
    table = Table("login", "sees", "granted at (UTC)", "by", title="Logins of BI tools", title_justify="left")
    for line in granted:
        login = f"{line.login} (there is no such login)" if line.is_gone else line.login
        table.add_row(escape(login), escape(", ".join(line.groups)), cell(line.granted_at), escape(line.granted_by))
    wide_console().print(table)


@contextmanager
def _database() -> Iterator[Connection]:
    """Connect as the login itself, which may be an administrator's."""
    import psycopg

    from finops.ingest.database import connect

    try:
        with connect(role=None) as connection, connection.transaction():
            yield connection
    except psycopg.errors.UndefinedTable as error:
        raise FinopsError("the database is not set up: run `finops init-db`, or `finops nightly`, on it") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise FinopsError(
            f"{one_line(str(error))}: run this as the administrator of `finops init-db`, or as who owns the tables"
        ) from error
