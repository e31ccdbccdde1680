"""The lines of a file of reference data as texts, with their numbers: CSV, or a sheet of XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal

from finops.ingest.errors import SourceError
from finops.ingest.reference.tables import UNCALCULATED
from finops.ingest.sources.xlsx import WorkbookError, open_workbook, sheet_rows


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
        with _translated():
            values, formulas = (open_workbook(io.BytesIO(data), data_only=only) for only in (True, False))
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
        with _translated():
            read = zip(*(sheet_rows(book, self.name) for book in self._books), strict=True)
            for number, cells in enumerate(read, start=1):
                texts = [
                    UNCALCULATED if value is None and formula is not None else as_text(value)
                    for value, formula in zip(*cells, strict=True)
                ]
                while len(texts) > width and not texts[-1]:
                    texts.pop()
                width = width or len(texts)
                yield number, texts + [""] * (width - len(texts))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except WorkbookError as error:
        raise SourceError(str(error)) from error


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
