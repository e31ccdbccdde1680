"""A secret that is planted in every kind of place of every kind of source is in no table once the sources are read."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson import Code, DBRef
from openpyxl import Workbook

from finops.ingest.periods import today
from tests.e2e.finops import Database, charge, finops, scalar, serving, write_bill
from tests.unit.ingest.sources.test_masked import DOCUMENTS, SECRET
from tests.unit.mongo_wire import holding

MONTH = ("--period", "2026-09", "--as-of", "2026-09-02")
LINE = {"product": "saas.seat", "quantity": "seats", "unit": "seat"}
OF_JSON = {name: document for name, document in DOCUMENTS.items() if "BSON" not in name and "DBRef" not in name}
OF_JSON = {name: document for name, document in OF_JSON.items() if name not in ("bytes", "document in code in a list")}
CELLS = {
    "Owner Name": SECRET,
    "db.pin": SECRET,
    "apiKey": SECRET,
    "note": f"owner_name={SECRET};a=b",
    "config": json.dumps({"db": {"pin": SECRET}}),
    "tags": json.dumps([{"Key": "OwnerName", "Value": SECRET}]),
    "seats": "7",
}


def declare(monkeypatch: pytest.MonkeyPatch, kind: str, name: str, **declaration: Any) -> None:
    """Declare a source of one line a record."""
    monkeypatch.setenv(f"SOURCES__{kind}__{name}".upper(), json.dumps({"lines": [LINE], **declaration}))


def write_files(folder: Path) -> None:
    """The same cells in every format of files, and structures where a format has them."""
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([CELLS.keys(), CELLS.values()])
    with (folder / "b.jsonl").open("w") as lines:
        lines.writelines(json.dumps({"seats": 1, **document}) + "\n" for document in OF_JSON.values())
    structures = {
        "owner": [{"name": SECRET}],
        "labels": pa.array([[("owner-name", SECRET)]], pa.map_(pa.string(), pa.string())),
        "list": [[{"key": "token", "value": SECRET}]],
    }
    pq.write_table(pa.table({**{name: [cell] for name, cell in CELLS.items()}, **structures}), folder / "c.parquet")
    workbook = Workbook()
    for row in (list(CELLS), list(CELLS.values())):
        workbook.worksheets[0].append(row)
    workbook.save(folder / "d.xlsx")
    with sqlite3.connect(folder / "e.db") as database:
        names = ", ".join(f'"{name}"' for name in CELLS)
        database.execute(f"create table usage ({names})")
        marks = ", ".join("?" * len(CELLS))
        database.execute(f"insert into usage values ({marks})", list(CELLS.values()))  # noqa: S608


def tables_with(database: Database, text: str) -> list[str]:
    """Every table of the database that has a text in any of its rows."""
    query = """
        select format('%I.%I', table_schema, table_name) from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema !~ '^pg_|^information_schema$'
    """
    relations = [relation for (relation,) in database.execute(query).fetchall()]
    has_it = "select exists (select from {} as held where strpos(held::text, %s) > 0)"
    return [relation for relation in relations if scalar(database, has_it.format(relation), text)]


def test_no_secret_lands_of_any_source(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INGEST__MASK", '{"owner_name": "drop", "db.pin": "drop"}')
    write_files(tmp_path)
    for name in ("a.csv", "b.jsonl", "c.parquet", "d.xlsx"):
        declare(monkeypatch, "file", name[0], url=str(tmp_path / name), measure="inventory")
    declare(monkeypatch, "sql", "e", connection=f"sqlite:///{tmp_path / 'e.db'}", table="usage", measure="inventory")
    bill = write_bill(tmp_path / "bills", "bill.csv", [charge("4", str(today().replace(day=1)))])
    tags = json.dumps([{"Key": "OwnerName", "Value": SECRET}]).replace('"', '""')
    header, line = bill.read_text().splitlines()
    bill.write_text(
        f'{header},x_ApiKey,ChargeDescription\n{line.rpartition(",")[0]},"{tags}",{SECRET},db.pin={SECRET}\n'
    )
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    of_bson: list[dict[str, Any]] = [
        {"_id": {"owner_name": SECRET, "number": 1}},
        {"_id": {"owner_name": f"another {SECRET}", "number": 1}},
        {"_id": 2, "script": Code("x", {"password": SECRET}), "link": DBRef("a", {"owner_name": SECRET})},
    ]
    with holding(*of_bson) as mongo, serving({"/records": list(OF_JSON.values())}) as url:
        monkeypatch.setenv("SOURCES__CMDB__URI", mongo)
        monkeypatch.setenv("SOURCES__CMDB__DISK", "[]")
        monkeypatch.setenv("SOURCES__CMDB__LEGACY_STORAGE", "[]")
        declare(monkeypatch, "http", "f", url=url, path="records", data_selector="$[*]", measure="inventory")
        assert finops("extract") == 0  # what is the state of today is read today
    assert scalar(database, "select count(distinct record_id) from raw_open_legacy.cmdb_vm") == 3
    landed = "select count(*) from {} where payload::text like '%%***%%'"
    assert scalar(database, landed.format("raw_native.declared")) >= 2 * len(OF_JSON) + 4
    assert scalar(database, "select count(*) from raw_public_cloud.focus where other_columns::text like '%%***%%'") == 1
    assert tables_with(database, SECRET) == []


def test_records_that_differ_by_what_is_dropped_stay_two(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"seats": 1, "password": password} for password in ("a", "b", "b")]
    with serving({"/records": records}) as url:
        declare(monkeypatch, "http", "f", url=url, path="records", data_selector="$[*]", measure="inventory")
        assert finops("extract", *MONTH) == 0
    identities = "select count(*), count(distinct record_id), count(distinct payload::text) from raw_native.declared"
    assert database.execute(identities + " where window_date = '2026-09-02'").fetchall() == [(3, 2, 1)]
