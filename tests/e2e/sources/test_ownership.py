"""Who owns what, from Backstage's catalog: last year's costs stay with last year's owner, and who left is not lost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.finops import Database, charge, finops, last_run, releves, scalar, serving, write_bill
from tests.e2e.sources.catalog import Catalog, Entity, entity


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of FOCUS exports, configured as the source focus.nimbus."""
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return tmp_path / "bills"


def nightly(as_of: str, *options: str) -> int:
    """The nightly of a day, for its month."""
    return finops("nightly", "--period", as_of[:7], "--as-of", as_of, *options)


def by_group(database: Database) -> list[tuple[Any, ...]]:
    """The costs of each group and month, as the API reads them."""
    return database.execute(
        "select to_char(period, 'YYYY-MM'), group_id, total_cost from finops.mv_cost_group_period order by 1, 2"
    ).fetchall()


def application(database: Database, application_id: str) -> tuple[Any, ...] | None:
    """What is said of an application now."""
    return database.execute(
        "select application_name, group_id, group_name, is_active, left_on::text from finops.dim_application"
        " where application_id = %s",
        (application_id,),
    ).fetchone()


TEAMS = (
    entity("Group", "storefront", type="team", parent="digital", profile={"displayName": "The storefront"}),
    entity("Group", "payments", type="team", children=[]),
    entity("Group", "digital", type="department", children=["storefront", "payments"]),
)


def shop(owner: str) -> Entity:
    """The component of the application that reference data calls SHOP-WEB."""
    return entity("Component", "shop", code="shop-web", title="The shop", owner=owner)


def test_last_year_s_costs_stay_with_last_year_s_owner(catalog: Catalog, bills: Path, database: Database) -> None:
    catalog.held = {
        "2025-12-01": [*TEAMS, shop("digital")],
        "2026-10-02": [*TEAMS, shop("group:default/payments")],  # in the middle of October
    }
    write_bill(bills, "a.csv", [charge("100", "2025-12-03"), charge("40", "2026-10-01"), charge("2", "2026-10-03")])
    assert nightly("2025-12-03") == 0
    assert by_group(database) == [("2025-12", "digital", Decimal(100))]
    assert nightly("2026-10-03") == 0
    # October is the new owner's, whole: it owns the application on the last day that is known
    moved = [("2025-12", "digital", Decimal(100)), ("2026-10", "payments", Decimal(42))]
    assert by_group(database) == moved
    assert finops("reprocess", "--period", "2025-12", "--reason", "a test") == 0
    assert by_group(database) == moved
    assert application(database, "SHOP-WEB") == ("The shop", "payments", "payments", True, None)
    assert database.execute(
        "select group_id, valid_from::text, valid_to::text from finops.dim_application_owner"
        " where application_id = 'SHOP-WEB' order by valid_from"
    ).fetchall() == [
        ("storefront", "0001-01-01", "2025-12-01"),  # as applications.csv says, for want of an older snapshot
        ("digital", "2025-12-01", "2026-10-02"),
        ("payments", "2026-10-02", None),
    ]


def test_an_application_that_left_keeps_its_name_its_owner_and_its_costs(
    catalog: Catalog, bills: Path, database: Database
) -> None:
    checkout = entity("Component", "checkout", title="Check-out", owner="payments")
    catalog.held = {
        "2026-09-01": [*TEAMS, checkout, shop("storefront")],
        "2026-10-02": [TEAMS[0], TEAMS[2], shop("storefront")],  # with its group
    }
    charges = [charge("7", day, application="CHECKOUT") for day in ("2026-09-02", "2026-10-03")]
    write_bill(bills, "a.csv", [*charges, charge("1", "2026-10-03", application="GHOST")])
    assert nightly("2026-09-03") == 0
    assert application(database, "checkout") == ("Check-out", "payments", "payments", True, None)
    assert nightly("2026-10-03") == 0
    assert application(database, "checkout") == ("Check-out", "payments", "payments", False, "2026-10-02")
    assert by_group(database) == [
        ("2026-09", "payments", Decimal(7)),
        ("2026-10", "payments", Decimal(7)),
        ("2026-10", "unallocated", Decimal(1)),
    ]
    groups = "select group_id, group_name, group_path, is_active, left_on::text from finops.dim_group"
    assert database.execute(f"{groups} where group_id in ('payments', 'storefront') order by 1").fetchall() == [
        ("payments", "payments", ["digital", "payments"], False, "2026-10-02"),
        ("storefront", "The storefront", ["digital", "storefront"], True, None),
    ]


