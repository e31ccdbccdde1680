"""`finops coverage`: how much cost is allocated, estimated and rejected, and what to mend first."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql
from psycopg.rows import tuple_row

from finops.ingest.database import Connection, connect_ready, exists
from finops.ingest.errors import FinopsError
from finops.ingest.periods import Period, listed
from finops.ingest.reports.runs import notes
from finops.ingest.reports.tables import table_of, wide_console

# Of to_char: two decimals, and a share behind them.
FORMATS = {"money": "FM999,999,999,999,990.00", "share": '" ("FM99,990.0"%)"'}
COVERAGE = """
    select source, to_char(total, %(money)s) || ' ' || currency as cost,
        to_char(allocated, %(money)s) || coalesce(to_char(100 * allocated / cost, %(share)s), '') as allocated,
        to_char(unallocated, %(money)s) || coalesce(to_char(100 * unallocated / cost, %(share)s), '') as unallocated,
        to_char(estimated, %(money)s) || coalesce(to_char(100 * estimated / cost, %(share)s), '') as estimated,
        to_char(rejected, %(money)s) || ' ' || currency as rejected,
        to_char(unpriced, 'FM999,999,999,999') || ' lines' as "rejected, amount unknown",
        to_char(set_apart, %(money)s) || ' ' || currency as "set apart"
    from (
        select source, currency, sum(total_cost) as total, nullif(sum(total_cost), 0) as cost,
            sum(allocated_cost) as allocated, sum(unallocated_cost) as unallocated, sum(estimated_cost) as estimated,
            sum(rejected_cost) as rejected, nullif(sum(unpriced_line_count), 0) as unpriced,
            nullif(sum(set_apart_cost), 0) as set_apart
        from finops.cost_coverage where period = any(%(months)s) group by source, currency
    ) as sums
    order by total desc, source
"""
PUBLISHED = "select min(period), max(period) from finops.fact_releve"
# Days of one month as ranges of their numbers: 1–3, 7.
RANGES = sql.SQL("""
    (select string_agg(concat_ws('–', extract(day from lower(days)),
            nullif(extract(day from upper(days) - 1), extract(day from lower(days)))), ', ' order by days)
        from unnest((select range_agg(daterange(day, day, '[]')) from unnest(missing_dates) as day)) as days)
""")
DAYS = sql.SQL("""
    select to_char(period, 'YYYY-MM') as month, source, measured_days as measured, estimated_days as estimated,
        missing_days as missing, days_to_come as "to come", {ranges} as "missing days"
    from finops.mv_source_month where period = any(%(months)s) order by period, source
""").format(ranges=RANGES)
MISSING = sql.SQL("""
    select format('%%s %%s: %%s missing, and in no cost: %%s (%%s measured, %%s estimated)', source,
        to_char(period, 'YYYY-MM'), case missing_days when 1 then '1 day is' else missing_days || ' days are' end,
        {ranges}, measured_days, estimated_days) as sentence
    from finops.mv_source_month
    where missing_days > 0 and period = any(%(months)s) order by period, source
""").format(ranges=RANGES)
# The largest amounts first, then those that nobody knows, by their number of lines.
GAPS = """
    select source, reason as why, subject as what,
        coalesce(to_char(sum, %(money)s) || ' ' || currency, 'unknown') as amount, lines
    from (
        select source, reason, subject, sum(amount), currency, sum(line_count) as lines,
            row_number() over (
                partition by sum(amount) is null
                order by abs(sum(amount)) desc, sum(line_count) desc, source, reason, subject, currency
            ) as place
        from finops.coverage_gaps where period = any(%(months)s) group by source, reason, subject, currency
    ) as ranked
    where place <= %(limit)s order by sum is null, place
"""

INVOICES = """
    select source, to_char(period, 'YYYY-MM') as month, coalesce(invoice_id, 'on none yet') as invoice,
        issue_status as status, invoiced_cost as invoiced, billed_cost as "in the bill", difference,
        billing_currency as currency, invoiced_tax as "invoiced tax", billed_tax as "tax in the bill"
    from finops.invoice_differences where period = any(%(months)s)
    order by abs(difference) desc, source, period, invoice_id limit %(limit)s
"""
CONFLICTS = """
    select subject_id as what, coalesce(holder_group_id, 'nobody') as owner, claimed_group_id as "claimed for",
        claimant_ref as by, claimed_on::text as since, to_char(period, 'YYYY-MM') as month,
        to_char(total_cost, %(money)s) || ' ' || currency as "at stake"
    from finops.ownership_conflicts
    order by abs(total_cost) desc nulls last, subject_id, claimant_ref limit %(limit)s
"""


def show(periods: Sequence[Period] | None, limit: int) -> None:
    """Print the coverage of these periods, or of the latest one published.

    Raises:
        FinopsError: when nothing was published.
    """
    with connect_ready() as connection:
        first, last = published(connection)
        wanted = periods or [last]
        months, title = [period.first for period in wanted], listed(wanted)
        values: dict[str, object] = {"months": months, "limit": limit, **FORMATS}
        coverage = table_of(connection, COVERAGE, values, f"Coverage of {title}", left=("source",))
        if not coverage.row_count:
            there = "..".join(dict.fromkeys(map(str, (first, last))))
            remedy = f"`finops nightly --period {title}` publishes it, `finops runs` says what was done"
            raise FinopsError(f"nothing was published for {title} (there is {there}): {remedy}")
        days = table_of(connection, DAYS, values, "Days of each month")
        gaps = table_of(connection, GAPS, values, "What to mend first", left=("source", "why", "what"))
        title_of_invoices = "Invoices and bills, without taxes, the largest difference first"
        invoices = table_of(connection, INVOICES, values, title_of_invoices, left=("source", "invoice"))
        title_of_claims = "Claims of the catalog that change nothing until they are confirmed (docs/ownership.md)"
        claims = table_of(connection, CONFLICTS, values, title_of_claims, left=("what", "owner", "claimed for", "by"))
    if not gaps.row_count:
        gaps.title = "Nothing to mend: all cost is allocated and nothing was rejected"
    console = wide_console()
    console.print(coverage, days, *(table for table in (invoices, claims) if table.row_count), gaps, sep="\n")
    console.print(
        "Mend a code in the reference table application_aliases or application_rules, a reject as it says; then: "
        f'finops reprocess --period {title} --reason "…"',
        markup=False,
    )


def caveats(connection: Connection, run_id: str) -> list[str]:
    """Return what to know beside a run's outcome: changed costs, months that wait for a reprocess, missing days.

    Missing days are those of the run's months, as published; none before dbt's first build.
    """
    run = connection.execute(
        "select periods as months, changes, waiting_scopes from finops.etl_runs where run_id = %s", (run_id,)
    ).fetchone()
    if not run or not exists(connection, "finops.mv_source_month"):
        return []
    missing = [str(row["sentence"]) for row in connection.execute(MISSING, run)]
    return [*notes(run), *missing]


def published(connection: Connection) -> tuple[Period, Period]:
    """Return the first and the last month that have relevés.

    Raises:
        FinopsError: when nothing was published.
    """
    if exists(connection, "finops.mv_source_month"):
        months = connection.cursor(row_factory=tuple_row).execute(PUBLISHED).fetchall()
        if months != [(None, None)]:
            [(first, last)] = months
            return Period(first), Period(last)
    raise FinopsError("nothing was published yet: start with `finops doctor`, then `finops nightly`")
