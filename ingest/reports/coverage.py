"""`finops coverage`: by money, what is known of the cost and what is not, and what to mend first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import cast

from rich.markup import escape
from rich.table import Table

from finops.ingest.database import Connection
from finops.ingest.errors import FinopsError
from finops.ingest.periods import Period
from finops.ingest.reports.runs import changed, connect_ready, waiting, wide_console

LATEST = "select max(period) as period from finops.fact_releve"
COVERAGE = """
    select source, currency, sum(total_cost) as total, sum(allocated_cost) as allocated,
        sum(unallocated_cost) as unallocated, sum(estimated_cost) as estimated, sum(rejected_cost) as rejected,
        sum(unpriced_line_count) as unpriced, sum(set_apart_cost) as set_apart
    from finops.cost_coverage where period = any(%s) group by source, currency order by total desc, source
"""
DAYS = """
    select period, source, measured_days, estimated_days, missing_days, days_to_come, missing_dates
    from finops.mv_source_month where period = any(%s) order by period, source
"""
# Periods are literals of the scan: see the README on lineage. What nobody claims is named by the best that it says.
UNALLOCATED = """
    select source, 'UNALLOCATED' as reason, coalesce(
            'code ' || application_code,
            'account ' || case when starts_with(source, 'focus.') then coalesce(sub_account_name, sub_account_id) end,
            'resource ' || coalesce(resource_id, resource_name), 'no name at all') as what,
        sum(total_cost) as amount, max(currency) as currency, count(*) as lines
    from finops.releve_lines where period = any(%s) and application_id = 'UNALLOCATED' group by source, what
"""
REJECTED = """
    select source, reason, coalesce(regexp_replace(detail, ' valid on [0-9-]+', ''), product_id, 'unknown') as what,
        sum(amount) as amount, max(currency) as currency, count(*) as lines
    from finops.rejected_usage where period = any(%s) group by source, reason, what
