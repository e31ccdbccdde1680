"""FOCUS exports: the bills of clouds and other providers, as CSV, CSV.gz or Parquet files in a folder or a bucket.

The way of a bill, from its folder to the loader:

1. `files` lists the folder, and `manifests` reads what the provider says that it delivered.
2. `batches` reads a file, and `totals` counts what it says, by window and month of charge; `invoices` reads the data
   sets beside the costs.
3. `files` chooses: the newest set of a month that is what its manifest says, else every file.
4. `batches` reads the files once more, and `columns` gives the lines of the wanted windows their exact types.

A window is a billing period: the month that `{period}` in the URL stands for, else each line's own BillingPeriodStart.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from finops.ingest.config.masking import NOTHING, Place
from finops.ingest.config.services import FocusExport
from finops.ingest.periods import Period, listed, to_read
from finops.ingest.sources.budget import Budget
from finops.ingest.sources.focus.batches import Batch, batches, open_file, whole
from finops.ingest.sources.focus.columns import typed
from finops.ingest.sources.focus.errors import DamagedFileError, ErrorTranslator, ExportError
from finops.ingest.sources.focus.files import PERIOD, SUFFIXES, ExportFile, choose, dated_months, list_files
from finops.ingest.sources.focus.invoices import (
    NEEDED,
    BillingPeriod,
    InvoiceDetail,
    Statements,
    read_records,
    statements,
)
from finops.ingest.sources.focus.totals import FileCount, Totals, add_up, count_lines, refuse_copies
from finops.ingest.sources.focus.versions import check_columns, other_dataset
from finops.ingest.sources.kinds import ConfiguredSource


@dataclass(frozen=True)
class Bill:
    """What an export says.

    Attributes:
        files: those that count, by name, each with the windows that it has lines of.
        totals: records, costs and content, by window and month of charge.
        skipped: the manifests whose sets are not complete and the files that are not read, and why.
        statements: what the provider says of its billing periods and invoices.
    """

    files: Mapping[ExportFile, frozenset[date]]
    totals: Totals
    skipped: Mapping[str, str]
    statements: Statements


class Export:
    """The files of one configured export."""

    def __init__(self, configured: ConfiguredSource, periods: Sequence[Period], place: Place = NOTHING) -> None:
        """List the files; what is read of them to land is masked by the rules of `place`.

        Raises:
            SourceError: when the folder does not exist or can't be listed, or a manifest can't be understood.
        """
        options = configured.options
        if not isinstance(options, FocusExport):
            raise TypeError(f"{configured.source.name} is not an export of bills")
        self._configured = configured
        self._source, self.url, self._version = configured.source.name, options.url, options.version
        self._periods, self._place = periods, place
        self._errors = ErrorTranslator(self._source, options)
        with self._errors.reading(self.url):
            try:
                self._filesystem, self._root = fsspec.core.url_to_fs(
                    self.url, **options.storage_options.get_secret_value()
                )
                self._filesystem.invalidate_cache()  # file systems outlive a run
                self._listing = list_files(self._filesystem, self._root, periods)
            except TypeError as error:  # some file systems look at their options when they first connect
                raise ValueError(f"storage_options: {error}") from error

    def dated_months(self) -> list[Period]:
        """The months that there are where the address has a `{period}`; none where it has none.

        Raises:
            SourceError: when the folders can't be listed.
        """
        with self._errors.reading(self.url):
            return dated_months(self._filesystem, self._root) if PERIOD in self._root else []

    def chosen(self) -> list[ExportFile]:
        """The files that count by what is listed of them and of their manifests, by name; none is read.

        Raises:
            SourceError: when there is none, or a month has no complete set.
        """
        with self._errors.reading(self.url):
            files, skipped = choose(self._listing, self._periods, lambda _: None)
            if not files:
                raise self._nothing_counts(skipped)
        return files

    def lines(self, file: ExportFile) -> Generator[Batch]:
        """Read the lines of a file; none of one that holds no costs.

        Raises:
            SourceError: when it can't be read, or lacks a required column.
        """
        budget = Budget(self._configured)
        with self._errors.reading(file.name), open_file(self._filesystem, file, budget) as (columns, lines):
            if not other_dataset(columns):
                check_columns(file.name, columns, self._version or file.version)
                yield from batches(file, lines)

    def count(self) -> Bill:
        """Choose the files that count, and count what they say.

        Raises:
            SourceError: when a month has no complete set; for a file that can't be read, lacks a required column, or
                has a line without a month; for a file most of whose lines are in another one.
        """
        counts: dict[str, FileCount] = {}
        budget = Budget(self._configured)

        def problem_with(file: ExportFile) -> str | None:
            try:
                counts[file.path] = counted = self._count(file, budget)
            except DamagedFileError as error:
                return error.problem
            if counted.dataset or file.rows in {None, len(counted.digests)}:
                return None
            return f"{file.name} has {len(counted.digests)} lines, and {file.manifest} says {file.rows}"

        with self._errors.reading(self.url):
            files, skipped = choose(self._listing, self._periods, problem_with)
            found = [counts.get(file.path) or self._count(file, budget) for file in files]
            costs = [counted for counted in found if not counted.dataset]
            stated = self._statements([counted for counted in found if counted.dataset], skipped, budget)
            if not costs:
                raise self._nothing_counts(skipped)
            refuse_copies(costs)
        return Bill({counted.file: counted.windows for counted in costs}, add_up(costs), skipped, stated)

    def _count(self, file: ExportFile, budget: Budget) -> FileCount:
        with self._errors.reading(file.name), open_file(self._filesystem, file, budget) as (columns, lines):
            if dataset := other_dataset(columns):
                return FileCount(file, dataset=dataset)
            check_columns(file.name, columns, self._version or file.version)
            return count_lines(file, batches(file, lines))

    def _statements(self, files: Sequence[FileCount], skipped: dict[str, str], budget: Budget) -> Statements:
        """Read the data sets beside the costs; what can't be read, or is not used, is `skipped`, and stops no bill."""
        records: list[BillingPeriod | InvoiceDetail] = []
        for counted in files:
            name, dataset = counted.file.name, counted.dataset
            if dataset not in NEEDED:
                skipped[name] = f"it is FOCUS's {dataset} data set, which is not used"
                continue
            try:
                with self._errors.reading(name), open_file(self._filesystem, counted.file, budget) as (_, lines):
                    found = whole(name, lines)
                records += read_records(dataset, name, found, self._place) if found else []
            except (DamagedFileError, ExportError) as error:
                skipped[name] = error.problem if isinstance(error, DamagedFileError) else f"{error}: export it again"
        return statements(records)

    def _nothing_counts(self, skipped: Mapping[str, str]) -> ExportError:
        if problem := next(iter(skipped.values()), None):
            return ExportError(f"no complete export of costs at {self.url}: {problem}; export it again")
        if months := self.dated_months():
            return ExportError(
                f"{self.url} holds {listed(months)} and nothing of {listed(self._periods)}: {to_read(months)}"
            )
        if empty := sorted(file.name for file in self._listing.files if not file.size):
            return ExportError(f"{empty[0]} is empty, and there is no other export: export it again")
        return ExportError(
            f"no file of costs ending in {', '.join(SUFFIXES)} at {self.url}: check sources.{self._source}.url"
        )

    def batches(self, bill: Bill, wanted: Collection[date]) -> Generator[tuple[pa.Array, pa.Table]]:
        """Read the lines of the wanted windows, typed: the window of each line, and its columns with `record_id`.

        Raises:
            SourceError: for a file that can't be read.
        """
        wanted_set = pa.array(wanted, pa.date32())
        budget = Budget(self._configured)
        for file, windows in bill.files.items():
            if windows.isdisjoint(wanted):
                continue
            with self._errors.reading(file.name), open_file(self._filesystem, file, budget) as (_, lines):
                for batch in batches(file, lines):
                    keep = pc.is_in(batch.windows, value_set=wanted_set)
                    numbers = pa.array(range(batch.first_line, batch.first_line + batch.table.num_rows))
                    record_ids = pc.binary_join_element_wise(file.name, pc.cast(numbers, pa.string()), "#")
                    columns = {"record_id": record_ids.filter(keep), **typed(batch.table.filter(keep), self._place)}
                    yield batch.windows.filter(keep), pa.table(columns)
