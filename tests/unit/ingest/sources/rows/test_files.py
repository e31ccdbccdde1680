"""Files of each format, as people and programs write them: what lands is what is written."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import simplejson

from finops.ingest.errors import SourceError
from finops.ingest.sources.kinds import ConfiguredSource, Window
from finops.ingest.sources.rows import files
from finops.ingest.sources.rows.records import day_of
from tests.unit.ingest.sources.rows.declaring import FIRST, SECOND, of_files
from tests.unit.limits import LIMITS

HEADER = "day,app,tickets\n"


def read(configured: ConfiguredSource, *windows: Window) -> list[tuple[str, date, dict[str, Any]]]:
    """Each record: its identity, its day and its values, decimals as they are written."""
    return [
        (record.record_id, record.window_date, simplejson.loads(record.payload, use_decimal=True))
        for record in files.records(configured, LIMITS, list(windows or (FIRST, SECOND)))
    ]


def refusal(configured: ConfiguredSource) -> str:
    """What is said of files that can't be read."""
    with pytest.raises(SourceError) as error:
        read(configured)
    return str(error.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_the_cells_of_a_csv_land_as_they_are_written(tmp_path: Path, delimiter: str, start: str) -> None:
    text = f'{start}day,"app",tickets \r\n2026-10-01,"a ""b""\n,",007.10\r\n\r\n,,\r\n2026-10-02,,"1,5"\r\n'
    lines = text.replace('"1,5"', "~").replace('\n,"', "^").replace(",", delimiter).replace("~", '"1,5"')
    (tmp_path / "usage.csv").write_text(lines.replace("^", '\n,"'), encoding="utf-8", newline="")
    assert read(of_files(tmp_path / "usage.csv")) == [
        ("usage.csv#3", FIRST.start, {"day": "2026-10-01", "app": 'a "b"\n,', "tickets": "007.10"}),
        ("usage.csv#6", SECOND.start, {"day": "2026-10-02", "app": "", "tickets": "1,5"}),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "usage.csv is empty: it has no header"),
        (b"day;tickets;day\n", "usage.csv names day twice: give each column a name of its own"),
        (b"day,tickts\n", "usage.csv has no column 'tickets': did you mean 'tickts'?"),
        (b"day,n\n", "usage.csv has no column 'tickets': it has day, n"),
        (b"day,tickets\n2026-10-01,1\n2026-10-01\n", "usage.csv line 3 has 1 cells where the header names 2"),
        (b"day,tickets,\n2026-10-01,1,2\n", "usage.csv line 2 has 3 cells where the header names 2: correct it"),
        (b"day,tickets\n2026-10-01,\xe9\n", "usage.csv is not in UTF-8 (invalid continuation byte): save it as CSV"),
        (b'day,tickets\n2026-10-01,"1\n', "usage.csv line 2 is not CSV: unexpected end of data"),
        (
            b"day,tickets\nsoon,1\n",
            "usage.csv#2 has no readable date: day is 'soon'; correct it, or leave such rows out by sources.file.help",
        ),
    ],
)
def test_a_csv_that_can_t_be_read_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "usage.csv").write_bytes(content)
    assert refusal(of_files(tmp_path / "usage.csv")).startswith(f"file.helpdesk: {said}")


def test_numbers_of_json_lines_and_parquet_keep_every_digit(tmp_path: Path) -> None:
    number = Decimal("12345678901234567890.123456789")
    with gzip.open(tmp_path / "usage.jsonl.gz", "wt") as file:
        file.write(f'{{"day": "2026-10-01", "tickets": {number}, "app": {{"code": null}}}}\n\n')
    rows = {"day": [date(2026, 10, 1)], "tickets": [number], "share": [0.1], "at": [datetime(2026, 10, 1, tzinfo=UTC)]}
    pq.write_table(pa.table(rows), tmp_path / "usage.parquet")
    assert read(of_files(tmp_path / "usage.jsonl.gz")) == [
        ("usage.jsonl.gz#1", FIRST.start, {"day": "2026-10-01", "tickets": number, "app": {"code": None}})
    ]
    values = {"day": "2026-10-01", "tickets": number, "share": Decimal("0.1"), "at": "2026-10-01T00:00:00+00:00"}
    assert read(of_files(tmp_path / "usage.parquet")) == [("usage.parquet#1", FIRST.start, values)]


