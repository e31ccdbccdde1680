"""FOCUS exports of public clouds: CSV, CSV.gz or Parquet files in a folder or a bucket.

A window is a billing period: the month that `{period}` in the URL stands for, else each line's own BillingPeriodStart.
The files are read twice: first to count what the bill says, by window and month of charge; then to land the windows
that are wanted. So what is published is reconciled with the file, and not with what the loader believes it loaded.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ingest.errors import SourceError
from ingest.focus_columns import COSTS, REQUIRED, decimals, instants, number, typed
from ingest.periods import Period
from ingest.settings import ConfiguredSource

# About 5,000 lines of CSV at a time: bigger blocks cost memory and gain nothing.
BLOCK_BYTES = 4 * 1024 * 1024
BATCH_ROWS = 20_000
SUFFIXES = (".csv", ".csv.gz", ".parquet")
# Sums of a bill have more digits than Python's default 28.
_EXACT = Context(prec=400)

# {window: {period: {"records": 3, "EffectiveCost": Decimal, …}}}, months as their first day
Totals = dict[date, dict[date, dict[str, Decimal]]]


@dataclass(frozen=True)
class ExportFile:
    """One file of an export; `window` is the month of its partition, None where its lines say it."""

    path: str
    name: str
    window: date | None


class Export:
    """The files of one configured export."""

    def __init__(self, configured: ConfiguredSource, periods: Sequence[Period]) -> None:
        """List the files.

        Raises:
            SourceError: when the folder does not exist or can't be listed.
        """
        self._where = configured.source.name
        url = configured.options["url"]
        options = json.loads(configured.options.get("storage_options", "{}"))
        with self._clear_errors(url):
            self._filesystem, root = fsspec.core.url_to_fs(url, **options)
            self.files = sorted(self._list(root, periods), key=lambda file: file.name)
        if not self.files:
            raise SourceError(
                f"{self._where}: no file ending in {', '.join(SUFFIXES)} at {url}: check sources.{self._where}.url"
            )

    def _list(self, root: str, periods: Sequence[Period]) -> Iterator[ExportFile]:
        partitions: dict[str, date | None] = {root.replace("{period}", str(period)): period.first for period in periods}
        if "{period}" not in root:
            if not self._filesystem.exists(root):
                raise FileNotFoundError(f"no such folder: {root}")
            partitions = {root: None}
        base = root.partition("{period}")[0]
        for folder, window in partitions.items():
            for path in self._filesystem.find(folder):
                if path.endswith(SUFFIXES):
                    name = path.removeprefix(base).lstrip("/") or path.rpartition("/")[2]
                    yield ExportFile(path, name, window)

    def count(self) -> Totals:
        """What the bill says: records and costs by window and month of charge.

        Raises:
            SourceError: for a file that can't be read, lacks a required column, or has a line without a month.
        """
        totals: Totals = {}
        for file in self.files:
            for first_row, table in self._tables(file, (*COSTS, "BillingPeriodStart", "ChargePeriodStart")):
                windows, charged = self._months(file, table, first_row)
                _add(totals, windows, charged, table)
        return totals

    def batches(self, wanted: Sequence[date], mask_fields: frozenset[str]) -> Iterator[tuple[pa.Array, pa.Table]]:
        """The lines of the wanted windows, typed: the window of each line, and its columns with `record_id`."""
        wanted_set = pa.array(wanted, pa.date32())
        for file in self.files:
            if file.window is not None and file.window not in wanted:
                continue
            for first_row, table in self._tables(file, None):
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

    def _tables(self, file: ExportFile, columns: Sequence[str] | None) -> Iterator[tuple[int, pa.Table]]:
        """Batches of a file, each with the number of its first line (the line after the header is 1)."""
        read: Callable[..., Iterator[pa.Table]] = _parquet if file.path.endswith(".parquet") else _csv
        row = 1
        with self._clear_errors(file.name):
            for table in read(self._filesystem, file.path, columns):
                missing = [name for name in REQUIRED if name not in table.schema.names and columns is None]
                missing += [name for name in columns or () if name in REQUIRED and name not in table.schema.names]
                if missing:
                    raise SourceError(
                        f"{self._where}: {file.name} has no column {', '.join(missing)}, which FOCUS requires: "
                        "export it again, or remove the file"
                    )
                yield row, table
                row += table.num_rows

    @contextmanager
    def _clear_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"{self._where}: {what} is damaged or no FOCUS file: {reason}; export it again"
            ) from error
        except (OSError, ValueError, ImportError) as error:
            raise SourceError(
                f"{self._where}: can't read {what}: {error}; check sources.{self._where}.url and its rights"
            ) from error


def _csv(filesystem: Any, path: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:  # noqa: ANN401 fsspec
    with filesystem.open(path, "rb", compression="infer") as binary:
        header = next(csv.reader([binary.readline().decode("utf-8-sig")]), [])
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise pa.ArrowInvalid(f"its header names {', '.join(twice)} twice")
    # an export without lines has columns to check all the same
    yield pa.table({name: pa.array([], pa.string()) for name in header if columns is None or name in columns})
    with filesystem.open(path, "rb", compression="infer") as binary:
        reader = pacsv.open_csv(
            binary,
            read_options=pacsv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=False,
                include_columns=[name for name in columns if name in header] if columns else None,
            ),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _parquet(filesystem: Any, path: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:  # noqa: ANN401 fsspec
    with filesystem.open(path, "rb") as binary:
        parquet = pq.ParquetFile(binary)
        names = [name for name in columns if name in parquet.schema_arrow.names] if columns else None
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=names):
            yield pa.Table.from_batches([batch])


def _add(totals: Totals, windows: pa.Array, charged: pa.Array, table: pa.Table) -> None:
    """Add a batch to the totals, exactly: numbers wider than a decimal128 one by one."""
    costs = {name: decimals(table[name].combine_chunks()) for name in COSTS if name in table.schema.names}
    # wider than the columns: a sum of decimal128 wraps around without a word
    wide = {name: pc.cast(fit, pa.decimal256(76, 20)) for name, (fit, _) in costs.items()}
    grouped = pa.table({"window": windows, "charged": charged, **wide})
    sums = grouped.group_by(["window", "charged"]).aggregate([([], "count_all"), *((name, "sum") for name in costs)])
    for row in sums.to_pylist():
        entry = totals.setdefault(row["window"], {}).setdefault(row["charged"], {"records": Decimal(0)})
        entry["records"] += row["count_all"]
        for name in costs:
            entry[name] = _EXACT.add(entry.get(name, Decimal(0)), row[f"{name}_sum"] or Decimal(0))
    for name, (_, misfits) in costs.items():
        for index, text in misfits.items():
            entry = totals[windows[index].as_py()][charged[index].as_py()]
            entry[name] = _EXACT.add(entry[name], number(text) or Decimal(0))


def control_totals(window: Mapping[date, Mapping[str, Decimal]]) -> dict[str, dict[str, str]]:
    """The totals of a window as the ledger keeps them: plain decimal texts by `YYYY-MM`."""
    return {
        period.strftime("%Y-%m"): {name: format(value, "f") for name, value in sorted(totals.items())}
        for period, totals in sorted(window.items())
    }
