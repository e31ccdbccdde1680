"""Reference data that unpacks to more than any memory is refused, with its place and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.ingest.config.reference import ReferencePlace
from finops.ingest.reference.reading import MAX_LINES, read_all
from tests import bombs

pytestmark = pytest.mark.hostile


def problems(file: Path) -> str:
    """What is said of a file of applications."""
    place = ReferencePlace.model_validate({"url": str(file)})
    (content,) = (found for found in read_all({"applications": place}) if found.table == "applications")
    assert all(problem.isprintable() for problem in content.problems)
    return "; ".join(content.problems)


def test_a_packed_file_is_read_no_further_than_its_bound(tmp_path: Path) -> None:
    bombs.repeated(tmp_path / "applications.csv.gz", b"x" * 1024, 1 << 20)
    assert "it has more than 64 MiB, unpacked: check reference.applications.url" in problems(
        tmp_path / "applications.csv.gz"
    )


def test_lines_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finops.ingest.reference.reading.MAX_LINES", 1000)
    assert MAX_LINES >= 1_000_000
    (tmp_path / "applications.csv").write_text("application_id\n" + "A\n" * 2000)
    assert "it has more than 1,000 lines: keep what is used of it" in problems(tmp_path / "applications.csv")


@pytest.mark.parametrize(
    ("rows", "strings", "said"),
    [
        (bombs.rows(b"<row/>" * 170_000, 200), "", "bytes unpacked, more than 134,217,728"),
        (bombs.rows(b'<row r="999999999999"/>'), "", "has more than 1,048,576 rows"),
        (bombs.rows(b'<row><c r="A2" t="s"><v>0</v></c></row>'), bombs.LAUGHS, "limit on input amplification factor"),
        (bombs.rows(b"<row><c r='\xff'/></row>"), "", "it is not an XLSX workbook"),
    ],
    ids=["zeros", "gap", "entities", "bytes"],
)
def test_a_workbook_that_unfolds_is_refused(tmp_path: Path, rows: bombs.Sheet, strings: str, said: str) -> None:
    bombs.workbook(tmp_path / "applications.xlsx", rows, strings)
    assert said in problems(tmp_path / "applications.xlsx")