@pytest.mark.parametrize("line", ["[1]", "{", '{"day": "2026-10-01"} x'])
def test_a_line_that_is_not_a_json_object_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "usage.jsonl").write_text(f'{{"day": "2026-10-01"}}\n{line}\n')
    assert "usage.jsonl line 2 is not " in refusal(of_files(tmp_path / "usage.jsonl"))


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    """A workbook with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_read_with_its_dates_and_its_numbers(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [],
        ["day", "app", "tickets"],
        [datetime(2026, 10, 1), None, 0.1],  # noqa: DTZ001 a workbook has no zones
        [],
        [datetime(2026, 10, 2), "a", 3],  # noqa: DTZ001
    ]
    path = workbook(tmp_path / "usage.xlsx", Notes=[["seen"]], Usage=rows)
    assert read(of_files(path, sheet="Usage")) == [
        ("usage.xlsx#3", FIRST.start, {"day": "2026-10-01T00:00:00", "app": None, "tickets": Decimal("0.1")}),
        ("usage.xlsx#5", SECOND.start, {"day": "2026-10-02T00:00:00", "app": "a", "tickets": 3}),
    ]
    assert "usage.xlsx has the sheets Notes, Usage: set sheet to one of them" in refusal(of_files(path))
    assert "usage.xlsx has no sheet 'usage': it has Notes, Usage" in refusal(of_files(path, sheet="usage"))


@pytest.mark.parametrize("name", ["usage.xlsx", "usage.parquet", "usage.csv.gz"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"day,tickets\n" * 100)
    assert refusal(of_files(tmp_path / name)).startswith(f"file.helpdesk: {name}")


def test_a_folder_holds_nothing_but_files_of_a_known_format(tmp_path: Path) -> None:
    for name in ("a/1.csv", "b/2.csv", "b/_done", "b/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HEADER + "2026-10-01,x,1\n")
    folder = tmp_path.name
    assert [record[0] for record in read(of_files(tmp_path))] == [f"{folder}/a/1.csv#2", f"{folder}/b/2.csv#2"]
    (tmp_path / "b/notes.txt").write_text("seen")
    assert "notes.txt does not end in csv, jsonl" in refusal(of_files(tmp_path))
    assert [record[0] for record in read(of_files(tmp_path / "*/*.csv"))] == ["a/1.csv#2", "b/2.csv#2"]


def test_no_file_at_all_is_an_error_and_a_window_without_one_is_left_out(tmp_path: Path) -> None:
    assert refusal(of_files(tmp_path / "usage.csv")) == (
        f"file.helpdesk: no file is at {tmp_path}/usage.csv: check sources.file.helpdesk.url"
    )
    by_day = of_files(tmp_path / "{day}.csv", date=None)
    with pytest.raises(SourceError, match=r"no file is at .*/\*\.csv: check sources\.file\.helpdesk\.url"):
        files.missing(by_day, [FIRST, SECOND])
    (tmp_path / "2026-10-02.csv").write_text("app,tickets\nx,1\n")
    assert files.missing(by_day, [FIRST, SECOND]) == {FIRST: f"{tmp_path}/2026-10-01.csv"}
    assert files.missing(by_day, [FIRST]) == {FIRST: f"{tmp_path}/2026-10-01.csv"}
    assert [record[:2] for record in read(by_day)] == [("2026-10-02.csv#2", SECOND.start)]


def test_the_rows_of_a_month_s_file_are_of_their_days_and_those_of_another_month_of_its_first(tmp_path: Path) -> None:
    (tmp_path / "202610.csv").write_text(HEADER + "31/10/2026,x,1\n2026-09-30T23:00:00-02:00,x,2\n2026-09-30,x,3\n")
    found = read(of_files(tmp_path / "{month:%Y%m}.csv"), SECOND)
    assert [record[1] for record in found] == [date(2026, 10, 31), FIRST.start, FIRST.start]


def test_a_snapshot_without_a_date_is_the_state_of_the_day_that_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "vaults.csv").write_text("vault,tickets\nv-1,1\nv-2,2\nTOTAL,3\n")
    snapshot = of_files(
        tmp_path / "vaults.csv", date=None, measure="inventory", record_id="{vault}", skip={"vault": "TOTAL"}
    )
    assert [record[:2] for record in read(snapshot, SECOND)] == [("v-1", SECOND.start), ("v-2", SECOND.start)]


def test_a_row_without_its_identity_is_refused(tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").write_text('{"day": "2026-10-01", "id": null}\n')
    said = refusal(of_files(tmp_path / "usage.jsonl", record_id="{id}"))
    assert said == "file.helpdesk: usage.jsonl#1 has no 'id', which is in sources.file.helpdesk.record_id: correct it"


def test_masked_columns_do_not_land(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("day,tickets,password\n2026-10-01,1,s3cret\n")
    assert read(of_files(tmp_path / "usage.csv"))[0][2]["password"] == "***"


def test_the_doctor_shows_the_last_file(tmp_path: Path) -> None:
    for day in ("2026-10-01", "2026-10-02"):
        (tmp_path / f"{day}.csv").write_text("app,tickets\nx,1\n")
    probe = files.probe(of_files(tmp_path / "{day}.csv", date=None))
    assert probe.found == f"2 files, the last 2026-10-02.csv, at {tmp_path}/{{day}}.csv"
    assert not probe.is_empty


def test_a_bucket_is_read_as_a_folder_is() -> None:
    bucket = fsspec.filesystem("memory")
    bucket.pipe("/usage/2026-10-01.jsonl", json.dumps({"day": "2026-10-01", "tickets": 1}).encode())
    assert read(of_files("memory://usage/{day}.jsonl"), FIRST) == [
        ("2026-10-01.jsonl#1", FIRST.start, {"day": "2026-10-01", "tickets": 1})
    ]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-10-01", "2026-10-01"),
        (" 2026-10-1 ", "2026-10-01"),
        ("1/10/2026", "2026-10-01"),
        ("2026-10-01T23:30:00-02:00", "2026-10-02"),
        ("2026-10-01 23:30:00", "2026-10-01"),
        ("2026-10-01T00:30:00+02:00", "2026-09-30"),
        (datetime(2026, 10, 1, tzinfo=UTC), "2026-10-01"),
        (1790812800000, "2026-10-01"),
        ("1790812800000", "2026-10-01"),
        *((text, None) for text in ("", None, "soon", "2026-13-01", "0001-01-01", "1970-01-01", {"$date": 1}, 0)),
    ],
)
def test_a_day_is_read_as_postgresql_reads_it(value: object, day: str | None) -> None:
    assert day_of(value) == (date.fromisoformat(day) if day else None)
