"""The ledger of extractions: which window of which source was landed by which run, and whether it counts.

A window counts once its extraction is COMPLETE. All windows of a source in a run stand or fall together: a refused one
leaves the source as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast

from psycopg import sql
from psycopg.types.json import Jsonb

from finops.ingest.config.settings import ExtractionSettings
from finops.ingest.database import Connection
from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.pipeline.runs import Run, describe
from finops.ingest.sources.catalog import Source, Window

PURGEABLE = """
    with publications as (
        select source, landed_windows,
            lead(decided_at) over (partition by source, period order by publication) as replaced_at
        from finops.etl_reconciliations
        where status = 'PUBLISHED' and publication is not null
    ),
    kept as (
        select distinct source, unnest(landed_windows) as landed_window
        from publications
        where replaced_at is null or replaced_at > now() - make_interval(days => %(days)s)
    )
    select extraction_id, run_id::text, domain, source, measure, window_date
    from finops.etl_extractions as old
    where purged_at is null and ended_at < now() - make_interval(days => %(days)s)
        and not exists (select from finops.etl_accepted as counting where counting.extraction_id = old.extraction_id)
        and (old.source, concat_ws(' ', old.run_id, old.window_date)) not in (select source, landed_window from kept)
        and not exists (
            select from finops.etl_published as published
            where published.source = old.source and published.landed_digest is null
        )
        and exists (
            select from finops.etl_steps where run_id = %(run)s and step = 'consolidate' and status = 'SUCCESS'
        )
