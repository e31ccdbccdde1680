"""Stage 1: one component a domain, each source on its own. What fails in one does not stop the others."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from finops.ingest.config.services import Cmdb, HttpService
from finops.ingest.config.settings import ConfiguredSource, ExtractionSettings, Settings
from finops.ingest.errors import FinopsError, SourceError
from finops.ingest.periods import Period, today
from finops.ingest.pipeline.guard import accept_or_refuse
from finops.ingest.pipeline.ledger import (
    Accepted,
    Outcome,
    accepted,
    done_windows,
    extraction,
    forget_rows,
    landed_rows,
)
from finops.ingest.pipeline.load import document_tables, land, with_lineage_columns
from finops.ingest.pipeline.runs import Run, describe
from finops.ingest.sources import mongo
from finops.ingest.sources.catalog import DOMAINS, SOURCES, FocusSource, HttpSource, MongoSource, Window
from finops.ingest.sources.documents import Record
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.focus.totals import Totals, control_totals
from finops.ingest.sources.rest import records as rest
from finops.ingest.telemetry.progress import Progress, SourceProgress

ONE_DAY = timedelta(days=1)
ATTEMPTS_TO_LAND = 2


@dataclass(frozen=True)
class ExtractRequest:
    """What is asked of stage 1.

    Attributes:
        periods: the months to extract.
        as_of: the day of the run (UTC): meters are read up to the day before, inventories up to this day.
        refetch: extract again every window that a source can give again, not only what is missing or recent.
        sources: only these; empty: all.
        accept_shrink: take windows that came back empty or much smaller.
    """

    periods: Sequence[Period]
    as_of: date
    refetch: bool = False
    sources: Sequence[str] = ()
    accept_shrink: bool = False


def extract_all(run: Run, settings: Settings, request: ExtractRequest, progress: Progress) -> None:
    """Run the four components; what fails is in the run's failures."""
    on = {configured.source.name for configured in settings.sources}
    for source in SOURCES:
        if source.name not in on and not request.sources:
            run.skip("extract", source.name, f"off: {source.switch} is not configured")
    for domain in DOMAINS:
        _component(domain, run, settings, request, progress)


def _component(domain: str, run: Run, settings: Settings, request: ExtractRequest, progress: Progress) -> None:
    for configured in settings.sources:
        source = configured.source
        if source.domain != domain or (request.sources and source.name not in request.sources):
            continue
        failures_before = len(run.failures)
        with progress.source(source.name) as line, run.step("extract", source.name) as step:
            step.rows = _isolated(run, configured, settings.limits, request, line)
        if len(run.failures) > failures_before:
            progress.failed(source.name, run.failures[-1])


def _isolated(
    run: Run, configured: ConfiguredSource, limits: ExtractionSettings, request: ExtractRequest, line: SourceProgress
) -> int:
    try:
        return _extract(run, configured, limits, request, line)
    except FinopsError:
        raise
    except Exception as error:
        # Nobody foresaw it, and it is this source's all the same: the others go on.
        name = configured.source.name
        raise SourceError(f"{name}: unforeseen {type(error).__name__}: {describe(error)}; report it") from error


def _extract(
    run: Run, configured: ConfiguredSource, limits: ExtractionSettings, request: ExtractRequest, line: SourceProgress
) -> int:
    if isinstance(configured.source, FocusSource):
        return _extract_bill(run, configured, limits, request, line)
    known = accepted(run.connection, configured.source)
    done = done_windows(run, configured.source)
    windows = [window for window in plan_windows(configured, known, limits, request) if window.start not in done]
    if not windows:
        return 0
    read = mongo.records if isinstance(configured.source, MongoSource) else rest.records
    counts: Counter[date] = Counter()

    def counted() -> Iterator[Record]:
        counts.clear()
        for record in read(configured, limits, windows):
            counts[record.window_date] += 1
            yield record

    with extraction(run, configured.source, windows):
        _land_once(
            run, configured, windows, lambda: document_tables(configured.source, run.run_id, counted()), counts, line
        )
        outcomes = [
            Outcome(window, counts[window.start], _totals(configured, window, counts[window.start]))
            for window in windows
        ]
        accept_or_refuse(run, configured.source, outcomes, limits, accept_shrink=request.accept_shrink)
    return counts.total()


def _totals(configured: ConfiguredSource, window: Window, count: int) -> dict[str, dict[str, str]]:
    """The records by month; none of reference data, which has no part in any month's relevés."""
    if configured.source.measure == "reference":
        return {}
    return {str(Period.of(window.start)): {"records": str(count)}}


def plan_windows(
    configured: ConfiguredSource, known: Mapping[date, Accepted], limits: ExtractionSettings, request: ExtractRequest
) -> list[Window]:
    """The windows to extract: of the ordered months, those that are missing, and the last few again."""
    source = configured.source
    last = request.as_of if source.measure in ("inventory", "reference") else request.as_of - ONE_DAY
    if not supports_past_days(configured):
        # what a source says of today can't be said of another day
        wanted = Period.of(request.as_of) in request.periods and request.as_of == today() and not request.refetch
        return [Window(request.as_of, request.as_of + ONE_DAY)] if wanted else []
    recent = last - timedelta(days=limits.lookback_days)
    if source.window == "month":
        months = (Window(period.first, min(period.next.first, last + ONE_DAY)) for period in request.periods)
        return [month for month in months if month.start <= last and _wants_month(month, known, recent, request)]
    return [
        Window(day, day + ONE_DAY)
        for period in request.periods
        for day in period.days()
        if day <= last and (request.refetch or day not in known or day > recent)
    ]


