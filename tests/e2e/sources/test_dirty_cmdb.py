"""A CMDB as it is in the wild, over MongoDB's wire: every document is in a relevé, or rejected with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from secantus import SecantusDBServer

from tests.e2e.finops import Database, charge, finops, scalar, write_bill
from tests.unit.mongo_wire import holding

DAY = datetime(2026, 9, 1, tzinfo=UTC)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB wire server."""
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as server:
        yield server.uri


@pytest.fixture
def cmdb(mongo: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """An empty CMDB, configured as the source of dated dumps."""
    with MongoClient[dict[str, Any]](mongo) as client:
        client.drop_database("cmdb")
        monkeypatch.setenv("SOURCES__CMDB__URI", mongo)
        monkeypatch.setenv("SOURCES__CMDB__SNAPSHOT_FIELD", "snapshot_date")
        yield client["cmdb"]


def vm(name: str, vcpu: object = "4", ram: object = "16 GB", /, **fields: object) -> dict[str, Any]:
    """A machine of the dump of 1 September 2026."""
    return {"snapshot_date": DAY, "name": name, "application": "ERP", "vcpu": vcpu, "ram_gib": ram, **fields}


def nightly(source: str) -> int:
    """A nightly of 1 September 2026 for one source."""
    return finops("nightly", "--period", "2026-09", "--as-of", "2026-09-01", "--source", source)


def quantities(database: Database) -> dict[tuple[str, str], tuple[Decimal, int]]:
    """The quantity and the number of lines by application and product."""
    rows = database.execute(
        "select application_id, product_id, usage_quantity, line_count from finops.fact_releve"
    ).fetchall()
    return {(application, product): (quantity, lines) for application, product, quantity, lines in rows}


def rejects(database: Database) -> list[tuple[str, str]]:
    """The record and the reason of every reject."""
    return database.execute(
        "select record_id, reason || ': ' || detail from finops.rejected_usage order by 1, 2"
    ).fetchall()


def reconciled(database: Database) -> tuple[Any, ...] | None:
    """Status, then records landed, in relevés, rejected and duplicate, of the one source and month."""
    return database.execute(
        "select status, records_landed, records_released, records_rejected, records_duplicate"
        " from finops.etl_reconciliations"
    ).fetchone()


def test_every_way_of_writing_a_machine_is_counted_or_rejected(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["vms"].insert_many(
        [
            vm("as texts", "4", "16 GB"),
            vm("with units", "4 vCPU", "16384 MB"),
            {"_id": "nothing said", **vm("c", "", None)},
            {"_id": "half said", **vm("d", None, "", memory="16 GB")},
            # out of service, by state or by a date in one of four formats
            vm("e", status=" Retired "),
            vm("f", "n/a", status="DECOMMISSIONED"),
            vm("g", decommissioned_at=DAY),
            vm("h", decommissioned_at="2026-09-01T00:30:00+02:00"),
            vm("i", decommission_date="01/09/2026"),
            vm("j", decommission_date=1788220800000),
            # still there
            vm("k", decommissioned_at="2026-09-02"),
            vm("l", decommissioned_at="0001-01-01T00:00:00Z"),
            # one name, two machines; one id is a text
            {"_id": 7, **vm("twin")},
            {"_id": "7", **vm("twin")},
            # nobody's, but for a rule
            vm("in a cluster", application="", cluster="vauban-bi-2"),
            vm("in a folder", application=None, cluster=" ", parent="vauban-bi"),
            vm("lost", application=None),
        ]
    )  # fmt: skip
    assert nightly("cmdb.vm") == 0
    # a day of 4 vCPU is round(4 ÷ 30, 12) = 0.133333333333, one of 16 GiB 0.533333333333
    assert quantities(database) == {
        # 6 machines in service and 6 out of it; the memory of "half said" is a 7th
        ("ERP", "vm.vcpu"): (6 * Decimal("0.133333333333"), 12),
        ("ERP", "vm.ram_gib"): (7 * Decimal("0.533333333333"), 13),
        ("BI", "vm.vcpu"): (2 * Decimal("0.133333333333"), 2),
        ("BI", "vm.ram_gib"): (2 * Decimal("0.533333333333"), 2),
        ("UNALLOCATED", "vm.vcpu"): (Decimal("0.133333333333"), 1),
        ("UNALLOCATED", "vm.ram_gib"): (Decimal("0.533333333333"), 1),
    }
    # 9 × 0.133333333333 vCPU at 7.50 and 10 × 0.533333333333 GiB at 2.10
    assert scalar(database, "select sum(total_cost) from finops.fact_releve") == Decimal("20.1999999999705")
    assert rejects(database) == [
        ("half said", "UNPARSABLE: capacity missing"),
        ("nothing said", "UNPARSABLE: capacity missing"),
        ("nothing said", "UNPARSABLE: capacity missing"),
    ]
    assert reconciled(database) == ("PUBLISHED", 17, 15, 2, 0)


def test_a_disk_without_its_machine_stays_on_its_own_code_or_a_rule_s(
    cmdb: MongoDatabase[Any], database: Database
) -> None:
    disk = {"snapshot_date": DAY, "name": "d", "tier": "SSD", "size_gib": "30 GB"}
    cmdb["disks"].insert_many(
        [
            {**disk, "application": "ERP", "vm": "in no dump"},
            {**disk, "application": "erp"},
            {**disk, "vm": "vauban-bi-7"},
            {**disk, "vm": None},
            {**disk, "vm": "", "application": "never heard of"},
        ]
    )
    assert nightly("cmdb.disk") == 0
    assert quantities(database) == {
        ("ERP", "disk.ssd_gib"): (Decimal(2), 2),
        ("BI", "disk.ssd_gib"): (Decimal(1), 1),
        ("UNALLOCATED", "disk.ssd_gib"): (Decimal(2), 2),
    }
    assert reconciled(database) == ("PUBLISHED", 5, 5, 0, 0)


def test_what_is_no_size_is_a_reject_with_the_text_that_came(cmdb: MongoDatabase[Any], database: Database) -> None:
    sizes: dict[str, object] = {
        "NaN": float("nan"),
        "Infinity": float("inf"),
        "-Infinity": Decimal128("-Infinity"),
        "-4": -4,
        "-9223372036854775808": Int64(-(2**63)),
        "-5 GB": "-5 GB",
        "1,5": "1,5",
        "1,024 MB": "1,024 MB",
        "1\ufffd6": "1\x006",
    }
    disk = {"snapshot_date": DAY, "application": "ERP", "tier": "ssd"}
    cmdb["disks"].insert_many([{**disk, "_id": text, "size_gib": size} for text, size in sizes.items()])
    cmdb["disks"].insert_one({**disk, "_id": "whole", "size_gib": 30, "note": "x" * 15 * MIB})
    cmdb["disks"].insert_one({**disk, "_id": "a\0b", "size_gib": 30, "vm": "a\0b", "note": "\0"})
    year_1 = DatetimeMS(-62_135_596_800_000)
    cmdb["disks"].insert_one({**disk, "_id": "year 1", "size_gib": 30, "decommissioned_at": year_1})
    assert nightly("cmdb.disk") == 0
    assert quantities(database) == {("ERP", "disk.ssd_gib"): (Decimal(3), 3)}
    negative = {"-4", "-9223372036854775808", "-5 GB"}
    assert rejects(database) == sorted(
        (text, f"IMPLAUSIBLE: capacity '{text}' is negative: correct the record")
        if text in negative
        else (text, f"UNPARSABLE: capacity '{text}'")
        for text in sizes
    )
    assert reconciled(database) == ("PUBLISHED", 12, 3, 9, 0)


def damaged(**fields: object) -> RawBSONDocument:
    """A machine whose ¿ are bytes that are not UTF-8."""
    return RawBSONDocument(bson.encode({"_id": "vm-¿", **vm("m", 30, 30), **fields}).replace("¿".encode(), b"\xff\xfe"))


def test_a_document_of_16_mib_and_one_of_bytes_that_are_no_text_land(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = {"_id": "large", **vm("m", 30, 30), "note": "é" * (8 * MIB - 100)}
    for document in (largest, damaged(application="¿")):
        with holding(document) as uri:
            monkeypatch.setenv("SOURCES__CMDB__URI", uri)
            assert finops("nightly", "--source", "cmdb.vm", "--accept-shrink") == 0
    landed: dict[str, str] = dict(
        database.execute("select record_id, payload ->> 'application' from raw_open_legacy.cmdb_vm").fetchall()
    )
    assert landed == {"large": "ERP", r"vm-\xff\xfe": r"\xff\xfe"}
    assert (
        scalar(database, "select max(octet_length(payload ->> 'note')) from raw_open_legacy.cmdb_vm") == 16 * MIB - 200
    )
    # the damaged code is nobody's
    assert {application for application, _ in quantities(database)} == {"UNALLOCATED"}


def test_a_size_of_bytes_that_are_no_text_is_a_reject(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(damaged(vcpu="3¿")) as uri:
        monkeypatch.setenv("SOURCES__CMDB__URI", uri)
        assert finops("nightly", "--source", "cmdb.vm") == 0
    assert rejects(database) == [(r"vm-\xff\xfe", r"UNPARSABLE: capacity '3\xff\xfe'")]


def test_a_document_that_is_no_bson_fails_that_source_alone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bill(tmp_path / "nimbus", "bill.csv", [charge("1.10", f"{datetime.now(UTC):%Y-%m}-01")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "nimbus"))
    torn = RawBSONDocument(bson.encode({"_id": 1, "on": True}).replace(b"\x08on\x00\x01", b"\x08on\x00\x07"))
    with holding(torn) as uri:
        monkeypatch.setenv("SOURCES__CMDB__URI", uri)
        assert finops("nightly", "--source", "cmdb.vm", "--source", "focus.nimbus") == 1
    (said,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert said.startswith("Error: cmdb.vm (sources.cmdb.uri): a document is not BSON")
    assert scalar(database, "select sum(total_cost) from finops.fact_releve") == Decimal("1.10")
