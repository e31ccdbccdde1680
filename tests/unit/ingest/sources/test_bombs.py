"""A small file that unpacks to more than any memory: its source fails with a clear error, in little memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.catalog import GITLAB_STORAGE
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.kinds import focus_source
from finops.ingest.sources.rows import files
from tests import bombs
from tests.unit.http_service import Answer, Service
from tests.unit.ingest.sources.rows.declaring import FIRST, of_files
from tests.unit.limits import LIMITS, changed, configured
from tests.unit.reading import ONCE, read

pytestmark = pytest.mark.hostile

LINE = {"product": "p", "quantity": "day", "unit": "u"}
OCTOBER = [Period.parse("2026-10")]
# How much this process may grow for a bomb; each of them is of several GiB.
MAX_GROWTH_MIB = 512


def said(reading: Callable[[], object]) -> str:
    """What is said of a source that can't be read, which takes little memory."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is that of now
    before = peak_mib()
    with pytest.raises(SourceError) as error:
        reading()
    assert peak_mib() - before < MAX_GROWTH_MIB
    assert str(error.value).isprintable()
    return str(error.value)


def peak_mib() -> int:
    """The most memory that this process has had."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def of_bill(folder: Path, **options: object) -> str:
    """What is said of a bill."""
    return said(Export(configured(focus_source("nimbus"), url=str(folder), **options), OCTOBER).count)


def of_rows(file: Path) -> str:
    """What is said of a file of rows."""
    source = of_files(file, measure="inventory", date=None, lines=[LINE])
    return said(lambda: exhaust(files.records(source, LIMITS, [FIRST])))


def exhaust(records: Iterable[object]) -> None:
    """Read all of it, and keep nothing."""
    for _ in records:
        pass


def test_a_long_text_that_a_parquet_file_holds_once_is_refused_by_its_line_and_column(tmp_path: Path) -> None:
    bombs.dictionary(tmp_path / "bill.parquet", 4 * bombs.MIB)
    assert (tmp_path / "bill.parquet").stat().st_size < 10_000
    assert of_bill(tmp_path) == (
        "focus.nimbus: bill.parquet line 1 has 4,194,304 bytes of ServiceName, more than the 1,048,576 that a cell may "
        "have: correct the export, or leave the column out of it"
    )


def test_what_a_parquet_file_holds_once_is_counted_as_often_as_it_comes(tmp_path: Path) -> None:
    bombs.dictionary(tmp_path / "bill.parquet", bombs.MIB // 2)
    assert of_bill(tmp_path, max_mib=200) == (
        "focus.nimbus: it has more than 200 MiB, unpacked, and was not read further: if that is right, set "
        "sources.focus.nimbus.max_mib higher; else correct what it sends, or read less of it"
    )


def test_a_list_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bombs.lists(tmp_path / "bill.parquet", 5_000_000)
    assert "5,000,000 values of x_Credits.list.element in 1 lines, more than 1,000 a line" in of_bill(tmp_path)


def test_the_lines_of_a_packed_bill_are_counted(tmp_path: Path) -> None:
    bombs.repeated(tmp_path / "bill.csv.gz", f"{bombs.LINE}\n".encode(), 1 << 18, bombs.header())
    assert "more than 100,000 rows" in of_bill(tmp_path, max_rows=100_000)
    assert "sources.focus.nimbus.max_rows" in of_bill(tmp_path, max_rows=100_000)


def test_blank_lines_are_counted_too_as_they_are_unpacked(tmp_path: Path) -> None:
    bombs.repeated(tmp_path / "bill.csv.gz", b"\n" * 1024, 1 << 20, bombs.header())
    assert "more than 64 MiB, unpacked" in of_bill(tmp_path, max_mib=64)


@pytest.mark.parametrize(
    "header", [bombs.header(20_000), bombs.header(400_000), b"x" * bombs.MIB, b'"' + b"\n" * bombs.MIB]
)
def test_a_header_without_end_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "bill.csv").write_bytes(header + f"{bombs.LINE}\n".encode())
    assert "bill.csv has a header" in of_bill(tmp_path)


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl.gz"])
@pytest.mark.parametrize(
    ("start", "piece"), [(b"day,a\n", b"x" * 1024), (b'day,a\n"', b"a\n" * 512), (b"", b"[" * 1024)]
)
def test_a_line_without_end_is_refused(tmp_path: Path, name: str, start: bytes, piece: bytes) -> None:
    bombs.repeated(tmp_path / name, piece, 1 << 20, start)
    assert f"{name} line " in of_rows(tmp_path / name)


def test_a_record_of_lines_without_end_is_refused(tmp_path: Path) -> None:
    bombs.repeated(tmp_path / "rows.csv.gz", b'"x\nx",' * 200, 1 << 20, b"day,a\n")
    assert "has more than 16,777,216 bytes: correct it, or write shorter lines" in of_rows(tmp_path / "rows.csv.gz")


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl.gz"])
def test_blank_lines_of_rows_are_counted(tmp_path: Path, name: str) -> None:
    bombs.repeated(tmp_path / name, b"\n" * 1024, 1 << 18, b"day\n" if "csv" in name else b"")
    source = of_files(tmp_path / name, measure="inventory", date=None, max_mib=2, lines=[LINE])
    assert "set sources.file.helpdesk.max_mib higher" in said(lambda: exhaust(files.records(source, LIMITS, [FIRST])))


@pytest.mark.parametrize(
    ("sheet", "strings", "expected"),
    [
        (bombs.rows(b"<row/>" * 170_000, 200), "", "bytes unpacked, more than 134,217,728: save its sheet as CSV"),
        (bombs.rows(b'<row r="999999999999"/>'), "", "its sheet usage has more than 1,048,576 rows: save it as CSV"),
        (bombs.rows(b'<row><c r="XFD1"/></row>' * 5_000), "", "more than 10,000,000 cells: save it as CSV"),
        (
            bombs.rows(b'<row><c r="A2" t="s"><v>0</v></c></row>'),
            bombs.LAUGHS,
            "it is not an XLSX workbook (limit on input",
        ),
    ],
    ids=["zeros", "gap", "width", "entities"],
)
def test_a_workbook_that_unfolds_is_refused(
    tmp_path: Path, sheet: Callable[..., None], strings: str, expected: str
) -> None:
    bombs.workbook(tmp_path / "rows.xlsx", sheet, strings)
    assert expected in of_rows(tmp_path / "rows.xlsx")


def test_an_answer_of_values_without_end_is_refused(service: Service) -> None:
    service.will(Answer(json.dumps([[]] * 3_000_000, separators=(",", ":"))))
    limits = changed(ONCE, http_max_answer_mib=16)
    found = said(lambda: read(GITLAB_STORAGE, service.url, (FIRST,), limits))
    assert "an answer of more than 1,048,576 values: ask for smaller pages" in found


def test_a_packed_answer_is_counted_as_it_is_unpacked(service: Service) -> None:
    service.will(Answer(gzip.compress(bytes(1 << 27), 1), headers={"Content-Encoding": "gzip"}))
    found = said(lambda: read(GITLAB_STORAGE, service.url, (FIRST,), ONCE))
    assert "an answer of more than 64 MiB" in found
