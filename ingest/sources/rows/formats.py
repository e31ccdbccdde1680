"""The rows of a file, as they are written: a CSV's cells as texts, numbers of other formats as exact decimals.

dlt's filesystem source reads with pandas, which makes floats of what looks like a number, or with a JSON reader that
does; so each format is read by the library that does not: `csv`, `json`, Arrow and openpyxl.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO
from zipfile import BadZipFile

from finops.ingest.errors import one_line
from finops.ingest.sources.documents import read_json
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.rows.declared import FileDeclaration
from finops.ingest.sources.rows.records import Row, check_columns

SUFFIXES = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "xlsx": "xlsx"}
_DELIMITERS = ",;\t|"
_BATCH_ROWS = 5_000


def format_of(name: str, options: FileDeclaration) -> str | None:
    """Return the format of a file, as it is declared or by its name."""
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    return options.format or SUFFIXES.get(suffix)


def rows(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    """Read a file, which is unpacked already.

    Raises:
        ExportError: for what can't be read, or is not as it is declared; the message names the line.
    """
    readers: dict[str | None, Callable[[str, BinaryIO, FileDeclaration], Iterator[Row]]] = {
        "csv": _csv,
        "jsonl": _json_lines,
        "parquet": _parquet,
        "xlsx": _xlsx,
    }
    return readers[format_of(name, options)](name, binary, options)


def _csv(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    try:
        header = text.readline()
        delimiter = options.delimiter or max(_DELIMITERS, key=header.count)
        lines = csv.reader(chain([header], text), delimiter=delimiter, strict=True)
        yield from _table(name, ((lines.line_num, cells) for cells in lines), options)
    except UnicodeDecodeError as error:
        raise ExportError(f"{name} is not in UTF-8 ({error.reason}): save it as CSV UTF-8") from error
    except csv.Error as error:
        raise ExportError(f"{name} line {lines.line_num} is not CSV: {error}") from error


def _xlsx(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    from openpyxl import load_workbook  # noqa: PLC0415 nobody else waits for it

    try:
        workbook = load_workbook(binary, read_only=True, data_only=True)
    except (BadZipFile, KeyError, ValueError) as error:
        raise ExportError(f"{name} is not an XLSX workbook ({one_line(str(error))}): save it as one") from error
    sheets = workbook.sheetnames
    if options.sheet is None and len(sheets) > 1:
        raise ExportError(f"{name} has the sheets {', '.join(sheets)}: set sheet to one of them")
    if options.sheet not in (None, *sheets):
        raise ExportError(f"{name} has no sheet '{options.sheet}': it has {', '.join(sheets)}")
    sheet = workbook[options.sheet or sheets[0]]
    lines = enumerate(map(list, sheet.iter_rows(values_only=True)), start=1)
    # a row ends with its last cell that holds something
    padded = ((number, cells + [None] * (sheet.max_column - len(cells))) for number, cells in lines)
    yield from _table(name, padded, options)


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


def _json_lines(name: str, binary: BinaryIO, _: FileDeclaration) -> Iterator[Row]:
    for number, line in enumerate(binary, start=1):
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


def _parquet(name: str, binary: BinaryIO, options: FileDeclaration) -> Iterator[Row]:
    import pyarrow.parquet as pq  # noqa: PLC0415 nobody else waits for it

    file = pq.ParquetFile(binary)
    columns: Sequence[str] = file.schema_arrow.names
    check_columns(name, columns, options)
    number = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        batch.validate(full=True)  # a text of Parquet may be none
        for values in batch.to_pylist():
            number += 1
            yield Row(f"{name}#{number}", values)