"""

Row = Mapping[str, object]


def show(periods: Sequence[Period] | None, limit: int) -> None:
    """Print the coverage of these periods, or of the latest one published.

    Raises:
        FinopsError: when nothing was published.
    """
    with connect_ready() as connection:
        months = [period.first for period in periods] if periods else _latest(connection)
        sources = connection.execute(COVERAGE, (months,)).fetchall()
        days = connection.execute(DAYS, (months,)).fetchall()
        offenders = [row for query in (UNALLOCATED, REJECTED) for row in connection.execute(query, (months,))]
    console = wide_console()
    title = str(Period(months[0])) if len(months) == 1 else f"{Period(months[0])}..{Period(months[-1])}"
    if not sources:
        raise FinopsError(f"nothing was published for {title}: `finops runs` says why, `finops nightly` publishes")
    console.print(_coverage_table(title, sources))
    console.print(_days_table(days))
    console.print(_offender_table(offenders, limit))
    console.print(
        "Mend a code with application_aliases.csv or application_rules.csv, a reject as it says, in the dbt project's "
        f'seeds; then: finops reprocess --period {title} --reason "…"',
        highlight=False,
        markup=False,
    )


def caveats(connection: Connection, run_id: str) -> list[str]:
    """What whoever reads a run's outcome has to know beside it: days that nobody measured, months that wait.

    Days are those of the months that the run is for, as published; none where nothing ever was.
    """
    if not _is_built(connection):
        return []
    missing = connection.execute(
        "select months.* from finops.mv_source_month as months"
        " join finops.etl_runs as runs on runs.run_id = %s and months.period = any(runs.periods)"
        " where months.missing_days > 0 order by months.period, months.source",
        (run_id,),
    )
    found = [_missing_days(row) for row in missing.fetchall()]
    run = connection.execute(
        "select changes, waiting_scopes from finops.etl_runs where run_id = %s", (run_id,)
    ).fetchone()
    if run and run["changes"]:
        found.insert(0, changed(cast("Mapping[str, str]", run["changes"])))
    if run and run["waiting_scopes"]:
        found.append(waiting(cast("Sequence[str]", run["waiting_scopes"])))
    return found


def _missing_days(row: Row) -> str:
    days = ranges(cast("Sequence[date]", row["missing_dates"]))
    count = "1 day is" if row["missing_days"] == 1 else f"{row['missing_days']} days are"
    return (
        f"{row['source']} {row['period']:%Y-%m}: {count} missing, and in no cost: {days} "
        f"({row['measured_days']} measured, {row['estimated_days']} estimated)"
    )


def _latest(connection: Connection) -> list[date]:
    row = connection.execute(LATEST).fetchone() if _is_built(connection) else None
    if row is None or row["period"] is None:
        raise FinopsError("nothing was published yet: start with `make nightly`, or `make demo`")
    return [cast("date", row["period"])]


def _is_built(connection: Connection) -> bool:
    row = connection.execute("select to_regclass('finops.mv_source_month') is not null as built").fetchone()
    return bool(row and row["built"])


def _coverage_table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=f"Coverage of {title}", title_justify="left")
    table.add_column("source", no_wrap=True)
    for name in ("cost", "allocated", "unallocated", "estimated", "rejected", "rejected, amount unknown", "set apart"):
        table.add_column(name, justify="right")
    for row in rows:
        total = cast("Decimal", row["total"])
        parts = [_with_share(row[name], total) for name in ("allocated", "unallocated", "estimated")]
        unpriced = f"{row['unpriced']:,} lines" if row["unpriced"] else ""
        apart = _money(row["set_apart"], row) if row["set_apart"] else ""
        table.add_row(str(row["source"]), _money(total, row), *parts, _money(row["rejected"], row), unpriced, apart)
    return table


def _days_table(rows: Sequence[Row]) -> Table:
    """Whose days are known, and how: what is missing is in no cost."""
    table = Table(title="Days of each month", title_justify="left")
    table.add_column("month", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for name in ("measured", "estimated", "missing", "to come"):
        table.add_column(name, justify="right")
    table.add_column("missing days", overflow="fold")
    for row in rows:
        counts = [str(row[name]) for name in ("measured_days", "estimated_days", "missing_days", "days_to_come")]
        missing = ranges(cast("Sequence[date]", row["missing_dates"]))
        table.add_row(f"{row['period']:%Y-%m}", str(row["source"]), *counts, missing)
    return table


def ranges(days: Sequence[date]) -> str:
    """Days of one month as ranges of their numbers: `1–3, 7`."""
    spans: list[list[int]] = []
    for day in days:
        if spans and spans[-1][1] == day.day - 1:
            spans[-1][1] = day.day
        else:
            spans.append([day.day, day.day])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in spans)


def _offender_table(rows: Sequence[Row], limit: int) -> Table:
    """The largest amounts first, then those that nobody knows, by their number of lines."""
    known = [row for row in rows if row["amount"] is not None]
    known.sort(key=lambda row: -abs(cast("Decimal", row["amount"])))
    unknown = [row for row in rows if row["amount"] is None]
    unknown.sort(key=lambda row: -cast("int", row["lines"]))
    ranked = known[:limit] + unknown[:limit]
    title = "What to mend first" if ranked else "Nothing to mend: all cost is allocated and nothing was rejected"
    table = Table(title=title, title_justify="left")
    for name in ("source", "why", "what"):
        table.add_column(name, overflow="fold")
    for name in ("amount", "lines"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in ranked:
        amount = "unknown" if row["amount"] is None else _money(row["amount"], row)
        table.add_row(str(row["source"]), str(row["reason"]), escape(str(row["what"])), amount, f"{row['lines']:,}")
    return table


def _money(amount: object, row: Row) -> str:
    return f"{cast('Decimal', amount):,.2f} {row['currency']}"


def _with_share(amount: object, total: Decimal) -> str:
    part = cast("Decimal", amount)
    return f"{part:,.2f} ({part / total:.1%})" if total else f"{part:,.2f}"
