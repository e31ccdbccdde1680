"""Prints a run's results: tables of relevés, costs and rejects.

Amounts are exact decimals from PostgreSQL and are rounded for display only, here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from psycopg.rows import class_row
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Row = tuple[Any, ...]

# The figures cover the run's periods, or all of them if the run has none.
BY_SOURCE = """
    select source, count(*), sum(line_count), sum(total_cost), currency
    from finops.fact_releve
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by source, currency order by source, currency
"""
BY_DOMAIN = """
    select currency, period, domain, sum(total_cost)
    from finops.mv_cost_domain_period
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by currency, period, domain order by currency, period, domain
"""
# The last month is not over, so the one before it is compared with a year earlier.
BY_APPLICATION = """
    select application_id, currency, sum(total_cost),
        sum(total_cost) / nullif(sum(sum(total_cost)) over (partition by currency), 0),
        sum(total_cost) filter (where period = %(last)s::date - interval '13 months'),
        sum(total_cost) filter (where period = %(last)s::date - interval '1 month')
    from finops.mv_cost_app_month
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by application_id, currency order by 3 desc, 1 limit 5
"""
REJECTED = """
    select reason, source, count(*), sum(quantity), unit, sum(amount), currency
    from finops.rejected_usage
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by reason, source, unit, currency order by reason, source, unit
"""
ESTIMATED = """
    select currency, sum(estimated_cost), sum(total_cost)
    from finops.fact_releve
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by currency order by currency
"""
SET_APART = """
    select source, charge_category, count(*), sum(total_cost), currency
    from finops.set_apart_charges
    where period = any(coalesce(%(periods)s::date[], array[period]))
    group by source, charge_category, currency order by source, charge_category
"""
RUN = """
    select run_id::text as run_id, kind, status, start_time, end_time, volume_processed, periods, error
    from finops.etl_runs where run_id::text = %s
