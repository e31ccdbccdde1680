"""The lines of a file of an export, a few thousand at a time, each with its billing period and its month of charge."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from finops.ingest.sources.budget import MIB, PIECE, Budget, counted
from finops.ingest.sources.focus.columns import instants
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.files import ExportFile
from finops.ingest.sources.parquet import MAX_COLUMNS, ParquetTable, check_cells

# About 5,000 lines of CSV at a time: bigger blocks cost memory and gain nothing.
BLOCK_BYTES = 4 * 1024 * 1024
BATCH_ROWS = 20_000
# What is read at once: the invoices beside a bill.
MAX_WHOLE = 64 * MIB
# No day begins earlier in UTC than this long before it does there.
EASTERNMOST = timedelta(hours=14)

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Some lines of a file, as they are written.

    Attributes:
        table: the file's own columns; CSV's are texts.
        first_line: the number of the first of these lines; the one after the header is 1.
        windows: the billing period of each line, by its first day.
        months: the month of charge of each line, by its first day; that of its window where it has no readable charge.
    """

    table: pa.Table
    first_line: int
    windows: pa.Array
    months: pa.Array


@contextmanager
def open_file(
    filesystem: Any,  # noqa: ANN401 fsspec
    file: ExportFile,
    budget: Budget,
) -> Iterator[tuple[Sequence[str], Iterable[pa.RecordBatch]]]:
    """Open a CSV, CSV.gz or Parquet file: the names of its columns, and its lines.

    Raises:
        pa.ArrowInvalid: when it names a column twice.
        ExportError: when a line or a cell is too long.
        SourceError: when the source has more than it may have.
    """
    if file.path.endswith(".parquet"):
        with filesystem.open(file.path, "rb") as binary:
            table = ParquetTable(file.name, binary, budget)
            yield table.names, table.batches(BATCH_ROWS)
        return
    with filesystem.open(file.path, "rb", compression="infer") as binary:
        unpacked = counted(binary, budget)
        _check_header(file.name, unpacked.peek())
        reader = pacsv.open_csv(
            unpacked,
            read_options=pacsv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=False),
        )
        names = reader.schema.names
        if len(set(names)) < len(names):
            twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
            raise pa.ArrowInvalid(f"its header names {twice} twice")
        yield names, _checked(file.name, reader, budget)


def _check_header(name: str, start: bytes) -> None:
    """Check that the header ends; Arrow makes a column of each of its names first."""
    try:
        header = next(csv.reader(io.StringIO(start.decode("latin-1"), newline="")), [])
    except csv.Error as error:
        raise ExportError(f"{name} has a header that can't be read ({error}): export it again") from error
    if len(header) > MAX_COLUMNS or sum(map(len, header)) + len(header) >= PIECE:
        raise ExportError(f"{name} has a header of more than {MAX_COLUMNS:,} columns: export fewer")


def _checked(name: str, reader: Iterable[pa.RecordBatch], budget: Budget) -> Iterator[pa.RecordBatch]:
    line = 1
    for found in reader:
        check_cells(name, found, line)
        budget.take(found.num_rows, 0)
        line += found.num_rows
        yield found


def whole(name: str, lines: Iterable[pa.RecordBatch]) -> pa.Table | None:
    """Return the lines of a small file at once; None where there are none.

    Raises:
        ExportError: when it is not small.
    """
    found: list[pa.RecordBatch] = []
    for batch in lines:
        found.append(batch)
        if sum(read.nbytes for read in found) > MAX_WHOLE:
            raise ExportError(f"{name} has more than {MAX_WHOLE // MIB} MiB, unpacked")
    return pa.Table.from_batches(found) if found else None


def batches(file: ExportFile, lines: Iterable[pa.RecordBatch]) -> Iterator[Batch]:
    """Number the lines of a file, and find their months.

    Raises:
        ExportError: for a line without a month.
        pa.ArrowInvalid: for a text that is not UTF-8.
    """
    first_line = 1
    for found in lines:
        table = pa.Table.from_batches([found])
        billed = billing_months(table["BillingPeriodStart"].combine_chunks())
        charged = _months(instants(table["ChargePeriodStart"].combine_chunks()))
        windows = (
            pa.repeat(pa.scalar(file.window, pa.date32()), table.num_rows)
            if file.window
            else pc.coalesce(billed, charged)
        )
        if windows.null_count:
            line = first_line + pc.index(pc.is_null(windows), pa.scalar(value=True)).as_py()
            raise ExportError(
                f"{file.name} line {line} has no readable BillingPeriodStart nor ChargePeriodStart: "
                "correct the export, or remove the file"
            )
        yield Batch(table, first_line, windows, pc.coalesce(charged, windows))
        first_line += table.num_rows


def billing_months(starts: pa.Array) -> pa.Array:
    """Return the month, by its first day, that begins at each of these starts of billing periods, or around it.

    Providers write the midnight of their own zone in UTC: a January of Huawei Cloud begins on 31 December at 16:00
    (https://support.huaweicloud.com/intl/en-us/usermanual-cost/costcenter_000002_03_07.html).
    """
    return _months(pc.add(instants(starts), pa.scalar(EASTERNMOST)))


def _months(values: pa.Array) -> pa.Array:
    return pc.cast(pc.floor_temporal(values, unit="month"), pa.date32())


def ahead(items: Generator[T]) -> Generator[T]:
    """Make each item in a thread while the one before it is used: most of either is Arrow's work, which runs beside.

    Closed, or interrupted by a signal, this waits for the item that is being made.
    """
    with closing(items), ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
