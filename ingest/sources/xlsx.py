"""XLSX workbooks, read row by row.

A workbook is XML in a ZIP archive, and all of it may be in memory at once: a part that is unpacked to more than its
place in the archive says is not read to its end by `zipfile`, so what the archive says is what it can have. Entities
that unfold without end are refused by expat itself, from 2.4.1 on (https://libexpat.github.io/doc/xml-security/).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from zipfile import ZipFile

from finops.ingest.errors import one_line

MAX_BYTES = 128 << 20
# Excel has no more rows: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3
MAX_ROWS = 1 << 20
MAX_CELLS = 10_000_000


class WorkbookError(Exception):
    """What is wrong with a workbook, and the remedy."""


def open_workbook(binary: BinaryIO, *, data_only: bool = True) -> Any:  # noqa: ANN401 openpyxl is not typed
    """Open a workbook to read it row by row.

    Raises:
        WorkbookError: when it is not a workbook, or too large.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 nobody else waits for it

    with _reading():
        with ZipFile(binary) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > MAX_BYTES:
            raise WorkbookError(f"it has {size:,} bytes unpacked, more than {MAX_BYTES:,}: save its sheet as CSV")
        return load_workbook(binary, read_only=True, data_only=data_only)


def sheet_rows(workbook: Any, name: str) -> Iterator[tuple[object, ...]]:  # noqa: ANN401 openpyxl is not typed
    """Read the rows of a sheet, each as long as its last cell; those that are left out are empty.

    Raises:
        WorkbookError: when it can't be read, or is too large.
    """
    sheet = workbook[name]
    cells = 0
    with _reading():
        sheet.reset_dimensions()  # those in the file may be wrong, and would cut rows off
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells += len(row)
            if number > MAX_ROWS or cells > MAX_CELLS:
                limit = f"{MAX_ROWS:,} rows" if number > MAX_ROWS else f"{MAX_CELLS:,} cells"
                raise WorkbookError(f"its sheet {name} has more than {limit}: save it as CSV")
            yield row


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (WorkbookError, GeneratorExit, OSError):
        raise
    except Exception as error:  # openpyxl raises whatever its parts do
        raise WorkbookError(f"it is not an XLSX workbook ({one_line(str(error))}): save it as one") from error
