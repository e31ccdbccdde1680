"""Commands on reference data: check it before a run does, and say what a change of it would change."""

from __future__ import annotations

import os

import click

from finops.ingest.errors import FinopsError

MAX_LISTED = 200


@click.group("reference")
def reference_group() -> None:
    """The company's reference data: applications, products, prices, rates.

    Its files are in `reference/`, or where `[reference.<table>]` in .dlt/config.toml says.

    Example: finops reference check
    """


@reference_group.command("check")
def check_command() -> None:
    """Read and check every table as a run does, and name each problem; exit 1 if there is one.

    What only PostgreSQL or the catalog knows is not checked without a database. Nothing is written.

    Example: finops reference check
    """
    from finops.ingest.config.settings import reference
    from finops.ingest.database import connect
    from finops.ingest.reference.checks import RefusedError
    from finops.ingest.reference.load import read

    try:
        if os.environ.get("PGHOST"):
            with connect() as connection:
                tables = read(reference(), connection)
        else:
            tables = read(reference(), None)
            click.echo("PGHOST is not set: regular expressions, and codes of Backstage's catalog, are not checked")
    except RefusedError as refused:
        for problem in refused.problems[:MAX_LISTED]:
            click.echo(f"✗ {problem}")
        if (count := len(refused.problems)) > MAX_LISTED:
            click.echo(f"… and {count - MAX_LISTED} more")
        raise FinopsError(f"reference data has {count} {'problem' if count == 1 else 'problems'}") from refused
    for table in tables:
        read_as = "does not exist: an empty table" if table.content.is_missing else f"{len(table.entries)} rows"
        click.echo(f"✓ {table.name}: {table.content.place}, {read_as}")


@reference_group.command("diff")
def diff_command() -> None:
    """Say what changed against what was last used, row by row, and which sources and months it touches.

    Nothing is changed by it: the next run is.

    Example: finops reference diff
    """
    from rich.table import Table

    from finops.ingest.config.redaction import redact
    from finops.ingest.config.settings import reference
    from finops.ingest.database import connect_ready
    from finops.ingest.periods import today
    from finops.ingest.reference import differences
    from finops.ingest.reference.load import read
    from finops.ingest.reports.tables import plain, wide_console

    with connect_ready() as connection:
        tables = read(reference(), connection)
        changes = list(differences.changes(connection, tables))
        touched = differences.touched(connection, tables, today()) if changes else []
    if not changes:
        click.echo("No change: what is in use is what the places of the reference data say.")
        return
    rows = Table("table", "row", "key", "values", "changed by", "changed at", title="Changes", title_justify="left")
    for change in changes[:MAX_LISTED]:
        rows.add_row(*(plain(redact(value or "")) for value in change))
    scopes = Table("source", "month", "changes", "when", title="What they touch", title_justify="left")
    for scope in touched:
        when = "next nightly" if scope.is_next else f'finops reprocess --period {scope.month} --reason "…"'
        scopes.add_row(scope.source, scope.month, scope.what, when)
    console = wide_console()
    console.print(rows)
    if len(changes) > MAX_LISTED:
        console.print(f"… and {len(changes) - MAX_LISTED} more")
    console.print(scopes if touched else "They touch nothing that is published.")
