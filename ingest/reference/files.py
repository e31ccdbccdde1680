"""The lines of a file of reference data as texts, with their numbers: CSV, or a sheet of XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zipfile import BadZipFile

from finops.ingest.errors import SourceError, one_line
from finops.ingest.reference.tables import UNCALCULATED


def csv_lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Split a CSV file, with commas or semicolons, into lines.

    Raises:
        SourceError: when it is not UTF-8, or a quote is not closed.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(f"line {line} is not UTF-8: save it as UTF-8 (in Excel: CSV UTF-8)") from error
    if text[:4].lower() == "sep=":  # Excel's own line
        text = "\n" + text.partition("\n")[2]
    header = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    number = 0
    try:
        for cells in reader:
            yield number + 1, cells
            number = reader.line_num
    except csv.Error as error:
        raise SourceError(f"line {number + 1} is not CSV ({error}): close its quotes") from error


class Sheet:
    """A sheet of an XLSX file: its name, its lines, and who changed the file last, and when."""

    def __init__(self, data: bytes, table: str, name: str | None) -> None:
        """Open the file, and find the sheet: the named one, else the one of the table's name, else the only one.

        Raises:
            SourceError: when it is not an XLSX file, or has no such sheet.
        """
        from openpyxl import load_workbook  # noqa: PLC0415 only such a file needs it

        try:
            values, formulas = (
                load_workbook(io.BytesIO(data), read_only=True, data_only=only) for only in (True, False)
            )
        except (BadZipFile, KeyError, ValueError) as error:
            raise SourceError(f"it is not an XLSX file ({one_line(str(error))}): save it as one") from error
        known = values.sheetnames
        found = [name] if name else [title for title in known if title.lower() == table] or known
        if len(found) != 1 or found[0] not in known:
            raise SourceError(f"its sheets are {', '.join(known)}: set reference.{table}.sheet to one of them")
        self.name: str = found[0]
        self._books = (values, formulas)
        about = values.properties
        self.changed_by: str | None = about.lastModifiedBy
        self.changed_at = about.modified.replace(tzinfo=UTC).isoformat(timespec="seconds") if self.changed_by else None

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Its lines, as long as the first one. A formula counts as the value that its program stored for it."""
        width = 0
        for number, cells in enumerate(zip(*map(self._rows, self._books), strict=True), start=1):
            texts = [
                UNCALCULATED if value is None and formula is not None else as_text(value)
                for value, formula in zip(*cells, strict=True)
            ]
            while len(texts) > width and not texts[-1]:
                texts.pop()
            width = width or len(texts)
            yield number, texts + [""] * (width - len(texts))

    def _rows(self, book: Any) -> Iterator[tuple[object, ...]]:  # noqa: ANN401 openpyxl is not typed
        sheet = book[self.name]
        sheet.reset_dimensions()  # those in the file may be wrong, and would cut rows off
        return sheet.iter_rows(values_only=True)  # type: ignore[no-any-return]


def as_text(value: object) -> str:
    """The text of a value of a database or a sheet; of a midnight, its day."""
    match value:
        case None:
            return ""
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case float():  # the shortest decimal that is this float: what a person wrote
            return f"{Decimal(repr(value)).normalize():f}"
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)
