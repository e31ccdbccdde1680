"""Reference data in a spreadsheet: exact numbers, days, and who saved it."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from finops.ingest.config import settings
from finops.ingest.reference.checks import RefusedError
from finops.ingest.reference.load import Table, read

HEADER = ["product_id", "unit_price", "currency", "valid_from", "valid_to", "comment"]
ROWS = [
    ["vm.vcpu", 7.95, "EUR", datetime.fromisoformat("2026-01-01"), date(2026, 7, 1)],
    [None, None, None, None, None, None],
    ["vm.vcpu", 8, "EUR", "2026-07-01", None, "as agreed"],
    [1234, 0.1, "EUR", date(2026, 1, 1), None],
]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbook:
    """A workbook with the prices in one of its sheets, and the products that it prices."""
    (tmp_path / "reference").mkdir()
    products = "product_id,family,domain,unit\nvm.vcpu,Compute,open_legacy,vCPU-month\n1234,Compute,native,h\n"
    (tmp_path / "reference" / "products.csv").write_text(products)
    monkeypatch.setenv("REFERENCE__PRICES__URL", "prices.xlsx")
    book = Workbook()
    book.create_sheet("Prices")
    for row in ([], HEADER, *ROWS):
        book["Prices"].append(row)
    book.properties.lastModifiedBy = "Ada"
    return book


def prices(book: Workbook) -> Table:
    """The table, once the workbook is saved."""
    book.save("prices.xlsx")
    return next(table for table in read(settings.reference(), None) if table.name == "prices")


def problems(book: Workbook) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(RefusedError) as refused:
        prices(book)
    return list(refused.value.problems)


def test_numbers_are_what_a_person_wrote_and_dates_are_days(book: Workbook) -> None:
    table = prices(book)
    assert table.rows == [
        ("vm.vcpu", Decimal("7.95"), "EUR", date(2026, 1, 1), date(2026, 7, 1)),
        ("vm.vcpu", Decimal(8), "EUR", date(2026, 7, 1), None),
        ("1234", Decimal("0.1"), "EUR", date(2026, 1, 1), None),
    ]
    assert [entry.line for entry in table.entries] == [3, 5, 6]
    assert table.content.place == "prices.xlsx sheet Prices"
    assert table.content.changed_by == "Ada"
    # openpyxl says that it was changed when it was saved
    saved = datetime.fromisoformat(str(table.content.changed_at))
    assert datetime.now(UTC) - saved < timedelta(minutes=1)


def test_dimensions_that_are_wrong_cut_nothing_off(book: Workbook) -> None:
    book.save("whole.xlsx")
    with zipfile.ZipFile("whole.xlsx") as whole, zipfile.ZipFile("prices.xlsx", "w") as cut:
        for name in whole.namelist():
            cut.writestr(name, re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:A2"', whole.read(name)))
    (table,) = (table for table in read(settings.reference(), None) if table.name == "prices")
    assert len(table.rows) == 3


def test_a_sheet_is_the_named_one_or_the_one_of_the_tables_name_or_the_only_one(
    book: Workbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    book["Prices"].title = "2026"
    assert problems(book) == ["prices.xlsx: its sheets are Sheet, 2026: set reference.prices.sheet to one of them"]
    monkeypatch.setenv("REFERENCE__PRICES__SHEET", "2026")
    assert len(prices(book).rows) == 3
    monkeypatch.delenv("REFERENCE__PRICES__SHEET")
    del book["Sheet"]
    assert len(prices(book).rows) == 3


@pytest.mark.parametrize(
    ("cell", "value", "problem"),
    [
        ("B3", "7,95", "unit_price '7,95' has a decimal comma: write it with a point, such as 1234.50"),
        ("B3", "=2+2", "unit_price '#FORMULA!' is a formula without a value: correct it, and save the file with"),
        ("E3", "=TODAY()", "valid_to '#FORMULA!' is a formula without a value"),
        ("A3", "#N/A", "product_id '#N/A' is a formula without a value"),
        ("D3", 46023, "valid_from '46023' is not a day: write it as 2026-09-30"),
        ("D3", datetime.fromisoformat("2026-01-01T12:00"), "valid_from '2026-01-01T12:00:00' is not a day"),
        ("H3", "x", "it has 8 values where there are 6 columns"),
    ],
)
def test_a_cell_that_can_not_be_is_refused(book: Workbook, cell: str, value: object, problem: str) -> None:
    book["Prices"][cell] = value
    if isinstance(value, int):
        book["Prices"][cell].number_format = "General"
    (said,) = problems(book)
    assert said.startswith(f"prices.xlsx sheet Prices line 3: {problem}")


def test_what_is_not_a_workbook_is_told(book: Workbook, tmp_path: Path) -> None:
    assert book
    (tmp_path / "prices.xlsx").write_text("product_id,unit_price\n")
    with pytest.raises(RefusedError, match=r"it is not an XLSX workbook .*: save it as one"):
        read(settings.reference(), None)


def test_a_signed_address_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "http://reader:{}@127.0.0.1:1/prices.csv?X-Amz-Signature=51gn"
    monkeypatch.setenv("REFERENCE__PRICES__URL", address.format("pa55"))
    with pytest.raises(RefusedError) as refused:
        read(settings.reference(), None)
    assert "http://reader:***@127.0.0.1:1/prices.csv" in str(refused.value)
    assert "pa55" not in str(refused.value)
    assert "51gn" not in str(refused.value)