"""


@dataclass(frozen=True)
class Run:
    """A row of finops.etl_runs."""

    run_id: str
    kind: str
    status: str
    start_time: datetime
    end_time: datetime | None
    volume_processed: int | None
    periods: list[date] | None
    error: str | None


def latest_run(connection: psycopg.Connection) -> str | None:
    """Return the id of the last run started, or None without any."""
    if not _exists(connection, "finops.etl_runs"):
        return None
    latest = "select run_id::text from finops.etl_runs order by start_time desc limit 1"
    row = connection.execute(latest).fetchone()
    return str(row[0]) if row else None


def show(connection: psycopg.Connection, run_id: str, console: Console) -> None:
    """Print a run, its published costs, its rejects, and the next commands to try."""
    run = _run(connection, run_id)
    last = max(run.periods) if run.periods else None
    periods = {"periods": run.periods or None, "last": last}

    def rows(query: str) -> list[Row]:
        return connection.execute(query, periods).fetchall()

    console.print(_run_table(run))
    if not _exists(connection, "finops.mv_cost_app_month"):
        console.print("Nothing was published.")
        return
    console.print(_source_table(rows(BY_SOURCE)))
    for table in _month_tables(rows(BY_DOMAIN)):
        console.print(table)
    console.print(_application_table(rows(BY_APPLICATION), last))
    console.print(_rejected_table(rows(REJECTED)))
    for source, category, lines, amount, currency in rows(SET_APART):
        console.print(
            f"Set apart, not a cost: {_money(amount, currency)} of {category.lower()} in {source} ({lines:,} lines)",
            soft_wrap=True,
            highlight=False,
        )
    for currency, estimated, total in rows(ESTIMATED):
        console.print(
            f"Estimated, from an earlier day's snapshot: {_money(estimated, currency)} ({_share(estimated, total)})",
            soft_wrap=True,
            highlight=False,
        )
    console.print(_next_steps(run), soft_wrap=True, markup=False, highlight=False)


def _exists(connection: psycopg.Connection, relation: str) -> bool:
    return connection.execute("select to_regclass(%s)", [relation]).fetchone() != (None,)


def _run(connection: psycopg.Connection, run_id: str) -> Run:
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        found = cursor.execute(RUN, [run_id]).fetchone()
    if found is None:
        raise LookupError(f"finops.etl_runs has no run {run_id}")
    return found


def _run_table(run: Run) -> Table:
    table = Table(title=f"Run {run.run_id}", title_justify="left", show_header=False)
    duration = f"{(run.end_time - run.start_time).total_seconds():,.1f} s" if run.end_time else "running"
    table.add_row("Kind", run.kind)
    table.add_row("Status", f"[{'green' if run.status == 'SUCCESS' else 'red'}]{run.status}[/]")
    table.add_row("Periods", ", ".join(f"{month:%Y-%m}" for month in run.periods or []))
    table.add_row("Duration", duration)
    table.add_row("Volume", f"{run.volume_processed or 0:,} records")
    if run.error:
        table.add_row("Error", escape(run.error))
    return table


def _table(title: str, texts: Sequence[str], figures: Sequence[str]) -> Table:
    """Return a table with text columns first, then right-aligned figures."""
    table = Table(title=title, title_justify="left")
    for name in texts:
        table.add_column(name)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _source_table(rows: Iterable[Row]) -> Table:
    table = _table("Relevés by source", ["Source"], ["Relevés", "Lines", "Cost"])
    for source, releves, records, cost, currency in rows:
        table.add_row(source, f"{releves:,}", f"{records:,}", _money(cost, currency))
    return table


def _month_tables(rows: Sequence[Row]) -> Iterator[Table]:
    """Yield a table for each currency: a row for each month, a column for each domain."""
    for currency, of_currency in groupby(rows, key=itemgetter(0)):
        costs = {(month, domain): cost for _, month, domain, cost in of_currency}
        months, domains = (sorted({key[part] for key in costs}) for part in (0, 1))
        table = _table(f"Cost by month and domain, {currency}", ["Month"], [*domains, "Total"])
        for month in months:
            line = [costs.get((month, domain), Decimal(0)) for domain in domains]
            table.add_row(f"{month:%Y-%m}", *(_money(cost) for cost in [*line, sum(line)]))
        table.add_section()
        line = [sum(cost for (_, of), cost in costs.items() if of == domain) for domain in domains]
        table.add_row("Total", *(_money(cost) for cost in [*line, sum(line)]), style="bold")
        yield table


def _application_table(rows: Iterable[Row], last: date | None) -> Table:
    month = last or date.max
    before = month.replace(day=1) - timedelta(days=1)
    compared = [f"{before.year - 1}-{before:%m}", f"{before:%Y-%m}", "Change"]
    table = _table("Most expensive applications", ["Application"], ["Cost", "Share", *compared])
    for application, currency, cost, share, year_ago, lately in rows:
        change = lately - year_ago if lately is not None and year_ago is not None else None
        figures = [_money(amount) if amount is not None else "–" for amount in (year_ago, lately)]
        changed = _share(change, year_ago) if change is not None else "–"
        table.add_row(application, _money(cost, currency), _share(share, Decimal(1)), *figures, changed)
    return table


def _rejected_table(rows: Sequence[Row]) -> Table:
    title = "Rejected: kept aside with the reason, never counted as zero" if rows else "Nothing was rejected"
    table = _table(title, ["Reason", "Source"], ["Lines", "Quantity", "Amount"])
    for reason, source, lines, quantity, unit, amount, currency in rows:
        held = f"{quantity:,.2f} {unit or ''}".strip() if quantity is not None else "unknown"
        table.add_row(reason, source, f"{lines:,}", held, _money(amount, currency))
    return table


def _money(amount: Decimal | int | None, currency: str | None = None) -> str:
    """Return the amount with two decimals, thousands separators and the currency; `unknown` for None."""
    return "unknown" if amount is None else f"{Decimal(amount):,.2f} {currency or ''}".strip()


def _share(part: Decimal | None, whole: Decimal) -> str:
    return "–" if part is None or not whole else f"{100 * part / whole:,.1f} %"


def _next_steps(run: Run) -> str:
    month = f"{max(run.periods):%Y-%m}" if run.periods else "YYYY-MM"
    return "\n".join(
        [
            "Next:",
            "  make api    # then open http://127.0.0.1:8000/ in a browser",
            "  make psql",
            """  make psql ARGS="-c 'select period, domain, total_cost from finops.mv_cost_domain_period'\"""",
            f"  make runs RUN={run.run_id[:8]}",
            "  make coverage",
            f'  make reprocess PERIOD={month} REASON="a price came late"',
        ]
    )