"""
DOES_NOT_ADD_UP = (
    "{source} {month} does not reconcile and keeps its previous relevés: {records_landed} records landed, "
    "{records_released} in relevés + {records_rejected} rejected + {records_set_apart} set apart + "
    "{records_duplicate} duplicates; amount {amount_landed} landed, {amount_released} in relevés + "
    "{amount_rejected} rejected + {amount_set_apart} set apart"
)
CHANGES_TOO_MUCH = (
    "{source} {month} keeps its previous relevés: {refusal}. Look why, then accept it with "
    '`finops reprocess --period {month} --source {source} --reason "…"`'
)


Totals = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Accepted:
    """The extraction of a window that counts now; `end` is the day after the last one that it covers."""

    records: int
    control_totals: Mapping[str, Mapping[str, str]]
    end: date = date.min


@dataclass(frozen=True)
class Outcome:
    """What an extraction brought for a window; `control_totals` by `YYYY-MM`, counted at the source."""

    window: Window
    records: int
    control_totals: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def accepted(connection: Connection, source: Source) -> dict[date, Accepted]:
    """The windows of a source that count, by their first day."""
    rows = connection.execute(
        "select window_date, window_end, record_count, control_totals from finops.etl_accepted where source = %s",
        (source.name,),
    )
    return {
        cast("date", row["window_date"]): Accepted(
            cast("int", row["record_count"]),
            cast("Mapping[str, Mapping[str, str]]", row["control_totals"]),
            cast("date", row["window_end"]),
        )
        for row in rows
    }


def done_windows(run: Run, source: Source) -> set[date]:
    """The first days of the windows that this run, in an earlier attempt, has read to the end."""
    rows = run.connection.execute(
        "select window_date from finops.etl_extractions"
        " where run_id = %s and source = %s and status in ('COMPLETE', 'EMPTY')",
        (run.run_id, source.name),
    )
    return {cast("date", row["window_date"]) for row in rows}


@contextmanager
def extraction(run: Run, source: Source, windows: Sequence[Window]) -> Iterator[None]:
    """Open an extraction of each window; if the block fails, they all say so."""
    with run.connection.transaction(), run.connection.cursor() as cursor:
        if run.resumed:
            _forget_attempt(run, source, windows)
        cursor.executemany(
            "insert into finops.etl_extractions (run_id, domain, source, measure, window_date, window_end)"
            " values (%s, %s, %s, %s, %s, %s)",
            [(run.run_id, source.domain, source.name, source.measure, window.start, window.end) for window in windows],
        )
    try:
        yield
    except BaseException as error:
        run.connection.execute(
            "update finops.etl_extractions set status = 'FAILED', error = %s, ended_at = clock_timestamp()"
            " where run_id = %s and source = %s and status = 'RUNNING'",
            (describe(error), run.run_id, source.name),
        )
        raise


def _forget_attempt(run: Run, source: Source, windows: Sequence[Window]) -> None:
    """Drop what an earlier attempt of this run half landed: its rows carry the same run, and would count with ours."""
    forget_rows(run, source, windows)
    run.connection.execute(
        "delete from finops.etl_extractions where run_id = %s and source = %s and window_date = any(%s)",
        (run.run_id, source.name, [window.start for window in windows]),
    )


def forget_rows(run: Run, source: Source, windows: Sequence[Window]) -> None:
    """Delete what this run has landed of these windows."""
    run.connection.execute(
        sql.SQL("delete from {} where run_id = %s and source = %s and window_date = any(%s)").format(
            sql.Identifier(f"raw_{source.domain}", source.table)
        ),
        (run.run_id, source.name, [window.start for window in windows]),
    )


def landed_rows(run: Run, source: Source, windows: Sequence[Window]) -> dict[date, int]:
    """How many rows of each window this run has in the raw table; windows without any are left out."""
    rows = run.connection.execute(
        sql.SQL(
            "select window_date, count(*) as landed from {} where run_id = %s and source = %s and window_date = any(%s)"
            " group by window_date"
        ).format(sql.Identifier(f"raw_{source.domain}", source.table)),
        (run.run_id, source.name, [window.start for window in windows]),
    )
    return {cast("date", row["window_date"]): cast("int", row["landed"]) for row in rows}


def accept_or_refuse(
    run: Run, source: Source, outcomes: Sequence[Outcome], limits: ExtractionSettings, *, accept_shrink: bool
) -> None:
    """Accept what was landed, or refuse it.

    Raises:
        SourceError: when a window came back empty or much smaller than the one that counts, or all came back empty.
    """
    before = accepted(run.connection, source)
    refusal = None if accept_shrink else _refusal(source, outcomes, before, limits)
    with run.connection.transaction(), run.connection.cursor() as cursor:
        cursor.executemany(
            "update finops.etl_extractions set status = %s, record_count = %s, control_totals = %s, periods = %s,"
            " error = %s, ended_at = clock_timestamp() where run_id = %s and source = %s and window_date = %s",
            [
                (
                    "REFUSED" if refusal else "COMPLETE" if outcome.records or accept_shrink else "EMPTY",
                    outcome.records,
                    Jsonb(outcome.control_totals),
                    sorted(Period.parse(month).first for month in outcome.control_totals),
                    refusal,
                    run.run_id,
                    source.name,
                    outcome.window.start,
                )
                for outcome in outcomes
            ],
        )
    if refusal:
        raise SourceError(refusal)


def _refusal(
    source: Source, outcomes: Sequence[Outcome], before: Mapping[date, Accepted], limits: ExtractionSettings
) -> str | None:
    remedy = "what was published stays; if this is right, run again with --accept-shrink"
    for outcome in outcomes:
        day = _baseline(source, outcome, before)
        known = before.get(day)
        if known and outcome.records < known.records * (1 - limits.max_shrink):
            return (
                f"{source.name}: {outcome.window.start} came back with {outcome.records} records where "
                f"{known.records} are accepted of {day}, more than {limits.max_shrink:.0%} fewer: {remedy}"
            )
        if known and (fall := _fall(outcome.control_totals, known.control_totals, limits.max_shrink)):
            return f"{source.name}: {outcome.window.start} came back with {fall}: {remedy}"
    if not any(outcome.records for outcome in outcomes):
        span = f"{outcomes[0].window.start} to {outcomes[-1].window.start}"
        return f"{source.name}: no record came back for {span}: {remedy}"
    return None


def _fall(now: Totals, before: Totals, max_shrink: Decimal) -> str | None:
    """Which cost of a bill fell by more than the share of its size that is allowed, in words: below zero, too."""
    for name in ("EffectiveCost", "BilledCost"):
        was, found = (
            sum((Decimal(month.get(name, 0)) for month in totals.values()), Decimal(0)) for totals in (before, now)
        )
        if was and was - found > max_shrink * abs(was):
            return f"{name} {found} where {was} is accepted, more than {max_shrink:.0%} less"
    return None


def _baseline(source: Source, outcome: Outcome, before: Mapping[date, Accepted]) -> date:
    """The window that one must not be much smaller than: itself as it counts now, or the snapshot of the day before it.

    A catalog or a CMDB hardly changes from day to day: half of it missing would read as half of it having left. A day
    without a dump of the CMDB is an ordinary gap.
    """
    day = outcome.window.start
    if day in before or not (source.measure == "reference" or (source.measure == "inventory" and outcome.records)):
        return day
    return max((known for known in before if known < day), default=day)


def planned(run: Run) -> bool:
    """Whether dbt found a (source, month) to publish for this run."""
    row = run.connection.execute(
        "select exists (select from finops.etl_reconciliations where run_id = %s) as planned", (run.run_id,)
    ).fetchone()
    return bool(row and row["planned"])


def store_taxes(connection: Connection, choices: Mapping[str, str]) -> None:
    """Tell dbt whose tax is set apart; a source that is no longer configured keeps what was said last."""
    with connection.transaction():
        connection.execute("delete from finops.etl_tax_apart where source = any(%s)", (list(choices),))
        connection.execute(
            "insert into finops.etl_tax_apart select unnest(%s::text[])",
            ([source for source, choice in choices.items() if choice == "apart"],),
        )


def released_lines(run: Run) -> int:
    """Count the usage lines that the run has put into relevés."""
    row = run.connection.execute("select finops.released_lines(%s) as lines", (run.run_id,)).fetchone()
    return cast("int", row["lines"]) if row else 0


def held_back(run: Run) -> list[str]:
    """The scopes that this run did not publish, in words: they do not add up, or change too much."""
    rows = run.connection.execute(
        "select *, to_char(period, 'YYYY-MM') as month from finops.etl_reconciliations"
        " where run_id = %s and status in ('BLOCKED', 'REFUSED') order by source, period",
        (run.run_id,),
    )
    return [(DOES_NOT_ADD_UP if row["status"] == "BLOCKED" else CHANGES_TOO_MUCH).format_map(row) for row in rows]


def purge_reference(run: Run, tables: Mapping[str, str], keep_days: int) -> int:
    """Delete snapshots of reference data of more than `keep_days` days ago; how many rows that was.

    What they changed is kept, a row a change, in int_catalog_history. So: only once this run has worked that out, and
    never the latest snapshot.
    """
    rows = run.connection.execute(
        "select extraction_id, run_id::text, domain, source, measure, window_date from finops.etl_accepted as old"
        " where measure = 'reference' and purged_at is null and ended_at < now() - make_interval(days => %s)"
        " and exists (select from finops.etl_accepted as later"
        "   where later.source = old.source and later.window_date > old.window_date)"
        " and exists (select from finops.etl_steps where run_id = %s and step = 'consolidate' and status = 'SUCCESS')",
        (keep_days, run.run_id),
    ).fetchall()
    return _delete(run, tables, rows)


def purge(run: Run, tables: Mapping[str, str], keep_days: Decimal | int) -> int:
    """Delete raw versions that nothing stands on any more; how many rows that was.

    What counts is kept, and so is what a published relevé stands on, for `keep_days` after it stopped being published.
    Nothing goes in a run that could not publish, nor of a source whose publications do not say what they stand on.
    """
    rows = run.connection.execute(PURGEABLE, {"run": run.run_id, "days": int(keep_days)}).fetchall()
    return _delete(run, tables, rows)


def _delete(run: Run, tables: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> int:
    purged = 0
    for row in rows:
        # of the names that configuration gives, a source may be gone from it: the ledger knows enough
        named = "focus" if row["measure"] == "billed" else "declared"
        schema, table = tables.get(str(row["source"]), f"raw_{row['domain']}.{named}").split(".")
        with run.connection.transaction():
            purged += run.connection.execute(
                sql.SQL("delete from {} where run_id = %s and source = %s and window_date = %s").format(
                    sql.Identifier(schema, table)
                ),
                (row["run_id"], row["source"], row["window_date"]),
            ).rowcount
            run.connection.execute(
                "update finops.etl_extractions set purged_at = now() where extraction_id = %s", (row["extraction_id"],)
            )
    return purged
