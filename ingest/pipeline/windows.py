"""Windows: which days, months and bills of a source a run reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.services import HttpService
from finops.ingest.periods import Period, today
from finops.ingest.pipeline.ledger import Accepted
from finops.ingest.pipeline.runs import RunRequest
from finops.ingest.sources.focus.totals import Totals, control_totals
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource, RowSource, Window

ONE_DAY = timedelta(days=1)


def plan_windows(
    configured: ConfiguredSource, known: Mapping[date, Accepted], limits: ExtractionSettings, request: RunRequest
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
    is_read_whole = isinstance(source, RowSource) and source.is_read_whole
    return [
        Window(day, day + ONE_DAY)
        for period in request.periods
        for day in period.days()
        if day <= last and (is_read_whole or request.refetch or day not in known or day > recent)
    ]


def _wants_month(month: Window, known: Mapping[date, Accepted], recent: date, request: RunRequest) -> bool:
    """Whether to read a month: until it is over and has been read whole, and again while its last day is recent.

    A run as of an earlier day than the ledger's leaves what is known alone: it would take days away.
    """
    before = known.get(month.start)
    if before is None or request.refetch or before.window_end < month.end:
        return True
    return before.window_end == month.end and month.end - ONE_DAY > recent


def records_left_out(counts: Mapping[date, int], known: Mapping[date, Accepted], request: RunRequest) -> Iterator[str]:
    """Say which records were read and are of no window of the run, so that none is left out in silence.

    Args:
        counts: records by day, of the days that are not in a window.
        known: the windows that count.
        request: what the run was asked for.
    """
    future = [day for day in counts if day >= request.as_of]
    if future:
        number = sum(counts[day] for day in future)
        yield f"{number} records are dated {min(future)} to {max(future)}: they count once their day is over"
    months = {Period.of(day) for day in known}
    unread = [day for day in counts if day < request.as_of and Period.of(day) not in months]
    if unread:
        number = sum(counts[day] for day in unread)
        yield (
            f"{number} records are dated {min(unread)} to {max(unread)}, in months that no run has read: "
            f"`finops nightly --period {Period.of(min(unread))}..{Period.of(max(unread))}` reads them"
        )
    for month in sorted(months):
        found = {day: count for day, count in counts.items() if day < request.as_of and Period.of(day) == month}
        accepted = {day: window.record_count for day, window in known.items() if Period.of(day) == month}
        if found and any(accepted.get(day) != count for day, count in found.items()):
            yield (
                f"{month} has {sum(found.values())} records, and {sum(accepted.values())} count: `finops reprocess "
                f"--period {month} --refetch --reason …` reads it again"
            )


def supports_past_days(configured: ConfiguredSource) -> bool:
    """Whether a source can be asked for a past day: a dated dump or row, a meter, an archive named by `{day}`."""
    source, options = configured.source, configured.options
    if isinstance(options, Cmdb):
        return options.snapshot_field is not None
    if isinstance(source, HttpSource) and isinstance(options, HttpService):
        return source.supports_past_days or "{day}" in json.dumps(options.params)
    if isinstance(source, RowSource):
        return source.supports_past_days
    return True


def wanted_bills(totals: Totals, known: Mapping[date, Accepted], periods: Sequence[Period]) -> list[date]:
    """The billing periods to land: those ordered, those whose bill changed, new ones with charges of the request.

    An ordered one that an export of other months does not have yet is none of them: many providers bill once a month.
    """
    ordered = {period.first for period in periods}
    changed = {
        first
        for first, window in totals.items()
        if first in known and _differs(known[first].control_totals, control_totals(window))
    }
    touching = {first for first, window in totals.items() if first not in known and ordered & set(window)}
    there = {first for first in ordered if first in totals or first in known or not totals}
    return sorted(there | changed | touching)


def unchanged_bills(totals: Totals, known: Mapping[date, Accepted], request: RunRequest, domain: str) -> list[date]:
    """The ordered billing periods that need not be landed again: each line counts already, in this domain."""
    if request.refetch or request.is_named:
        return []
    ordered = ((period.first, known.get(period.first)) for period in request.periods)
    return sorted(
        first
        for first, before in ordered
        if before and before.domain == domain and before.control_totals == control_totals(totals.get(first, {}))
    )


def _differs(known: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a bill says something else; one that was landed before its content was kept is told by its sums."""
    comparable = {
        month: {name: value for name, value in totals.items() if name != "content" or "content" in known.get(month, {})}
        for month, totals in now.items()
    }
    return known != comparable
