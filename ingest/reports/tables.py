"""Print query results as tables."""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg import sql
from psycopg.rows import tuple_row
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finops.ingest.config.redaction import escaped
from finops.ingest.database import Connection

FIGURES = {"int4", "int8", "numeric", "interval"}  # types of PostgreSQL whose columns stand on the right
STATUS_STYLE = {
    **dict.fromkeys(("SUCCESS", "COMPLETE", "PUBLISHED"), "green"),
    **dict.fromkeys(("FAILED", "REFUSED", "BLOCKED"), "red"),
    **dict.fromkeys(("RUNNING", "EMPTY"), "yellow"),
}


def wide_console() -> Console:
    """Return a console as wide as the terminal, or wide enough to fold no table where stdout is a pipe."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=240, highlight=False)


def table_of(
    connection: Connection,
    query: str | sql.Composed,
    values: dict[str, object],
    title: str | None = None,
    left: Collection[str] = (),
) -> Table:
    """Return a query's rows as a table whose headings are the names of its columns.

    Figures are aligned right; where `left` is given, all columns but these.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query.encode() if isinstance(query, str) else query, values).fetchall()
        columns = cursor.description or []
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_figure = column.name not in left if left else column.type_display in FIGURES
        table.add_column(column.name, justify="right" if is_figure else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else cell(value) for value in row))
    return table


def cell(value: object) -> str:
    """Format a value: instants in UTC, durations in seconds, statuses in colour."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, timedelta):
        return f"{value / timedelta(seconds=1):.1f} s"
    if isinstance(value, int | Decimal):
        return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    text = plain(value)
    return f"[{STATUS_STYLE[text]}]{text}[/]" if text in STATUS_STYLE else text


def plain(value: object) -> str:
    """Return a value as it is to stand on a terminal, whatever it holds: neither rich nor the terminal obeys it."""
    return escape(escaped(str(value)))
