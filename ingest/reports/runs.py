"""`finops runs`: what the runs did, for a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finops.ingest.database import Connection, connect, prepare
from finops.ingest.errors import ConfigurationError, FinopsError

STATUS_STYLE = {
    "SUCCESS": "green",
    "COMPLETE": "green",
    "PUBLISHED": "green",
    "FAILED": "red",
    "REFUSED": "red",
    "BLOCKED": "red",
    "RUNNING": "yellow",
    "EMPTY": "yellow",
}

MAX_LISTED = 3  # sources of a month that waits; all are in etl_runs.waiting_scopes
LIST_TEXT = 100  # the whole of it is in `finops runs RUN_ID`

RUNS = """
    select run_id::text, kind, start_time, end_time, status, volume_processed, periods, reason, error
    from finops.etl_runs order by start_time desc limit %s
"""
ONE_RUN = """
    select run_id::text, kind, start_time, end_time, status, volume_processed, periods, reason, error, started_by,
        waiting_scopes, changes
    from finops.etl_runs where run_id::text like %s
"""
STEPS = """
    select step, source, start_time, end_time, status, row_count, error
    from finops.etl_steps where run_id = %s order by step_id
"""
EXTRACTIONS = """
    select source, status, count(*) as windows, min(window_date) as first, max(window_date) as last,
        sum(record_count) as records, max(error) as error
    from finops.etl_extractions where run_id = %s group by source, status order by source, status
"""
RECONCILIATIONS = """
    select source, to_char(period, 'YYYY-MM') as period, status, records_landed, records_released,
        records_rejected, records_set_apart, records_duplicate, amount_landed, amount_released, amount_rejected,
        amount_set_apart, cost_before, cost_after, cardinality(measured_days) as days_measured,
        cardinality(estimated_days) as days_estimated
    from finops.etl_reconciliations where run_id = %s order by period, source
"""


def list_runs(limit: int) -> None:
    """Print the last runs, the newest first."""
    with connect_ready() as connection:
        rows = connection.execute(RUNS, (limit,)).fetchall()
    table = Table("run", "kind", "started (UTC)", "took", "status", "records", "periods")
    table.add_column("reason or error")
    for row in rows:
        table.add_row(
            str(row["run_id"])[:8],
            str(row["kind"]),
            _instant(row["start_time"]),
            _duration(row),
            _status(row["status"]),
            f"{row['volume_processed']:,}",
            _periods(row["periods"]),
            escape(_excerpt(row["error"] or row["reason"] or "")),
        )
    console = wide_console()
    if rows:
        console.print(table)
        console.print(f"One whole: finops runs {str(rows[0]['run_id'])[:8]}", highlight=False)
    else:
        console.print("No run yet: start one with `make nightly`.")


def show(run_id: str) -> None:
    """Print a run with its steps, extractions and reconciliations.

    Raises:
        ConfigurationError: when no run, or more than one, begins so.
    """
    with connect_ready() as connection:
        rows = connection.execute(ONE_RUN, (run_id.replace("%", "").replace("_", "").lower() + "%",)).fetchall()
        if len(rows) != 1:
            found = "no run begins" if not rows else f"{len(rows)} runs begin"
            raise ConfigurationError(f"{found} with '{run_id}': `finops runs` lists them")
        run = rows[0]
        parts = [
            _table(connection, title, query, run["run_id"])
            for title, query in (("Steps", STEPS), ("Extractions", EXTRACTIONS), ("Reconciliation", RECONCILIATIONS))
        ]
    console = wide_console()
    console.print(
        f"[bold]{run['kind']}[/] {run['run_id']}  {_status(run['status'])}\n"
        f"started {_instant(run['start_time'])} UTC by {escape(str(run['started_by']))}, took {_duration(run)}, "
        f"periods {_periods(run['periods'])}, {run['volume_processed']:,} records",
        highlight=False,
    )
    for label in ("reason", "error"):
        if run[label]:
            console.print(f"{label}: {escape(str(run[label]))}", highlight=False)
    for part in parts:
        console.print(part)
    if run["changes"]:
        console.print(changed(cast("Mapping[str, str]", run["changes"])), highlight=False, markup=False)
    if run["waiting_scopes"]:
        console.print(waiting(cast("Sequence[str]", run["waiting_scopes"])), highlight=False, markup=False)


def changed(changes: Mapping[str, str]) -> str:
    """By how much a run changed the cost of each month, in the reporting currency."""
    months = (f"{month} by {Decimal(difference):+,.2f}" for month, difference in sorted(changes.items()))
    return f"Cost changed: {', '.join(months)}"


def waiting(scopes: Sequence[str]) -> str:
    """What to know of published months whose reference data has changed; `scopes` such as `cmdb.vm 2026-09`."""
    by_month: dict[str, list[str]] = {}
    for scope in sorted(scopes, key=lambda scope: scope.split()[::-1]):
        source, month = scope.split()
        by_month.setdefault(month, []).append(source)
    months = "; ".join(
        f"{month}: {', '.join(sources) if len(sources) <= MAX_LISTED else f'{len(sources)} sources'}"
        for month, sources in by_month.items()
    )
    span = "..".join(dict.fromkeys((min(by_month), max(by_month))))
    return (
        f"Reference data has changed since these were published, and they stay as they are until somebody reprocesses "
        f'them: {months}. To do so: finops reprocess --period {span} --reason "…"'
    )


def wide_console() -> Console:
    """As wide as the terminal; a pipe has no width, and no table should be folded for it."""
    return Console() if sys.stdout.isatty() else Console(width=240)


def connect_ready() -> Connection:
    """Connect, creating the loader's tables first if they are missing."""
    connection = connect()
    row = connection.execute("select to_regclass('finops.etl_runs') is not null as there").fetchone()
    if not row or not row["there"]:
        try:
            prepare(connection)
        except FinopsError:
            connection.close()
            raise
    return connection


def _table(connection: Connection, title: str, query: str, run_id: object) -> Table:
    cursor = connection.execute(query, (run_id,))
    names = [column.name for column in cursor.description or () if column.name != "end_time"]
    table = Table(title=title, title_justify="left")
    for name in names:
        heading = {"start_time": "took"}.get(name, name.replace("_", " "))
        numeric = name.startswith(("records", "amount", "cost", "days")) or name in (
            "row_count",
            "windows",
            "start_time",
        )
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in cursor:
        table.add_row(*(_cell(name, row) for name in names))
    return table


def _cell(name: str, row: dict[str, object]) -> str:
    value = row[name]
    if name == "start_time":
        return _duration(row)
    if name == "status":
        return _status(value)
    if name.startswith(("amount", "cost")) and value is not None:
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return "" if value is None else escape(f"{value:,}" if isinstance(value, int) else str(value))


def _excerpt(value: object) -> str:
    text = str(value)
    return text if len(text) <= LIST_TEXT else text[: LIST_TEXT - 1] + "…"


def _status(value: object) -> str:
    return f"[{STATUS_STYLE.get(str(value), 'dim')}]{value}[/]"


def _instant(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


def _duration(row: dict[str, object]) -> str:
    start, end = cast("datetime", row["start_time"]), cast("datetime | None", row["end_time"])
    return "" if end is None else f"{(end - start) / timedelta(seconds=1):.1f} s"


def _periods(value: object) -> str:
    months = [f"{day:%Y-%m}" for day in cast("Sequence[datetime]", value)]
    return months[0] if len(months) == 1 else f"{months[0]}..{months[-1]}" if months else ""
