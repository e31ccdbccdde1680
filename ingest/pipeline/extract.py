"""Stage 1: every source into its raw table, each on its own: what fails in one does not stop the others.

Each source has windows to read (`windows`), is read (`sources/`), landed (`load`), and accepted or refused (`guard`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.settings import Settings
from finops.ingest.errors import FinopsError, SourceError, describe
from finops.ingest.periods import Period, listed, to_read
from finops.ingest.pipeline.guard import accept_or_refuse
from finops.ingest.pipeline.invoices import open_months
from finops.ingest.pipeline.invoices import store as store_statements
from finops.ingest.pipeline.landing import land_whole
from finops.ingest.pipeline.ledger import Outcome, accepted, done_windows, extraction
from finops.ingest.pipeline.load import Batches, document_batches
from finops.ingest.pipeline.memory import bounded_memory
from finops.ingest.pipeline.runs import Run, RunRequest
from finops.ingest.pipeline.windows import plan_windows, records_left_out, unchanged_bills, wanted_bills
from finops.ingest.sources.budget import Budget
from finops.ingest.sources.catalog import SOURCES
from finops.ingest.sources.documents import Record
from finops.ingest.sources.focus.batches import ahead
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.focus.totals import control_totals
from finops.ingest.sources.kinds import ConfiguredSource, FocusSource, HttpSource, MongoSource, Window
from finops.ingest.sources.rows.declared import FileDeclaration, FixedDeclaration, SqlDeclaration
from finops.ingest.telemetry.progress import Progress, SourceProgress


def extract_all(run: Run, settings: Settings, request: RunRequest, progress: Progress) -> None:
    """Extract every configured source, or those of the request; what fails is in the run's failures."""
    configured = {found.source.name for found in settings.sources}
    services = {found.source.service for found in settings.sources}
    for source in SOURCES:
        if source.name not in configured and not request.sources:
            is_none = isinstance(source, MongoSource) and source.service in services
            why = f"sources.{source.name} is []" if is_none else f"{source.switch} is not configured"
            run.skip("extract", source.name, f"off: {why}")
    with bounded_memory(settings.limits.max_memory_mib):
        for found in settings.sources:
            if found.source.name in request.sources or not request.sources:
                _extract(run, found, settings.limits, request, progress)


def _extract(
    run: Run, configured: ConfiguredSource, limits: ExtractionSettings, request: RunRequest, progress: Progress
) -> None:
    name = configured.source.name
    failures_before = len(run.failures)
    with progress.source(name) as line, run.step("extract", name) as step:
        source_run = _SourceRun(run, configured, limits, request, line)
        try:
            step.rows = source_run.bill() if isinstance(configured.source, FocusSource) else source_run.records()
        except FinopsError:
            raise
        except MemoryError as error:
            raise SourceError(
                f"{name}: it takes more memory than there is to read ({describe(error)}): correct what it sends, or "
                "give the nightly more (ingest.max_memory_mib, the limit of its container)"
            ) from error
        except Exception as error:
            # an error of our own code, too, stops no other source
            raise SourceError(f"{name}: unforeseen {type(error).__name__}: {describe(error)}; report it") from error
    if len(run.failures) > failures_before:
        progress.event("failed", "error", what=name, error=run.failures[-1])


def reader(
    configured: ConfiguredSource,
) -> Callable[[ConfiguredSource, ExtractionSettings, list[Window]], Iterator[Record]]:
    """The function that reads the records of a source in some windows.

    Each imports a client, dlt's among them, that takes longer to import than a small bill takes to land.
    """
    if isinstance(configured.source, MongoSource):
        from finops.ingest.sources.mongo import records
    elif isinstance(configured.source, HttpSource):
        from finops.ingest.sources.rest.records import records
    elif isinstance(configured.options, FileDeclaration):
        from finops.ingest.sources.rows.files import records
    elif isinstance(configured.options, SqlDeclaration):
        from finops.ingest.sources.rows.sql import records
    else:
        from finops.ingest.sources.rows.fixed import records
    return records


