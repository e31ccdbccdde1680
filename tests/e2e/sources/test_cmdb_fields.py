"""A CMDB as its product keeps it: which field is what, in which unit, is configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from secantus import SecantusDBServer

from tests.e2e.finops import Database, finops, scalar, serving

DAY = datetime(2026, 9, 1, tzinfo=UTC)
# a day of a capacity c is round(c ÷ 30, 12)
VCPU_4, GIB_16 = Decimal("0.133333333333"), Decimal("0.533333333333")


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB wire server."""
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as server:
        yield server.uri


@pytest.fixture
def cmdb(mongo: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """An empty CMDB with dated dumps of ServiceNow's table of virtual machines."""
    with MongoClient[dict[str, Any]](mongo) as client:
        client.drop_database("cmdb")
        for name in ("cmdb_ci_vm_instance", "cmdb_ci_server", "disks", "legacy_storage"):
            client["cmdb"].create_collection(name)
        monkeypatch.setenv("SOURCES__CMDB__URI", mongo)
        monkeypatch.setenv("SOURCES__CMDB__SNAPSHOT_FIELD", "dumped_at")
        monkeypatch.setenv("SOURCES__CMDB__VM", "cmdb_ci_vm_instance")
        monkeypatch.setenv("SOURCES__CMDB__PRESET", "servicenow")
        yield client["cmdb"]


def reference(shown: str, value: str) -> dict[str, str]:
    """A field as the Table API gives it with sysparm_display_value=all."""
    return {"display_value": shown, "value": value, "link": f"https://company.service-now.com/api/now/table/x/{value}"}


def machine(sys_id: str, **fields: object) -> dict[str, Any]:
    """A record of cmdb_ci_vm_instance: 4 CPUs and 16384 MB."""
    return {
        "_id": sys_id,
        "dumped_at": DAY,
        "sys_id": sys_id,
        "sys_class_name": "cmdb_ci_vm_instance",
        "name": f"vm-{sys_id}",
        "u_application": reference("ERP", "9f3c"),
        "cpus": "4",
        "memory": "16384",
        "disks_size": "100",
        "state": "on",
        "install_status": "1",
        **fields,
    }


def nightly(*sources: str) -> int:
    """A nightly of 1 September 2026."""
    chosen = [word for source in sources or ("cmdb.vm",) for word in ("--source", source)]
    return finops("nightly", "--period", "2026-09", "--as-of", "2026-09-01", *chosen)


def quantities(database: Database) -> list[tuple[str, str, Decimal, int]]:
    """Application, product, quantity and number of lines of every relevé."""
    return database.execute(
        "select application_id, product_id, usage_quantity, line_count from finops.fact_releve order by 1, 2"
    ).fetchall()


def rejects(database: Database) -> list[tuple[str, str]]:
    """The record and the reason of every reject."""
    return database.execute(
        "select record_id, reason || ': ' || detail from finops.rejected_usage order by 1, 2"
    ).fetchall()


def test_servicenow_s_records_are_read_by_its_preset(cmdb: MongoDatabase[Any], database: Database) -> None:
    cmdb["cmdb_ci_vm_instance"].insert_many(
        [
            machine("plain"),
            machine(
                "shown",
                name=reference("web", "web"),
                cpus=reference("4", "4"),
                memory=reference("16,384", "16384"),
                install_status=reference("Installed", "1"),
            ),
            machine("code", u_application="erp"),
            machine("says its unit", memory="16 GB"),
            # gone, each in its own words
            machine("retired", install_status="7"),
            machine("retired in words", install_status=reference("Retired", "7")),
            machine("terminated", state="terminated"),
            machine("terminated on", terminated_on="2026-08-31 22:00:00"),
            # 7 is a state of install_status alone
            machine("off", state="7"),
            machine("nobody's", u_application=""),
        ]
    )
    assert nightly() == 0
    assert quantities(database) == [
        ("ERP", "vm.ram_gib", 5 * GIB_16, 9),
        ("ERP", "vm.vcpu", 5 * VCPU_4, 9),
        ("UNALLOCATED", "vm.ram_gib", GIB_16, 1),
        ("UNALLOCATED", "vm.vcpu", VCPU_4, 1),
    ]
    assert rejects(database) == []


def test_fields_and_states_of_a_company_s_own(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {
        "vm": {
            "application": ["u_owner.app", "tags.app"],
            "vcpu": "u_size.cpus",
            "ram": {"path": ["u_size", "ram.total"], "unit": "kb"},
            "status": ["u_state", "install_status"],
        }
    }
    monkeypatch.setenv("SOURCES__CMDB__FIELDS", json.dumps(fields))
    monkeypatch.setenv("SOURCES__CMDB__OUT_OF_SERVICE", '["Hors service", "install_status=7"]')
    size = {"cpus": 4, "ram.total": 16 * 1024 * 1024}
    cmdb["cmdb_ci_vm_instance"].insert_many(
        [
            machine("owner", u_owner={"app": "ERP"}, u_size=size),
            machine("tagged", u_owner="nobody", tags=[{"app": "ERP"}], u_size=[size]),
            machine("gone", u_owner={"app": "ERP"}, u_size=size, u_state="HORS SERVICE"),
            machine("retired", u_owner={"app": "ERP"}, u_size=size, u_state="en service", install_status=7),
            # the preset's states are replaced
            machine("terminated", u_owner={"app": "ERP"}, u_size=size, u_state="terminated"),
        ]
    )
    assert nightly() == 0
    assert quantities(database) == [("ERP", "vm.ram_gib", 3 * GIB_16, 5), ("ERP", "vm.vcpu", 3 * VCPU_4, 5)]


def test_several_collections_are_one_source_whose_records_stay_apart(
    cmdb: MongoDatabase[Any],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOURCES__CMDB__VM", '["cmdb_ci_vm_instance", "cmdb_ci_server"]')
    cmdb["cmdb_ci_vm_instance"].insert_one(machine("1"))
    cmdb["cmdb_ci_server"].insert_one(
        {"_id": "1", "dumped_at": DAY, "name": "s", "u_application": "ERP", "cpu_count": "4", "ram": "16384"}
    )
    assert nightly() == 0
    assert quantities(database) == [("ERP", "vm.ram_gib", 2 * GIB_16, 2), ("ERP", "vm.vcpu", 2 * VCPU_4, 2)]
    identities = database.execute("select record_id from raw_open_legacy.cmdb_vm order by 1").fetchall()
    assert identities == [("cmdb_ci_server/1",), ("cmdb_ci_vm_instance/1",)]
    monkeypatch.setenv("SOURCES__CMDB__VM", '["cmdb_ci_vm_instance", "nowhere"]')
    assert nightly() == 1
    remedy = "set sources.cmdb.vm to its name, or to [] if there is none"
    assert f"database 'cmdb' has no collection 'nowhere': {remedy}" in capfd.readouterr().err


def test_a_company_without_a_kind_of_record_says_so_and_its_nights_succeed(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    cmdb["cmdb_ci_vm_instance"].insert_one(machine("1"))
    for kind in ("DISK", "LEGACY_STORAGE"):
        monkeypatch.setenv(f"SOURCES__CMDB__{kind}", "[]")
    assert finops("nightly", "--period", "2026-09", "--as-of", "2026-09-01") == 0
    why = "select error from finops.etl_steps where source = 'cmdb.disk'"
    assert scalar(database, why) == "off: sources.cmdb.disk is []"


def test_a_size_without_a_unit_is_rejected_until_the_configuration_has_one(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CMDB__PRESET")
    cmdb["cmdb_ci_vm_instance"].insert_one(
        {"_id": "1", "dumped_at": DAY, "application": "ERP", "vcpu": 4, "memory": 16384}
    )
    assert nightly() == 0
    assert quantities(database) == [("ERP", "vm.vcpu", VCPU_4, 1)]
    remedy = "set sources.cmdb.fields.vm.ram = {path = 'memory', unit = 'MB'}"
    assert rejects(database) == [("1", f"UNPARSABLE: capacity '16384' has no unit: {remedy}")]
    # what the message says, in place of the collection's next dump
    monkeypatch.setenv("SOURCES__CMDB__FIELDS", '{"vm": {"ram": {"path": "memory", "unit": "MB"}}}')
    assert finops("nightly", "--no-extract", "--period", "2026-09", "--as-of", "2026-09-01") == 0
    assert quantities(database) == [("ERP", "vm.ram_gib", GIB_16, 1), ("ERP", "vm.vcpu", VCPU_4, 1)]
    assert rejects(database) == []


def test_fields_that_change_leave_earlier_months_as_they_were_published(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    cmdb["cmdb_ci_vm_instance"].insert_one(machine("1"))
    assert nightly() == 0
    monkeypatch.setenv("SOURCES__CMDB__FIELDS", '{"vm": {"application": "name"}}')
    assert finops("nightly", "--no-extract", "--period", "2026-11", "--as-of", "2026-11-20") == 0
    assert {application for application, *_ in quantities(database)} == {"ERP"}
    waiting = "select source, has_new_reference, has_landed from finops_intermediate.int_scopes"
    assert database.execute(waiting).fetchall() == [("cmdb.vm", True, False)]
    assert finops("reprocess", "--period", "2026-09", "--as-of", "2026-09-01", "--reason", "names are codes") == 0
    assert {application for application, *_ in quantities(database)} == {"UNALLOCATED"}


def test_a_machine_s_disks_are_read_from_its_own_record(
    cmdb: MongoDatabase[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CMDB__DISK", "cmdb_ci_vm_instance")
    monkeypatch.setenv("SOURCES__CMDB__FIELDS", '{"disk": {"tier": "u_tier"}}')
    cmdb["cmdb_ci_vm_instance"].insert_one(machine("1", u_tier="ssd", disks_size="30"))
    assert nightly("cmdb.disk") == 0
    assert quantities(database) == [("ERP", "disk.ssd_gib", Decimal(1), 1)]


def test_a_sample_shows_what_documents_become_before_anything_lands(
    cmdb: MongoDatabase[Any],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hidden = "not to be seen"
    monkeypatch.setenv("INGEST__MASK_FIELDS", '["U_Note"]')
    monkeypatch.setenv("SOURCES__CMDB__FIELDS", '{"vm": {"application": "u_owner", "ram": "memory"}}')
    cmdb["cmdb_ci_vm_instance"].insert_one(
        machine("old", dumped_at=datetime(2026, 8, 31, tzinfo=UTC), name="not of the latest dump")
    )
    cmdb["cmdb_ci_vm_instance"].insert_many(
        [
            machine("1", u_owner={"id": 7}, u_note=hidden),
            machine("2", u_owner="ERP", memory="16 GB", install_status=reference("Retired", "7")),
        ]
    )
    functions = "select oid, xmin from pg_proc where pronamespace = to_regnamespace('finops') order by oid"
    before = database.execute(functions).fetchall()
    assert finops("sources", "sample", "cmdb.vm", "--limit", "2") == 0
    assert database.execute(functions).fetchall() == before
    database.execute("drop schema finops cascade")  # as before anybody has set it up
    of_a_database_that_is_set_up = capfd.readouterr().out
    assert finops("sources", "sample", "cmdb.vm", "--limit", "2") == 0
    shown = capfd.readouterr().out
    assert shown == of_a_database_that_is_set_up
    cells = {tuple(cell.strip() for cell in line.split("│")[1:4]) for line in shown.splitlines() if "│" in line}
    assert {
        ("application", "", "nothing in u_owner (an object: name a field in it)"),
        ("application", "ERP", "u_owner"),
        ("vcpu", "4", "cpus"),
        ("ram", "cannot be read: 16384", "memory"),
        ("ram", "16 GiB", "memory"),
        ("status", "retired", "install_status.display_value"),
        ("in service", "no", ""),
    } <= cells
    remedy = "capacity '16384' has no unit: set sources.cmdb.fields.vm.ram = {path = 'memory', unit = 'MB'}"
    assert f"1 × vm.ram_gib: UNPARSABLE: {remedy}" in shown
    assert hidden not in shown
    assert '"u_note": "***"' in shown
    assert "not of the latest dump" not in shown
    assert "2 documents of cmdb.vm; nothing was landed" in shown
    remains = "select to_regnamespace('finops'), (select count(*) from raw_open_legacy.cmdb_vm)"
    assert database.execute(remains).fetchall() == [(None, 0)]


@pytest.mark.usefixtures("database")
def test_a_sample_needs_a_database_and_a_source_with_documents(
    cmdb: MongoDatabase[Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert finops("sources", "sample", "cmdb.vm") == 0
    assert "cmdb.vm holds no document" in capfd.readouterr().out
    assert finops("sources", "sample", "cmdb.vms") == 2
    assert "'cmdb.vms' is not configured, or has no documents; these have: cmdb.vm, cmdb.disk" in capfd.readouterr().err
    cmdb["cmdb_ci_vm_instance"].insert_one(machine("1"))
    monkeypatch.delenv("PGHOST")
    assert finops("sources", "sample", "cmdb.vm") == 2
    assert "the nightly's own SQL reads the sample, and needs a database" in capfd.readouterr().err


@pytest.mark.usefixtures("database")
def test_a_sample_of_a_service_is_its_records(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    projects = [{"id": number, "name": f"p{number}", "runners_token": "glrt-1"} for number in range(5)]
    with serving({"/api/v4/projects": projects}) as url:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        assert finops("sources", "sample", "gitlab.storage", "--limit", "2") == 0
    shown = capfd.readouterr().out
    assert '"name": "p1"' in shown
    assert '"name": "p2"' not in shown
    assert "glrt-1" not in shown
    assert "2 documents of gitlab.storage; nothing was landed" in shown
