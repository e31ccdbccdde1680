"""The rows of a file, as they are written: a CSV's cells as texts, numbers of other formats as exact decimals.

dlt's filesystem source reads with pandas, which makes floats of what looks like a number, or with a JSON reader that
does; so each format is read by the library that does not: `csv`, `json`, Arrow and openpyxl.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from finops.ingest.sources.budget import MAX_LINE, Budget, counted
from finops.ingest.sources.exact_json import read_json
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.rows.declared import FileDeclaration
from finops.ingest.sources.rows.records import Row, check_columns
from finops.ingest.sources.xlsx import WorkbookError, open_workbook, sheet_rows

SUFFIXES = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "xlsx": "xlsx"}
_DELIMITERS = ",;\t|"
_BATCH_ROWS = 5_000


def format_of(name: str, options: FileDeclaration) -> str | None:
    """Return the format of a file, as it is declared or by its name."""
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    return options.format or SUFFIXES.get(suffix)


def rows(name: str, binary: BinaryIO, options: FileDeclaration, budget: Budget) -> Iterator[Row]:
    """Read a file, which is unpacked already.

    Raises:
        ExportError: for what can't be read, or is not as it is declared; the message names the line.
    """
    match format_of(name, options):
        case "parquet":
            return _parquet(name, binary, options, budget)
        case "xlsx":
            return _xlsx(name, binary, options)
        case "jsonl":
            return _json_lines(name, counted(binary, budget))
        case _:
            return _csv(name, counted(binary, budget), options)


def _csv(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    held = 0  # of the record that is being read, which may have many lines

    def lines() -> Iterator[str]:
        nonlocal held
        while line := text.readline(MAX_LINE + 1):
            held += len(line)
            if held > MAX_LINE:
                raise _too_long(name, reader.line_num + 1 if reader else 1)
            yield line

    def records() -> Iterator[tuple[int, list[Any]]]:
        nonlocal held
        for cells in reader or ():
            held = 0
            yield reader.line_num, cells

    reader: Any = None
    try:
        read = lines()
        header = next(read, "")
        delimiter = options.delimiter or max(_DELIMITERS, key=header.count)
        reader = csv.reader(chain([header], read), delimiter=delimiter, strict=True)
        yield from _table(name, records(), options)
    except UnicodeDecodeError as error:
        raise ExportError(f"{name} is not in UTF-8 ({error.reason}): save it as CSV UTF-8") from error
    except csv.Error as error:
        raise ExportError(f"{name} line {reader.line_num} is not CSV: {error}") from error


def _too_long(name: str, line: int) -> ExportError:
    return ExportError(f"{name} line {line} has more than {MAX_LINE:,} bytes: correct it, or write shorter lines")


def _xlsx(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    try:
        workbook = open_workbook(binary)
        sheets = workbook.sheetnames
        if options.sheet is None and len(sheets) > 1:
            raise ExportError(f"{name} has the sheets {', '.join(sheets)}: set sheet to one of them")
        if options.sheet not in (None, *sheets):
            raise ExportError(f"{name} has no sheet '{options.sheet}': it has {', '.join(sheets)}")
        yield from _table(name, _padded(sheet_rows(workbook, options.sheet or sheets[0])), options)
    except WorkbookError as error:
        raise ExportError(f"{name}: {error}") from error


def _padded(rows: Iterator[Sequence[Any]]) -> Iterator[tuple[int, list[Any]]]:
    """Number the rows, and fill each up to the width of the header: it ends with its last cell that holds something."""
    width = 0
    for number, row in enumerate(rows, start=1):
        cells = list(row)
        while len(cells) > width and cells[-1] is None:
            cells.pop()
        width = width or len(cells)
        yield number, cells + [None] * (width - len(cells))


def _table(name: str, lines: Iterator[tuple[int, list[Any]]], options: FileDeclaration) -> Iterator[Row]:
    """Name the cells of each line by the first one that is not empty."""
    filled = ((number, cells) for number, cells in lines if any(cell not in (None, "") for cell in cells))
    if (first := next(filled, None)) is None:
        raise ExportError(f"{name} is empty: it has no header")
    header = ["" if cell is None else str(cell).strip() for cell in first[1]]
    columns = [column for column in header if column]
    check_columns(name, columns, options)
    for number, cells in filled:
        surplus = [cell for cell, column in zip(cells, [*header, *[""] * len(cells)], strict=False) if not column]
        if len(cells) < len(header) or any(cell not in (None, "") for cell in surplus):
            raise ExportError(
                f"{name} line {number} has {len(cells)} cells where the header names {len(columns)}: correct it"
            )
        yield Row(f"{name}#{number}", {column: cell for column, cell in zip(header, cells, strict=False) if column})


def _json_lines(name: str, binary: BinaryIO) -> Iterator[Row]:
    lines = iter(lambda: binary.readline(MAX_LINE + 1), b"")
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise _too_long(name, number)
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            values = read_json(text.decode())
        except ValueError as error:  # a byte that is not UTF-8, too
            raise ExportError(f"{name} line {number} is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise ExportError(f"{name} line {number} is not a JSON object")
        yield Row(f"{name}#{number}", values)


def _parquet(name: str, binary: BinaryIO, options: FileDeclaration, budget: Budget) -> Iterator[Row]:
    from finops.ingest.sources.parquet import ParquetTable, python_values  # noqa: PLC0415 nobody else waits for it

    table = ParquetTable(name, binary, budget)
    check_columns(name, table.names, options)
    number = 0
    for batch in table.batches(_BATCH_ROWS):
        for values in zip(*map(python_values, batch.columns), strict=True):
            number += 1
            yield Row(f"{name}#{number}", dict(zip(table.names, values, strict=True)))
