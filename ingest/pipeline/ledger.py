"""The ledger of extractions: which window of which source was landed by which run, and whether it counts.

A window counts once its extraction is COMPLETE. All windows of a source in a run stand or fall together: a refused one
leaves the source as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from psycopg import sql
from psycopg.rows import class_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb

from finops.ingest.database import Connection
from finops.ingest.errors import describe
from finops.ingest.periods import Period
from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.kinds import Source, Window

Totals = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Accepted:
    """The extraction of a window that counts now; `window_end` is the day after the last one that it covers."""

    window_date: date
    window_end: date
    record_count: int
    control_totals: Totals
    domain: str


@dataclass(frozen=True)
class Outcome:
    """What an extraction brought for a window; `control_totals` by `YYYY-MM`, counted at the source."""

    window: Window
    records: int
    control_totals: Totals = field(default_factory=dict)


def accepted(connection: Connection, source: Source) -> dict[date, Accepted]:
    """Return the windows of a source that count, by their first day."""
    cursor = connection.cursor(row_factory=class_row(Accepted))
    query = (
        "select window_date, window_end, record_count, control_totals, domain from finops.etl_accepted"
        " where source = %s"
    )
    return {window.window_date: window for window in cursor.execute(query, (source.name,))}


def done_windows(run: Run, source: Source) -> set[date]:
    """Return the first days of the windows that an earlier attempt of this run has read to the end."""
    query = (
        "select window_date from finops.etl_extractions"
        " where run_id = %s and source = %s and status in ('COMPLETE', 'EMPTY')"
    )
    return set(run.connection.cursor(row_factory=scalar_row).execute(query, (run.run_id, source.name)))


@contextmanager
def extraction(run: Run, source: Source, windows: Sequence[Window]) -> Iterator[None]:
    """Open an extraction of each window; all of them FAILED if the block fails."""
    with run.connection.transaction(), run.connection.cursor() as cursor:
        if run.resumed:  # what the earlier attempt half landed has the same run id, and would be counted
            cursor.execute("select finops.forget_windows(%s, %s, %s, %s)", _what_of(run, source, windows))
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


def forget_rows(run: Run, source: Source, windows: Sequence[Window]) -> None:
    """Delete what this run has landed of these windows."""
    run.connection.execute("select finops.forget_rows(%s, %s, %s, %s)", _what_of(run, source, windows))


def _what_of(run: Run, source: Source, windows: Sequence[Window]) -> tuple[str, str, list[date], str]:
    return run.run_id, source.name, [window.start for window in windows], ".".join(source.raw_table)


def landed_rows(run: Run, source: Source, windows: Sequence[Window]) -> dict[date, int]:
    """Count the rows of this run in the raw table by the first day of their window; without any, it is left out."""
    query = sql.SQL(
        "select window_date, count(*) from {} where run_id = %s and source = %s and window_date = any(%s)"
        " group by window_date"
    )
    parameters = (run.run_id, source.name, [window.start for window in windows])
    cursor = run.connection.cursor(row_factory=tuple_row)
    return dict(cursor.execute(query.format(sql.Identifier(*source.raw_table)), parameters))


def settle(run: Run, source: Source, outcomes: Sequence[Outcome], *, refusal: str | None, accepts_empty: bool) -> None:
    """Enter how the windows of a source came out: with a `refusal` none of them counts, else all of them do.

    A window without a record is EMPTY, and does not count, unless the run `accepts_empty` windows.
    """
    with run.connection.transaction(), run.connection.cursor() as cursor:
        cursor.executemany(
            "update finops.etl_extractions set status = %s, record_count = %s, control_totals = %s, periods = %s,"
            " error = %s, ended_at = clock_timestamp() where run_id = %s and source = %s and window_date = %s",
            [
                (
                    "REFUSED" if refusal else "COMPLETE" if outcome.records or accepts_empty else "EMPTY",
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
