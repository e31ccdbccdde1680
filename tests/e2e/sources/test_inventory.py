"""The CMDB over a real MongoDB wire, from documents to unit-months."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from secantus import SecantusDBServer

from tests.e2e.finops import Database, days, finops, scalar


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB wire server."""
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as server:
        yield server.uri


@pytest.fixture
def cmdb(mongo: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """An empty CMDB with its three collections, configured as the source of dated dumps."""
    with MongoClient[dict[str, Any]](mongo) as client:
        client.drop_database("cmdb")
        for name in ("vms", "disks", "legacy_storage"):
            client["cmdb"].create_collection(name)
        monkeypatch.setenv("SOURCES__CMDB__URI", mongo)
        monkeypatch.setenv("SOURCES__CMDB__SNAPSHOT_FIELD", "snapshot_date")
        yield client["cmdb"]


def disk(day: datetime, size: object, **fields: object) -> dict[str, object]:
    """A document of the dump of a day."""
    return {"snapshot_date": day, "name": "d1", "application": "ERP", "tier": "ssd", "size_gib": size, **fields}


def midnight(text: str) -> datetime:
    """The start of a day, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def nightly(as_of: str, *options: str) -> int:
    """A nightly for the disks alone."""
    return finops("nightly", "--period", as_of[:7], "--as-of", as_of, "--source", "cmdb.disk", *options)


def test_a_month_of_dumps_is_its_capacity_in_unit_months(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many([disk(midnight(str(day)), Decimal128("100")) for day in days("2026-09-01", "2026-09-30")])
    assert nightly("2026-09-30") == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == Decimal(100)


def test_a_missing_day_takes_the_day_before_and_says_so(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many([disk(midnight(day), 300) for day in ("2026-09-01", "2026-09-03")])
    assert nightly("2026-09-20") == 0
    row = database.execute("select usage_quantity, is_estimated, line_count from finops.fact_releve").fetchone()
    assert row == (Decimal("30.000000000000"), True, 3)


def test_a_month_without_a_gap_is_not_estimated(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many([disk(midnight(day), 300) for day in ("2026-09-01", "2026-09-02")])
    assert nightly("2026-09-20") == 0
    assert scalar(database, "select is_estimated from finops.fact_releve") is False


def test_a_month_that_ends_without_dumps_is_mended_by_the_next_one(
    cmdb: MongoDatabase[Any], database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    days_of = "select measured_days, estimated_days, missing_days, complete_date::text from finops.mv_source_month"
    cmdb["disks"].insert_many([disk(midnight(str(day)), 30) for day in days("2026-09-01", "2026-09-28")])
    assert nightly("2026-09-30") == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == Decimal(28)
    assert database.execute(days_of).fetchall() == [(28, 0, 1, "2026-09-28")]
    assert "cmdb.disk 2026-09: 1 day is missing, and in no cost: 29 (28 measured" in capfd.readouterr().out
    cmdb["disks"].insert_one(disk(midnight("2026-10-02"), 30))
    assert nightly("2026-10-02") == 0
    september = "select usage_quantity, estimated_cost / total_cost from finops.fact_releve where period = '2026-09-01'"
    quantity, estimated = database.execute(september).fetchall()[0]
    assert (quantity, round(estimated, 3)) == (Decimal(30), Decimal("0.067"))
    assert database.execute(days_of + " where period = '2026-09-01'").fetchall() == [(28, 2, 0, "2026-09-30")]
    # a dump of the 29th that comes late decides the days after it, those of October included
    cmdb["disks"].insert_one(disk(midnight("2026-09-29"), 60))
    assert finops("nightly", "--period", "2026-09..2026-10", "--as-of", "2026-10-02", "--source", "cmdb.disk") == 0
    quantities = "select usage_quantity from finops.fact_releve order by period"
    assert [round(row[0], 3) for row in database.execute(quantities)] == [Decimal("32.000"), Decimal("2.903")]


def test_a_cmdb_read_for_the_first_time_says_which_days_are_missing(
    cmdb: MongoDatabase[Any], database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    cmdb["disks"].insert_one(disk(midnight("2026-09-24"), 30))
    assert nightly("2026-09-24") == 0
    days_of = "select measured_days, missing_days, days_to_come, complete_date::text from finops_api.source_periods"
    assert database.execute(days_of).fetchall() == [(1, 23, 6, "2026-08-31")]
    assert "23 days are missing, and in no cost: 1–23 (1 measured, 0 estimated)" in capfd.readouterr().out
    assert finops("coverage") == 0
    shown = next(line for line in capfd.readouterr().out.splitlines() if "2026-09" in line and "cmdb.disk" in line)
    assert [cell.strip() for cell in shown.split("│")[3:8]] == ["1", "0", "23", "6", "1–23"]
    assert finops("metrics") == 0
    assert 'finops_missing_days{period="2026-09",source="cmdb.disk"} 23.0' in capfd.readouterr().out


def test_a_day_that_is_read_again_changes_by_little_or_when_it_is_accepted(
    cmdb: MongoDatabase[Any], database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    cmdb["disks"].insert_many([disk(midnight(day), 300) for day in ("2026-09-18", "2026-09-19", "2026-09-20")])
    published = "select usage_quantity from finops.fact_releve"
    assert nightly("2026-09-20") == 0
    cmdb["disks"].update_one({"snapshot_date": midnight("2026-09-19")}, {"$set": {"size_gib": "unknown"}})
    assert nightly("2026-09-20") == 1
    assert (
        "cmdb.disk 2026-09 keeps its previous relevés: GiB-month of 2026-09-19 would go from 10 to 0, more than "
        "max_day_fall allows"
    ) in capfd.readouterr().err
    assert scalar(database, published) == 30
    assert scalar(database, "select quantity_after from finops_intermediate.int_scope_day_changes") == 0
    cmdb["disks"].update_one({"snapshot_date": midnight("2026-09-19")}, {"$set": {"size_gib": 70}})
    assert nightly("2026-09-20", "--accept-shrink") == 0
    assert nightly("2026-09-20") == 0
    assert scalar(database, published) == Decimal("22.333333333333")


def test_half_of_a_new_day_s_dump_is_refused(
    cmdb: MongoDatabase[Any], database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    cmdb["disks"].insert_many([disk(midnight("2026-09-19"), 30, name=f"d{number}") for number in range(10)])
    assert nightly("2026-09-19") == 0
    cmdb["disks"].insert_many([disk(midnight("2026-09-20"), 30, name=f"d{number}") for number in range(4)])
    assert nightly("2026-09-20") == 1
    assert (
        "cmdb.disk: 2026-09-20 came back with 4 records where 10 are accepted of 2026-09-19" in capfd.readouterr().err
    )
    assert scalar(database, "select usage_quantity from finops.fact_releve") == 10
    cmdb["disks"].insert_many([disk(midnight("2026-09-20"), 30, name=f"d{number}") for number in range(4, 10)])
    assert nightly("2026-09-20") == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == 20


def test_a_day_that_was_estimated_is_what_its_late_dump_says(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many([disk(midnight(day), 300) for day in ("2026-09-18", "2026-09-20")])
    assert nightly("2026-09-20") == 0
    cmdb["disks"].insert_one(disk(midnight("2026-09-19"), 30))
    assert nightly("2026-09-20") == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == 21


def test_a_cmdb_in_another_unit_makes_rejects_and_no_cost(cmdb: MongoDatabase[Any], database: Database) -> None:
    machine = {"snapshot_date": midnight("2026-09-01"), "application": "ERP", "vcpu": 4}
    cmdb["vms"].insert_many([{**machine, "name": f"vm{number}", "ram_gib": 16384} for number in range(6)])
    cmdb["vms"].insert_one({**machine, "name": "right", "ram_gib": 16})
    assert finops("nightly", "--period", "2026-09", "--as-of", "2026-09-01", "--source", "cmdb.vm") == 0
    ram = "select line_count, usage_quantity from finops.fact_releve where product_id = 'vm.ram_gib'"
    assert database.execute(ram).fetchall() == [(1, Decimal("0.533333333333"))]
    rejected = database.execute("select reason, detail, count(*) from finops.rejected_usage group by 1, 2").fetchall()
    remedy = "check its unit, or raise max_vm_ram_gib, max_ram_gib_per_vcpu or max_storage_gib"
    assert rejected == [("IMPLAUSIBLE", f"capacity '16384' is more than 256 GiB: {remedy}", 6)]


def test_an_exact_duplicate_counts_once(cmdb: MongoDatabase[Any], database: Database) -> None:
    # one id, twice in what the server sends: a cursor over a collection that moves does that
    cmdb["disks"].insert_one(disk(midnight("2026-09-01"), 300))
    assert nightly("2026-09-01") == 0
    database.execute(
        "insert into raw_open_legacy.cmdb_disk select * from raw_open_legacy.cmdb_disk;"
        ' update finops.etl_extractions set record_count = 2, control_totals = \'{"2026-09": {"records": "2"}}\''
        " where status = 'COMPLETE'"
    )
    assert finops("reprocess", "--period", "2026-09", "--reason", "a test") == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == Decimal("10.000000000000")
    assert (
        scalar(database, "select records_duplicate from finops.etl_reconciliations order by decided_at desc limit 1")
        == 1
    )


def test_what_cannot_be_valued_is_kept_with_its_reason(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many(
        [
            disk(midnight("2026-09-01"), "n/a"),
            disk(midnight("2026-09-01"), float("nan")),
            disk(midnight("2026-09-01"), 10, tier="floppy"),
            disk(midnight("2026-09-01"), 10, tier="nvme"),
        ]
    )
    assert nightly("2026-09-01") == 0
    reasons = database.execute("select reason, detail from finops.rejected_usage order by 1, 2").fetchall()
    assert reasons == [
        ("NO_PRICE", "add a price of disk.nvme_gib valid on 2026-09-01 to the reference table prices"),
        ("NO_PRODUCT", "add disk.floppy_gib to the reference table products"),
        ("UNPARSABLE", "capacity 'NaN'"),
        ("UNPARSABLE", "capacity 'n/a'"),
    ]


def test_dirty_documents_become_what_the_docs_say(cmdb: MongoDatabase[Any], database: Database) -> None:
    day = midnight("2026-09-01")
    in_service: list[dict[str, object]] = [
        disk(day, "0.03 TB"),
        disk(day, "30720 MB"),
        {**disk(day, None), "size": "30 Go"},
        disk(day, 30, status="Stopped", vm=None),
        disk(day, Decimal128("30"), decommissioned_at="0001-01-01T00:00:00Z"),
        disk(day, 30, decommission_date="2026-09-02"),
    ]
    gone: list[dict[str, object]] = [
        disk(day, 30, status=" Retired "),
        disk(day, "n/a", decommissioned_at=datetime(2026, 9, 1, 12, tzinfo=UTC)),
        disk(day, 30, decommission_date="01/09/2026"),
        disk(day, 30, decommission_date=1788220800000),
    ]
    unreadable = [disk(day, "1,024"), disk(day, "-5 GB")]
    cmdb["disks"].insert_many([*in_service, *gone, *unreadable])
    assert nightly("2026-09-01") == 0
    # (30.72 + 5 × 30) GiB ÷ 30 days on six lines, and four lines of 0
    assert database.execute("select usage_quantity, line_count from finops.fact_releve").fetchall() == [
        (Decimal("1.024") + 5, 10)
    ]
    assert database.execute("select detail from finops.rejected_usage order by 1").fetchall() == [
        ("capacity '-5 GB' is negative: correct the record",),
        ("capacity '1,024'",),
    ]


def test_a_document_whose_id_is_no_object_id_is_not_skipped(cmdb: MongoDatabase[Any], database: Database) -> None:
    for identity in (1, "disk-1", Decimal128("1.5"), {"site": "a", "number": 1}):
        cmdb["disks"].insert_one({"_id": identity, **disk(midnight("2026-09-01"), 30)})
    assert nightly("2026-09-01") == 0
    assert scalar(database, "select line_count from finops.fact_releve") == 4


def test_a_secret_in_a_document_never_lands(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_one(disk(midnight("2026-09-01"), 30, agent={"Password": "hunter2"}))
    assert nightly("2026-09-01") == 0
    landed = scalar(database, "select payload::text from raw_open_legacy.cmdb_disk")
    assert "hunter2" not in landed
    assert '"Password":"***"' in landed


def test_a_nightly_fills_the_days_that_are_missing_and_reads_the_last_ones_again(
    cmdb: MongoDatabase[Any], database: Database
) -> None:
    cmdb["disks"].insert_many([disk(midnight(str(day)), 30) for day in days("2026-09-01", "2026-09-10")])
    nightly("2026-09-10")
    cmdb["disks"].update_many({}, {"$set": {"size_gib": 60}})
    assert nightly("2026-09-10") == 0
    # seven days at 30 GiB, the last three, read again, at 60
    assert scalar(database, "select usage_quantity from finops.fact_releve") == Decimal("13.000000000000")


def test_a_refetch_reads_every_day_again(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["disks"].insert_many([disk(midnight(str(day)), 30) for day in days("2026-09-01", "2026-09-10")])
    nightly("2026-09-10")
    cmdb["disks"].update_many({}, {"$set": {"size_gib": 60}})
    options = ["--reason", "sizes were wrong", "--refetch", "--as-of", "2026-09-10", "--source", "cmdb.disk"]
    assert finops("reprocess", "--period", "2026-09", *options) == 0
    assert scalar(database, "select usage_quantity from finops.fact_releve") == Decimal("20.000000000000")


def test_without_a_snapshot_field_a_collection_is_todays_state(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CMDB__SNAPSHOT_FIELD")
    cmdb["disks"].insert_one({"name": "d1", "application": "ERP", "tier": "ssd", "size_gib": 31})
    assert finops("nightly", "--source", "cmdb.disk") == 0
    today = datetime.now(UTC).date()
    assert scalar(database, "select max(window_date) from finops.etl_accepted") == today
    yesterday = str(today - timedelta(days=1))
    assert finops("nightly", "--as-of", yesterday, "--source", "cmdb.disk") == 0
    assert scalar(database, "select count(*) from finops.etl_accepted") == 1


def test_a_price_holds_from_its_first_day_to_the_day_before_the_next(
    cmdb: MongoDatabase[Any], database: Database
) -> None:
    change = scalar(
        database,
        "select max(valid_from) from finops_reference.prices where product_id = 'vm.vcpu' and valid_to is null",
    )
    prices: dict[bool, Decimal] = dict(
        database.execute(
            "select valid_from = %s, unit_price from finops_reference.prices where product_id = 'vm.vcpu'"
            " and %s between valid_from and coalesce(valid_to, 'infinity')",
            (change, change),
        ).fetchall()
    )
    vm = {"name": "v", "application": "ERP", "vcpu": 31, "ram_gib": 0}
    for day in (change - timedelta(days=1), change):
        cmdb["vms"].insert_one({**vm, "snapshot_date": midnight(str(day))})
    assert finops("nightly", "--period", f"{change:%Y-%m}", "--as-of", str(change), "--source", "cmdb.vm") == 0
    share = Decimal(31) / ((change.replace(day=28) + timedelta(days=4)).replace(day=1) - change.replace(day=1)).days
    expected = sum(prices.values()) * round(share, 12)
    assert scalar(database, "select total_cost from finops.fact_releve where product_id = 'vm.vcpu'") == expected


def test_the_period_reaches_the_scan_of_every_raw_table(database: Database) -> None:
    # With sequential scans off, one is left only where the period can't get to an index.
    raw_tables = {
        f"{schema}.{table}"
        for schema, table in database.execute(
            "select schemaname, tablename from pg_tables where schemaname like 'raw%' and schemaname <> 'raw_reference'"
        )
    }
    assert len(raw_tables) == 14
    database.execute("set enable_seqscan = off")
    explained = database.execute(
        "explain (verbose, costs off) select * from finops_intermediate.int_usage_valued where period = '2026-09-01'"
    )
    scans = [str(line) for (line,) in explained if " on raw_" in str(line)]
    assert {table for table in raw_tables if any(f" on {table} " in line for line in scans)} == raw_tables
    assert [line for line in scans if "Index" not in line] == []
