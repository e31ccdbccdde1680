"""FOCUS exports of public clouds: CSV, CSV.gz or Parquet files in a folder or a bucket.

A window is a billing period: the month that `{period}` in the URL stands for, else each line's own BillingPeriodStart.
The files are read twice: first to count what the bill says, by window and month of charge; then to land the windows
that are wanted. So what is published is reconciled with the file, and not with what the loader believes it loaded: the
sums are Python's decimals of the file's own texts, where landing casts whole columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from finops.ingest.config.services import FocusExport
from finops.ingest.config.settings import ConfiguredSource
from finops.ingest.doctor.probe import Probe
from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.focus.columns import COSTS, instants, number, texts, typed
from finops.ingest.sources.focus.content import MODULUS, line_digests, overlaps
from finops.ingest.sources.focus.errors import ErrorTranslator, IncompleteSetError
from finops.ingest.sources.focus.files import SUFFIXES, ExportFile, Listing, read_header, read_tables
from finops.ingest.sources.focus.versions import guessed_version, missing_columns, other_dataset, stated_version

# Sums of a bill have more digits than Python's default 28.
_EXACT = Context(prec=4000)

# {window: {period: {"records": 3, "EffectiveCost": Decimal, …, "content": digest}}}, months as their first day
Totals = dict[date, dict[date, dict[str, Decimal]]]


class Export:
    """The files of one configured export; `skipped` are manifests whose sets are not complete, and why."""

    def __init__(self, configured: ConfiguredSource, periods: Sequence[Period]) -> None:
        """List the files.

        Raises:
            SourceError: when the folder does not exist or can't be listed, or holds no complete export.
        """
        options = configured.options
        if not isinstance(options, FocusExport):
            raise TypeError(f"{configured.source.name} is not an export of bills")
        self._where = configured.source.name
        self._url = options.url
        self._errors = ErrorTranslator(self._where, options)
        self._version = self._chosen_version(options.version)
        with self._errors.of(self._url):
            try:
                self._filesystem, root = fsspec.core.url_to_fs(self._url, **options.storage_options.get_secret_value())
                self._filesystem.invalidate_cache()  # file systems outlive a run
                self._listing = Listing(self._where, self._filesystem, root, periods)
                self._headers: dict[str, list[str]] = {}
                self._without_costs: dict[str, str] = {}
            except TypeError as error:
                raise ValueError(f"storage_options: {error}") from error
        self._choose({})

    @property
    def skipped(self) -> Mapping[str, str]:
        """The manifests whose sets are not complete and the files that hold no costs, and why."""
        return self._listing.skipped | self._without_costs

    def _chosen_version(self, text: str | None) -> str | None:
        if text is not None and stated_version(text) is None:
            raise SourceError(
                f"{self._where}: sources.{self._where}.version '{text}' is not read here: write 1.0, 1.1, 1.2 or 1.3"
            )
        return stated_version(text) if text is not None else None

    def _choose(self, refused: Mapping[str, str]) -> None:
        chosen = self._listing.choose(refused)
        self._without_costs = {}
        for file in chosen:
            with self._errors.of(file.name, file.manifest):
                if what := other_dataset(self._header(file)):
                    self._without_costs[file.name] = f"it is FOCUS's {what} data set, which holds no costs"
        self.files = [file for file in chosen if file.name not in self._without_costs]
        if self.files:
            return
        if problem := next(iter(self.skipped.values()), None):
            raise SourceError(f"{self._where}: no complete export at {self._url}: {problem}; export it again")
        if self._listing.empty:
            raise SourceError(
                f"{self._where}: {self._listing.empty[0]} is empty, and there is no other export: export it again"
            )
        raise SourceError(
            f"{self._where}: no file ending in {', '.join(SUFFIXES)} at {self._url}: check sources.{self._where}.url"
        )

    def _header(self, file: ExportFile) -> list[str]:
        if file.path not in self._headers:
            self._headers[file.path] = read_header(self._filesystem, file.path)
        return self._headers[file.path]

    def probe(self) -> Probe:
        """Whether the files can be read: the header of the newest by name.

        Raises:
            SourceError: when it can't be, or lacks a required column.
        """
        file = self.files[-1]
        with self._errors.of(file.name, file.manifest):
            self._check_columns(file, self._header(file))
        return Probe(f"{len(self.files)} files, the last {file.name}, at {self._url}")

    def count(self) -> Totals:
        """What the bill says: records and costs by window and month of charge.

        A set that is not what its manifest says leaves its place to the next newest.

        Raises:
            SourceError: for a file that can't be read, lacks a required column, or has a line without a month; for
                a file most of whose lines are in another one.
        """
        refused: dict[str, str] = {}
        while True:
            try:
                return self._count()
            except IncompleteSetError as error:
                refused[error.manifest] = error.reason
                self._choose(refused)

    def _count(self) -> Totals:
        totals: Totals = {}
        lines: dict[str, pa.Array] = {}
        for file in self.files:
            digests = []
            for first_row, table in self._tables(file):
                with self._errors.of(file.name):
                    windows, charged = self._months(file, table, first_row)
                    digests.append(line_digests(table))
                    _add(totals, windows, charged, table, digests[-1])
            lines[file.name] = pa.concat_arrays(digests) if digests else pa.array([], pa.uint64())
            records = len(lines[file.name])
            if file.manifest and file.rows not in (None, records):
                reason = f"{file.name} has {records} lines, and {file.manifest} says {file.rows}"
                raise IncompleteSetError(f"{self._where}: {reason}; export it again", file.manifest, reason)
        self._refuse_overlaps(lines)
        return totals

    def _refuse_overlaps(self, lines: Mapping[str, pa.Array]) -> None:
        """Two states or two packings of a bill would count twice; the files of one manifest are one bill."""
        manifests = {file.name: file.manifest for file in self.files}
        for part, whole, shared in overlaps(lines):
            if manifests[part] is None or manifests[part] != manifests[whole]:
                share = "all lines" if shared == len(lines[part]) else f"{shared:,} of {len(lines[part]):,} lines"
                raise SourceError(
                    f"{self._where}: {share} of {part} are in {whole}, too, and would count twice: keep one of the "
                    "two, or put them into one file if both are due"
                )

    def batches(self, wanted: Sequence[date], mask_fields: frozenset[str]) -> Iterator[tuple[pa.Array, pa.Table]]:
        """The lines of the wanted windows, typed: the window of each line, and its columns with `record_id`."""
        wanted_set = pa.array(wanted, pa.date32())
        for file in self.files:
            if file.window is not None and file.window not in wanted:
                continue
            for first_row, table in self._tables(file):
                with self._errors.of(file.name):
                    windows, _ = self._months(file, table, first_row)
                    numbers = pc.cast(pa.array(range(first_row, first_row + table.num_rows)), pa.string())
                    record_ids = pc.binary_join_element_wise(pa.scalar(file.name), numbers, "#")
                    keep = pc.is_in(windows, value_set=wanted_set)
                    kept = table.filter(keep)
                    columns = {"record_id": record_ids.filter(keep), **typed(kept, mask_fields)}
                yield windows.filter(keep), pa.table(columns)

    def _months(self, file: ExportFile, table: pa.Table, first_row: int) -> tuple[pa.Array, pa.Array]:
        """The window and the month of charge of each line; a line without a readable charge goes to its window."""
        billed, charged = (
            pc.cast(pc.floor_temporal(instants(table[name].combine_chunks())[0], unit="month"), pa.date32())
            for name in ("BillingPeriodStart", "ChargePeriodStart")
        )
        if file.window is not None:
            windows = pa.array([file.window] * table.num_rows, pa.date32())
        else:
            windows = pc.coalesce(billed, charged)
        if windows.null_count:
            row = first_row + pc.index(pc.is_null(windows), pa.scalar(value=True)).as_py()
            raise SourceError(
                f"{self._where}: {file.name} line {row} has no readable BillingPeriodStart nor ChargePeriodStart: "
                "correct the export, or remove the file"
            )
        return windows, pc.coalesce(charged, windows)

    def _tables(self, file: ExportFile) -> Iterator[tuple[int, pa.Table]]:
        """Batches of a file, each with the number of its first line (the line after the header is 1)."""
        row = 1
        with self._errors.of(file.name, file.manifest):
            header = self._header(file)
            self._check_columns(file, header)
            for table in read_tables(self._filesystem, file.path, header):
                yield row, table
                row += table.num_rows

    def _check_columns(self, file: ExportFile, header: Sequence[str]) -> None:
        version = self._version or file.version
        if missing := missing_columns(header, version):
            raise SourceError(
                f"{self._where}: {file.name} has no column {', '.join(missing)}, which FOCUS requires "
                f"(version {version or guessed_version(header)}): export it again, or remove the file"
            )


def _add(totals: Totals, windows: pa.Array, charged: pa.Array, table: pa.Table, digests: pa.Array) -> None:
    """Add a batch to the totals: each distinct text of a cost as Python's decimal, times the lines that have it."""
    costs = [name for name in COSTS if name in table.column_names]
    columns = {name: texts(table[name].combine_chunks()) for name in costs}
    grouped = pa.table({"window": windows, "charged": charged, "digest": digests, **columns})
    for months in grouped.group_by(["window", "charged"]).aggregate([]).to_pylist():
        window, month = months["window"], months["charged"]
        lines = grouped.filter((pc.field("window") == window) & (pc.field("charged") == month))
        entry = totals.setdefault(window, {}).setdefault(month, {"records": Decimal(0), "content": Decimal(0)})
        entry["records"] += lines.num_rows
        entry["content"] = (entry["content"] + sum(lines["digest"].to_pylist())) % MODULUS
        for name in costs:
            entry[name] = _EXACT.add(entry.get(name, Decimal(0)), _sum(lines[name].combine_chunks()))


def _sum(column: pa.Array) -> Decimal:
    total = Decimal(0)
    for counted in pc.value_counts(column).to_pylist():
        value = number(counted["values"]) if counted["values"] is not None else None
        total = _EXACT.add(total, _EXACT.multiply(value or Decimal(0), Decimal(counted["counts"])))
    return total


def control_totals(window: Mapping[date, Mapping[str, Decimal]]) -> dict[str, dict[str, str]]:
    """The totals of a window as the ledger keeps them: plain decimal texts by `YYYY-MM`."""
    return {
        period.strftime("%Y-%m"): {name: format(value, "f") for name, value in sorted(totals.items())}
        for period, totals in sorted(window.items())
    }