def test_a_catalog_that_comes_back_half_empty_is_refused_and_yesterdays_stays(
    catalog: Catalog, bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    catalog.held = {"2026-10-01": [*TEAMS, shop("payments")], "2026-10-02": [shop("digital")]}
    write_bill(bills, "a.csv", [charge("5", "2026-10-01")])
    assert nightly("2026-10-01") == 0
    assert nightly("2026-10-02") == 1
    said = capfd.readouterr().err
    assert "backstage.catalog: 2026-10-02 came back with 1 records where 4 are accepted" in said
    assert by_group(database) == [("2026-10", "payments", Decimal(5))]
    assert nightly("2026-10-02", "--accept-shrink") == 0
    assert by_group(database) == [("2026-10", "digital", Decimal(5))]


def test_a_catalog_that_does_not_answer_fails_alone(
    bills: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bill(bills, "a.csv", [charge("5", "2026-10-01")])
    monkeypatch.setenv("INGEST__HTTP_ATTEMPTS", "1")
    monkeypatch.setenv("SOURCES__BACKSTAGE__PARAMS", '{"at": "{day}"}')
    with serving({}) as url:
        monkeypatch.setenv("SOURCES__BACKSTAGE__URL", url)
        assert nightly("2026-10-01") == 1
    assert "backstage.catalog" in last_run(database)["error"]
    # who owns what is then the reference data's to say
    assert by_group(database) == [("2026-10", "storefront", Decimal(5))]


def test_a_catalog_has_no_part_in_what_is_reconciled(catalog: Catalog, bills: Path, database: Database) -> None:
    catalog.held = {"2026-10-01": [*TEAMS, shop("payments")]}
    write_bill(bills, "a.csv", [charge("5", "2026-10-01")])
    assert nightly("2026-10-01") == 0
    for relation in ("etl_reconciliations", "mv_source_month", "cost_coverage"):
        assert scalar(database, f"select string_agg(distinct source, ',') from finops.{relation}") == "focus.nimbus"  # noqa: S608 three names
    assert last_run(database)["volume_processed"] == 1
    extracted = "select status, record_count, periods from finops.etl_extractions where source = 'backstage.catalog'"
    assert database.execute(extracted).fetchall() == [("COMPLETE", 4, [])]


def test_snapshots_are_purged_and_what_they_changed_is_kept(
    catalog: Catalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.held = {
        "2026-09-01": [*TEAMS, shop("storefront")],
        "2026-09-02": [*TEAMS, shop("payments")],
        "2026-09-05": [*TEAMS, shop("digital")],
        "2026-10-02": TEAMS,
    }
    history = "select entity_ref, changed_on::text, is_present, owner_ref from finops_intermediate.int_catalog_history"
    of_shop = f"{history} where entity_ref = 'component:default/shop' order by changed_on"
    assert nightly("2026-09-06") == 0
    assert scalar(database, "select count(*) from raw_reference.backstage_catalog") == 6 * 4
    before = database.execute(of_shop).fetchall()
    assert before == [
        ("component:default/shop", "2026-09-01", True, "group:default/storefront"),
        ("component:default/shop", "2026-09-02", True, "group:default/payments"),
        ("component:default/shop", "2026-09-05", True, "group:default/digital"),
    ]
    monkeypatch.setenv("INGEST__KEEP_SUPERSEDED_DAYS", "0")
    monkeypatch.setenv("INGEST__LOOKBACK_DAYS", "0")
    assert nightly("2026-09-06") == 0
    assert scalar(database, "select count(*) from raw_reference.backstage_catalog") == 4
    assert nightly("2026-10-02") == 0
    assert finops("reprocess", "--period", "2026-09", "--reason", "a test") == 1  # nothing that costs was ever landed
    assert database.execute(of_shop).fetchall() == [*before, ("component:default/shop", "2026-10-02", False, None)]
    assert len(database.execute(f"{history} where changed_on < '2026-09-02'").fetchall()) == 4


def test_a_catalog_mended_the_same_day_leaves_no_trace_of_what_it_said_before(
    catalog: Catalog, database: Database
) -> None:
    catalog.held = {"2026-10-01": [*TEAMS, shop("paymnets")]}
    assert nightly("2026-10-01") == 0
    assert application(database, "SHOP-WEB") == ("The shop", "paymnets", "paymnets", True, None)
    catalog.held = {"2026-10-01": [*TEAMS, shop("payments")]}
    assert nightly("2026-10-01") == 0
    assert scalar(database, "select count(*) from finops.dim_application_owner where group_id = 'paymnets'") == 0
    assert scalar(database, "select count(*) from finops.dim_group where group_id = 'paymnets'") == 0


def test_the_tree_of_groups_follows_a_catalog_that_alone_has_changed(
    catalog: Catalog, bills: Path, database: Database
) -> None:
    squad = entity("Group", "squad", namespace="shop", type="team", parent="default/storefront")
    catalog.held = {
        "2026-10-01": [*TEAMS, shop("storefront")],
        "2026-10-02": [*TEAMS, squad, shop("storefront")],
    }
    write_bill(bills, "a.csv", [charge("5", "2026-10-01")])
    below = "select group_id, depth from finops.mv_group_tree where ancestor_key = 'digital' order by depth, group_id"
    assert nightly("2026-10-01") == 0
    assert database.execute(below).fetchall() == [("digital", 0), ("payments", 1), ("storefront", 1)]
    assert nightly("2026-10-02", "--source", "backstage.catalog") == 0
    assert database.execute(below).fetchall() == [("digital", 0), ("payments", 1), ("storefront", 1), ("shop/squad", 2)]
    assert scalar(database, "select count(*) from finops.mv_group_tree where ancestor_key = 'unallocated'") == 1


def test_without_a_catalog_the_reference_data_says_who_owns_what(bills: Path, database: Database) -> None:
    write_bill(bills, "a.csv", [charge("5", "2026-10-01"), charge("3", "2026-10-01", application="ERP")])
    assert nightly("2026-10-02") == 0
    assert by_group(database) == [("2026-10", "corporate-it", Decimal(3)), ("2026-10", "storefront", Decimal(5))]
    different = (
        "select count(*) from finops.dim_application full join finops_reference.applications as seeded"
        " using (application_id) where dim_application.group_id is distinct from seeded.group_id"
        " or dim_application.application_name is distinct from seeded.application_name or not is_active"
    )
    assert scalar(database, different) == 0


def test_the_catalog_is_read_as_it_is_today(
    catalog: Catalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__BACKSTAGE__PARAMS", '{"limit": 2}')
    catalog.held = {"2026-10-01": [*TEAMS, shop("payments")]}
    assert finops("nightly") == 0
    today = datetime.now(UTC).date()
    assert database.execute("select window_date, record_count from finops.etl_accepted").fetchall() == [(today, 4)]
    assert releves(database) == []


# Who claims what is another's.

ATTACKERS = (
    entity("Component", "mallory", namespace="sandbox", code="PAYMENTS", title="Mine", owner="mallory"),
    entity("Component", "payments", namespace="sandbox", owner="mallory"),
    entity("System", "payments", namespace="sandbox", owner="group:default/mallory"),
    entity("Component", "aaa", code=" payments ", owner="user:mallory"),
    entity("System", "aaa", code="Payments", owner="mallory"),
    entity(
        "Component", "alias", namespace="sandbox", code="PAY", owner="mallory"
    ),  # of PAYMENTS, in application_aliases
    entity("Component", "cyrillic", namespace="sandbox", code="P\u0410YMENTS", owner="mallory"),
    entity("Component", "wide", namespace="sandbox", code="\uff30AYMENTS", owner="mallory"),
    entity("Component", "nobody", namespace="sandbox", code="UNALLOCATED", owner="mallory"),
    entity("Component", "erp", namespace="sandbox", code="ERP", owner="mallory"),  # which reference data alone knows
    entity("Group", "unallocated", type="team", parent="sandbox/mallory"),
    entity(
        "Group",
        "mallory",
        namespace="sandbox",
        type="team",
        parent="default/digital",
        children=["default/payments", "default/unallocated", "group:default/digital"],
    ),
)


@pytest.mark.hostile
def test_who_claims_the_code_of_another_moves_no_cost(
    catalog: Catalog, bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    payments = entity("Component", "payments", code="PAYMENTS", owner="payments")
    catalog.held = {
        "2026-10-01": [*TEAMS, payments],
        "2026-10-02": [*TEAMS, payments, *ATTACKERS],
        "2026-11-02": [*TEAMS, *ATTACKERS],  # the holder has left
    }
    lines = [("100", "PAYMENTS"), ("20", "Pay"), ("7", "payments"), ("3", None), ("5", "ERP")]
    write_bill(bills, "10.csv", [charge(cost, "2026-10-01", application=code) for cost, code in lines])
    write_bill(bills, "11.csv", [charge(cost, "2026-11-01", application=code) for cost, code in lines])
    assert nightly("2026-10-01") == 0
    for day in ("2026-10-03", "2026-11-03"):
        assert nightly(day) == 0
        month = [row[1:] for row in by_group(database) if row[0] == day[:7]]
        assert month == [("corporate-it", 5), ("payments", 127), ("unallocated", 3)]
    assert application(database, "PAYMENTS") == ("Payments", "payments", "payments", True, None)
    # below mallory is nobody, and mallory is below digital, as its group says
    below = "select string_agg(group_id, ' ' order by group_id) from finops.mv_group_tree where ancestor_key = %s"
    assert scalar(database, below, "sandbox/mallory") == "sandbox/mallory"
    assert scalar(database, below, "digital") == "digital payments sandbox/mallory storefront"
    assert scalar(database, below, "unallocated") == "unallocated"
    claims = database.execute(
        "select subject_id, claimant_ref, claimed_group_id, holder_group_id, claimed_on::text, total_cost"
        " from finops.ownership_conflicts order by 1, 2"
    ).fetchall()
    claim = ("mallory", "payments", "2026-10-02", Decimal(127))
    assert claims == [
        ("ERP", "component:sandbox/erp", "sandbox/mallory", "corporate-it", "2026-10-02", Decimal(5)),
        ("PAYMENTS", "component:default/aaa", "user:default/mallory", *claim[1:]),
        ("PAYMENTS", "component:sandbox/mallory", "sandbox/mallory", *claim[1:]),
        ("PAYMENTS", "component:sandbox/payments", "sandbox/mallory", *claim[1:]),
        ("PAYMENTS", "system:default/aaa", *claim),
        ("PAYMENTS", "system:sandbox/payments", *claim),
        ("digital", "group:sandbox/mallory", "sandbox/mallory", None, "2026-11-03", Decimal(127)),
    ]
    capfd.readouterr()
    assert finops("coverage") == 0
    assert "component:sandbox/mallory" in capfd.readouterr().out
    finops("doctor")
    said = " ".join(capfd.readouterr().out.split())
    assert "! ownership: claims of the catalog that contradict an owner: 6" in said
    shown = "component:sandbox/mallory claims PAYMENTS of payments for sandbox/mallory, since 2026-10-02"
    assert f"{shown} (127.00 EUR in 2026-11)" in said
    assert finops("metrics") == 0
    assert 'finops_ownership_conflicts{claim="OTHER_OWNER"} 6.0' in capfd.readouterr().out


def test_a_confirmed_claim_moves_costs_from_its_first_day(catalog: Catalog, bills: Path, database: Database) -> None:
    old = entity("Component", "payments", code="PAYMENTS", owner="payments")
    new = entity("Component", "checkout", code="PAYMENTS", owner="storefront")
    catalog.held = {"2026-09-01": [*TEAMS, old], "2026-10-02": [*TEAMS, new]}
    write_bill(bills, "a.csv", [charge("4", day, application="PAYMENTS") for day in ("2026-09-01", "2026-10-01")])
    assert nightly("2026-09-03") == 0
    assert nightly("2026-10-03") == 0
    assert by_group(database) == [("2026-09", "payments", Decimal(4)), ("2026-10", "payments", Decimal(4))]
    assert scalar(database, "select claimant_ref from finops.ownership_conflicts") == "component:default/checkout"
    file = Path("reference", "applications.csv")
    header, *rows = file.read_text().splitlines()
    confirmed = [f"{row},{'component:default/Checkout' * row.startswith('PAYMENTS,')}" for row in rows]
    file.write_text("\n".join([f"{header},entity_ref", *confirmed, ""]))
    assert nightly("2026-10-03") == 0
    assert by_group(database) == [("2026-09", "payments", Decimal(4)), ("2026-10", "storefront", Decimal(4))]
    assert scalar(database, "select count(*) from finops.ownership_conflicts") == 0


def test_the_reference_data_decides_where_no_setting_gives_the_catalog_the_right(
    catalog: Catalog, bills: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINOPS__CATALOG_CLAIMS")
    catalog.held = {
        "2026-10-01": [*TEAMS, shop("payments"), entity("Component", "new", owner="payments")],
        "2026-10-02": [*TEAMS, shop("payments"), entity("Component", "new", owner="storefront")],
    }
    write_bill(bills, "a.csv", [charge("4", "2026-10-01"), charge("2", "2026-10-01", application="new")])
    assert nightly("2026-10-01") == 0
    assert by_group(database) == [("2026-10", "payments", Decimal(2)), ("2026-10", "storefront", Decimal(4))]
    assert nightly("2026-10-02") == 0
    assert by_group(database) == [("2026-10", "storefront", Decimal(6))]
    conflicts = "select subject_id || ' ' || claimed_group_id from finops.ownership_conflicts order by 1"
    # without the right, digital's list of children makes it nobody's parent, either
    assert [row[0] for row in database.execute(conflicts)] == ["SHOP-WEB payments", "payments digital"]