def _wants_month(month: Window, known: Mapping[date, Accepted], recent: date, request: ExtractRequest) -> bool:
    """Whether to read a month: until it is over and has been read whole, and again while its last day is recent.

    A run as of an earlier day than the ledger's leaves what is known alone: it would take days away.
    """
    before = known.get(month.start)
    if before is None or request.refetch or before.window_end < month.end:
        return True
    return before.window_end == month.end and month.end - ONE_DAY > recent


def supports_past_days(configured: ConfiguredSource) -> bool:
    """Whether a source can be asked for a past day: a dated dump, a meter, or an archive addressed by `{day}`."""
    source, options = configured.source, configured.options
    if isinstance(options, Cmdb):
        return options.snapshot_field is not None
    if isinstance(source, HttpSource) and isinstance(options, HttpService):
        return source.supports_past_days or "{day}" in json.dumps(options.params)
    return True


def _extract_bill(
    run: Run, configured: ConfiguredSource, limits: ExtractionSettings, request: ExtractRequest, line: SourceProgress
) -> int:
    source = configured.source
    export = Export(configured, request.periods)
    bill = export.count()
    for manifest, why in bill.skipped.items():
        line.skipped(manifest, why)
        run.skip("extract", source.name, f"skipped {manifest}: {why}")
    done = done_windows(run, source)
    bills = wanted_bills(bill.totals, accepted(run.connection, source), request.periods)
    wanted = [first for first in bills if first not in done]
    if not wanted:
        return 0
    windows = [Window(first, Period(first).next.first) for first in wanted]

    def tables() -> Iterator[pa.Table]:
        for window_dates, table in export.batches(bill, wanted, limits.mask_fields):
            yield with_lineage_columns(source, run.run_id, window_dates, table)

    outcomes = [_bill(window, bill.totals) for window in windows]
    with extraction(run, source, windows):
        _land_once(run, configured, windows, tables, {found.window.start: found.records for found in outcomes}, line)
        accept_or_refuse(run, source, outcomes, limits, accept_shrink=request.accept_shrink)
    return sum(outcome.records for outcome in outcomes)


def wanted_bills(totals: Totals, known: Mapping[date, Accepted], periods: Sequence[Period]) -> list[date]:
    """The billing periods to land: those ordered, those whose bill changed, new ones with charges of the request."""
    ordered = {period.first for period in periods}
    changed = {
        first
        for first, window in totals.items()
        if first in known and _differs(known[first].control_totals, control_totals(window))
    }
    touching = {first for first, window in totals.items() if first not in known and ordered & set(window)}
    return sorted(ordered | changed | touching)


def _differs(known: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a bill says something else; one that was landed before its content was kept is told by its sums."""
    comparable = {
        month: {name: value for name, value in totals.items() if name != "content" or "content" in known.get(month, {})}
        for month, totals in now.items()
    }
    return known != comparable


def _bill(window: Window, totals: Totals) -> Outcome:
    found = control_totals(totals.get(window.start, {}))
    return Outcome(window, sum(int(month["records"]) for month in found.values()), found)


def _land_once(  # noqa: PLR0913, PLR0917 what is read, what is landed, and what was counted
    run: Run,
    configured: ConfiguredSource,
    windows: Sequence[Window],
    tables: Callable[[], Iterator[pa.Table]],
    counts: Mapping[date, int],
    line: SourceProgress,
) -> None:
    """Land what was read, each row once; `counts` is what was counted while it was read.

    A file whose COMMIT was not acknowledged is loaded again: where that shows, everything is read and landed anew.

    Raises:
        SourceError: when it shows again.
    """
    source = configured.source
    for _ in range(ATTEMPTS_TO_LAND):
        _land_if_any(run, configured, tables(), line)
        landed = landed_rows(run, source, windows)
        expected = {window: count for window, count in counts.items() if count}
        if landed == expected:
            return
        forget_rows(run, source, windows)
    raise SourceError(
        f"{source.name}: {sum(landed.values())} rows landed where {sum(expected.values())} were read, "
        f"{ATTEMPTS_TO_LAND} times: connections to PostgreSQL break off at COMMIT; nothing of it counts, and the next "
        "nightly reads it again"
    )


def _land_if_any(run: Run, configured: ConfiguredSource, tables: Iterator[pa.Table], line: SourceProgress) -> None:
    """Land the tables that have rows: dlt can't load an empty one."""

    def with_rows() -> Iterator[pa.Table]:
        for table in tables:
            if table.num_rows:
                line.advance(table.num_rows)
                yield table

    source = with_rows()
    if (first := next(source, None)) is not None:
        land(configured.source, itertools.chain([first], source), run.connection)
