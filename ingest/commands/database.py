"""Commands about the database itself: set it up with its roles."""

from __future__ import annotations

import click


@click.command("init-db")
@click.option("--loader-login", "loader_logins", multiple=True, metavar="NAME", help="A login that nightlies run with.")
@click.option("--api-login", "api_logins", multiple=True, metavar="NAME", help="A login that the API runs with.")
def init_db_command(loader_logins: tuple[str, ...], api_logins: tuple[str, ...]) -> None:
    """Set the database up with its roles, as an administrator; again after each upgrade.

    PGUSER is a superuser, or a login with createrole that owns the database. It sets no passwords.

    Example: finops init-db --loader-login finops --api-login finops_reader
    """
    from rich.table import Table

    from finops.ingest.access import KEY_VARIABLE
    from finops.ingest.database import LOADER, connect
    from finops.ingest.reports.tables import wide_console
    from finops.ingest.roles import init_db

    with connect(role=None) as connection:
        outcome = init_db(connection, loader_logins, api_logins)
    table = Table("what", "outcome", box=None)
    for line in outcome.done:
        table.add_row(*line)
    wide_console().print(table)
    if outcome.new_key:
        click.echo(f"Store this in the API's Secret, it is not shown again: {KEY_VARIABLE}={outcome.new_key}", err=True)
    for statement in outcome.remaining:
        click.echo(f"Only a superuser may: {statement};")
    if not loader_logins:
        click.echo(f"Next: `finops init-db --loader-login NAME` makes a login a member of {LOADER}, if none is yet.")
    click.echo("Next: with the loader's login, `finops doctor`, then `finops nightly`.")