@dataclass(frozen=True)
class _SourceRun:
    """One source in one run. Each method returns how many rows have landed."""

    run: Run
    configured: ConfiguredSource
    limits: ExtractionSettings
    request: RunRequest
    line: SourceProgress

    def records(self) -> int:
        """Extract the records of a database or a service: of the windows that are missing, and the last few again."""
        source = self.configured.source
        known, done = accepted(self.run.connection, source), done_windows(self.run, source)
        planned = plan_windows(self.configured, known, self.limits, self.request)
        windows = self._present([window for window in planned if window.start not in done])
        read = reader(self.configured)
        counts: Counter[date] = Counter()
        wanted = {window.start for window in windows}

        def counted() -> Iterator[Record]:
            counts.clear()
            budget = Budget(self.configured)
            for record in read(self.configured, self.limits, windows):
                budget.take(1, len(record.payload))
                counts[record.window_date] += 1
                if record.window_date in wanted:
                    yield record

        def outcomes() -> list[Outcome]:
            return [self._outcome(window, counts[window.start]) for window in windows]

        def others() -> Mapping[date, int]:
            return {day: count for day, count in counts.items() if day not in wanted}

        landed = self._land(windows, lambda: document_batches(counted()), outcomes, others)
        for what in records_left_out(others(), known, self.request):
            self.run.skip("extract", source.name, what)
        return landed

    def _present(self, windows: list[Window]) -> list[Window]:
        """Leave out the windows whose files are not there: they stay missing, and are read once they are."""
        if not windows or not isinstance(self.configured.options, FileDeclaration):
            return windows
        from finops.ingest.sources.rows.files import missing

        absent = missing(self.configured, windows)
        for address in dict.fromkeys(absent.values()):
            self.run.skip("extract", self.configured.source.name, f"no file yet at {address}")
        return [window for window in windows if window not in absent]

    def _outcome(self, window: Window, count: int) -> Outcome:
        if self.configured.source.measure == "reference":  # has no part in any month's relevés
            return Outcome(window, count)
        return Outcome(window, count, {str(Period.of(window.start)): {"records": str(count)}})

    def bill(self) -> int:
        """Extract the lines of a FOCUS export: of the months to extract, and of every bill that has changed.

        The lines of an unchanged bill are counted as extracted. A month that the provider says is open is looked at
        until it is closed.
        """
        source = self.configured.source
        still_open = set() if self.request.is_named else open_months(self.run, source)
        place = self.limits.masks.root(source.name)
        export = Export(self.configured, sorted({*self.request.periods, *still_open}), place)
        bill = export.count()
        for what, why in bill.skipped.items():
            self._skip(what, why)
        store_statements(self.run, source, bill.statements)
        known, done = accepted(self.run.connection, source), done_windows(self.run, source)
        unchanged = unchanged_bills(bill.totals, known, self.request, source.domain)
        for first in unchanged:
            self.run.skip(
                "extract", source.name, f"unchanged: every line of the bill of {Period(first)} counts already"
            )
        for period in self.request.periods:
            if bill.totals and period.first not in {*bill.totals, *known}:
                self._skip_month(period, {Period(first) for first in bill.totals}, known)
        over = done.union(unchanged)
        wanted = [first for first in wanted_bills(bill.totals, known, self.request.periods) if first not in over]
        outcomes = []
        for first in wanted:
            totals = control_totals(bill.totals.get(first, {}))
            records = sum(int(month["records"]) for month in totals.values())
            outcomes.append(Outcome(Window(first, Period(first).next.first), records, totals))
        windows = [outcome.window for outcome in outcomes]
        landed = self._land(windows, lambda: ahead(export.batches(bill, wanted)), lambda: outcomes)
        return landed + sum(known[first].record_count for first in unchanged)

    def _skip_month(self, period: Period, held: Collection[Period], known: Collection[date]) -> None:
        """Skip a month that is not in an export of other months; say how to read those that nobody has asked for."""
        why = f"the export has no line of it; it has {listed(held)}"
        if unread := {month for month in held if month.first not in known} - set(self.request.periods):
            why += f": {to_read(unread)}"
            self.run.caveats.append(f"{self.configured.source.name} {period}: {why}")
        self._skip(str(period), why)

    def _skip(self, what: str, why: str) -> None:
        self.line.skipped(what, why)
        self.run.skip("extract", self.configured.source.name, f"skipped {what}: {why}")

    def _land(
        self,
        windows: Sequence[Window],
        read: Callable[[], Batches],
        outcomes: Callable[[], Sequence[Outcome]],
        others: Callable[[], Mapping[date, int]] = dict,
    ) -> int:
        """Land what is read, each row once, and accept or refuse it.

        `outcomes` is what was counted at the source, and `others` what was read with it and is of other windows.

        Raises:
            SourceError: when not all of it lands; when what was landed is refused.
        """
        if not windows:
            return 0
        run, source = self.run, self.configured.source
        with extraction(run, source, windows):
            found = land_whole(run, source, windows, lambda: self._shown(read()), outcomes)
            # the configuration itself says what is due: nothing of it can be lost on the way
            is_sure = self.request.accept_shrink or isinstance(self.configured.options, FixedDeclaration)
            accept_or_refuse(run, source, found, self.limits, accept_shrink=is_sure, has_others=bool(others()))
        return sum(outcome.records for outcome in found)

    def _shown(self, batches: Batches) -> Batches:
        for windows, table in batches:
            self.line.advance(table.num_rows)
            yield windows, table
