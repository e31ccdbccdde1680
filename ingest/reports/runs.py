"""`finops runs`: list the last runs, or show one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import cast

from finops.ingest.config.redaction import escaped
from finops.ingest.database import connect_ready
from finops.ingest.errors import ConfigurationError
from finops.ingest.reports.tables import cell, table_of, wide_console

MAX_LISTED = 3  # sources of a month that waits; all are in etl_runs.waiting_scopes

# Of a long reason or error, the beginning: the whole of it is in `finops runs RUN_ID`.
RUNS = """
    select left(run_id::text, 8) as run, kind, start_time at time zone 'UTC' as "started (UTC)",
        end_time - start_time as took, status, volume_processed as records,
        (select concat_ws('..', min(month), nullif(max(month), min(month)))
            from (select to_char(unnest(periods), 'YYYY-MM') as month) as months) as periods,
        regexp_replace(coalesce(error, reason), '^(.{99}).{2,}$', '\\1…') as "reason or error"
    from finops.etl_runs order by start_time desc limit %(limit)s
"""
ONE_RUN = """
    select run_id::text, kind, start_time at time zone 'UTC' as start_time, end_time - start_time as took, status,
        volume_processed, reason, error, started_by, waiting_scopes, changes,
        (select concat_ws('..', min(month), nullif(max(month), min(month)))
            from (select to_char(unnest(periods), 'YYYY-MM') as month) as months) as periods
    from finops.etl_runs where starts_with(run_id::text, lower(%(run_id)s))
"""
PARTS = {
    "Steps": """
        select step, source, end_time - start_time as took, status, row_count as rows, error
        from finops.etl_steps where run_id = %(run_id)s order by step_id
    """,
    "Extractions": """
        select source, status, count(*) as windows, min(window_date) as first, max(window_date) as last,
            sum(record_count)::bigint as records, max(error) as error
        from finops.etl_extractions where run_id = %(run_id)s group by source, status order by source, status
    """,
    "Reconciliation": """
        select source, to_char(period, 'YYYY-MM') as period, status, records_landed as "records landed",
            records_released as "records released", records_rejected as "records rejected",
            records_set_apart as "records set apart", records_duplicate as "records duplicate",
            trim_scale(amount_landed) as "amount landed", trim_scale(amount_released) as "amount released",
            trim_scale(amount_rejected) as "amount rejected", trim_scale(amount_set_apart) as "amount set apart",
            trim_scale(cost_before) as "cost before", trim_scale(cost_after) as "cost after",
            cardinality(measured_days) as "days measured", cardinality(estimated_days) as "days estimated"
        from finops.etl_reconciliations as scopes where run_id = %(run_id)s order by scopes.period, source
    """,
}


def list_runs(limit: int) -> None:
    """Print the last runs, the newest first."""
    with connect_ready() as connection:
        table = table_of(connection, RUNS, {"limit": limit})
    console = wide_console()
    if table.row_count:
        console.print(table)
        console.print(f"One whole: finops runs {next(iter(table.columns[0].cells))}")
    else:
        console.print("No run yet: start one with `make nightly`.")


def show(run_id: str) -> None:
    """Print a run with its steps, extractions and reconciliations.

    Raises:
        ConfigurationError: when no run, or more than one, begins so.
    """
    with connect_ready() as connection:
        rows = connection.execute(ONE_RUN, {"run_id": run_id}).fetchall()
        if len(rows) != 1:
            found = "no run begins" if not rows else f"{len(rows)} runs begin"
            raise ConfigurationError(f"{found} with '{run_id}': `finops runs` lists them")
        run = rows[0]
        parts = [table_of(connection, query, run, title) for title, query in PARTS.items()]
    console = wide_console()
    shown = {name: "" if value is None else cell(value) for name, value in run.items()}
    console.print(
        f"[bold]{shown['kind']}[/] {shown['run_id']}  {shown['status']}\n"
        f"started {shown['start_time']} UTC by {shown['started_by']}, took {shown['took']}, "
        f"periods {shown['periods']}, {shown['volume_processed']} records"
    )
    for label in ("reason", "error"):
        if run[label]:
            console.print(f"{label}: {shown[label]}")
    console.print(*parts, sep="\n")
    for note in notes(run):
        console.print(escaped(note), markup=False)


def notes(run: Mapping[str, object]) -> list[str]:
    """Describe a run's `changes` and `waiting_scopes`, in one sentence each if there are any.

    Changes are the differences in each month's cost, in the reporting currency. Waiting scopes are published months
    whose reference data has changed since.
    """
    changes = cast("Mapping[str, str]", run["changes"])
    scopes = [scope.split() for scope in cast("Sequence[str]", run["waiting_scopes"])]  # such as `cmdb.vm 2026-09`
    found = []
    if changes:
        months = (f"{month} by {Decimal(difference):+,.2f}" for month, difference in sorted(changes.items()))
        found.append(f"Cost changed: {', '.join(months)}")
    if scopes:
        waiting = []
        scopes.sort(key=lambda scope: scope[::-1])
        for month, of_month in groupby(scopes, key=lambda scope: scope[1]):
            sources = [source for source, _ in of_month]
            waiting.append(
                f"{month}: {', '.join(sources) if len(sources) <= MAX_LISTED else f'{len(sources)} sources'}"
            )
        span = "..".join(dict.fromkeys((scopes[0][1], scopes[-1][1])))
        found.append(
            "Reference data has changed since these were published, and they stay as they are until somebody "
            f'reprocesses them: {"; ".join(waiting)}. To do so: finops reprocess --period {span} --reason "…"'
        )
    return found
