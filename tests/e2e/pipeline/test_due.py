"""What a night has to do: everything that changed since the last one, and without a change not even to start dbt."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.ingest.pipeline import dbt as transform
from tests.e2e.dbt import dbt, edit, project_copy
from tests.e2e.finops import Database, charge, finops, last_run, scalar, serving, total, write_bill

NOVEMBER = ("--period", "2026-11", "--as-of", "2026-11-20")
PUBLISH = ("nightly", "--no-extract", *NOVEMBER)
IN_A_PROCESS = """
import sys
from finops.ingest.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
print("dbt" in sys.modules)
"""


@pytest.fixture(autouse=True)
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bill of October, which is over on the day of these nights, and one of November."""
    for month in ("2026-10", "2026-11"):
        write_bill(tmp_path / "bills", f"{month}.csv", [charge("4", f"{month}-02"), charge("1", f"{month}-03")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return tmp_path / "bills"


@pytest.fixture
def published(database: Database) -> Database:
    """The database once a night has published both bills."""
    assert finops("nightly", "--period", "2026-10..2026-11", "--as-of", "2026-11-20") == 0
    return database


def night(database: Database) -> str:
    """A night that publishes what is due; how its consolidation ended."""
    finops(*PUBLISH)
    return str(scalar(database, "select status from finops.etl_steps where step = 'consolidate' order by step_id desc"))


def test_a_night_with_nothing_to_do_does_not_start_dbt_and_says_so(published: Database) -> None:
    command = [sys.executable, "-c", IN_A_PROCESS, *PUBLISH]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.splitlines()[-1] == "False"
    steps = published.execute(
        "select step, status, row_count, error from finops.etl_steps where run_id = %s and source is null"
        " order by step_id",
        (last_run(published)["run_id"],),
    ).fetchall()
    why = "nothing is due: no figure, no reference data and no code has changed since the last build"
    consolidate = ("consolidate", "SKIPPED", 0, why)
    reference = ("reference", "SUCCESS", scalar(published, "select sum(row_count) from finops.etl_reference"), None)
    purge, refresh = ("purge", "SUCCESS", 0, None), ("refresh", "SUCCESS", None, None)
    assert sorted(steps) == [consolidate, purge, reference, refresh]
    assert (last_run(published)["status"], total(published)) == ("SUCCESS", Decimal(10))


def test_what_was_asked_for_in_vain_is_missing_the_same_night(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {"code": 200, "data": [{"erp": {"name": "erp", "cpuCoreHours": 24, "ramByteHours": 0}}]}
    with serving({"/allocation": found}) as url:
        monkeypatch.setenv("SOURCES__OPENCOST__URL", url)
        assert finops("nightly", "--source", "kubernetes.allocation", "--as-of", "2026-11-08") == 0
        monkeypatch.setenv("SOURCES__OPENCOST__URL", f"{url}/gone")
        monkeypatch.setenv("INGEST__HTTP_ATTEMPTS", "1")
        assert finops("nightly", "--source", "kubernetes.allocation", "--as-of", "2026-11-11") == 1
    query = "select status from finops.etl_steps where step = 'consolidate' order by step_id desc"
    assert scalar(database, query) == "SKIPPED"
    missing = "select missing_dates::text[] from finops.mv_source_month where source = 'kubernetes.allocation'"
    assert scalar(database, missing) == ["2026-11-08", "2026-11-09", "2026-11-10"]


def test_what_another_process_extracted_is_due(published: Database, bills: Path) -> None:
    write_bill(bills, "2026-11.csv", [charge("4", "2026-11-02"), charge("2", "2026-11-03")])
    assert finops("extract", *NOVEMBER) == 0
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]
    assert total(published) == Decimal(11)


def test_a_choice_about_tax_is_due_in_an_open_month_and_waits_in_another(
    published: Database, bills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__TAX", "apart")
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]
    # months that wait are told by a night with nothing to do as well
    assert last_run(published)["waiting_scopes"] == ["focus.nimbus 2026-10"]
    assert bills.exists()


@pytest.mark.parametrize(
    "change",
    [
        "drop view finops.spread_days",
        "create or replace view finops.spread_days as select null::date as day",
        "revoke select on finops_api.visible_products from finops_api",
    ],
)
def test_what_somebody_changed_by_hand_is_mended(published: Database, change: str) -> None:
    state = (
        "select coalesce(string_agg(concat(relname, relacl, pg_get_viewdef(oid)), '' order by oid::regclass::text), '')"
        " from pg_class where oid in ('finops.spread_days'::regclass, 'finops_api.visible_products'::regclass)"
    )
    before = scalar(published, state)
    published.execute("set role finops_transformer")  # a person does by hand what dbt may do
    published.execute("drop view finops.spread_days" if "or replace" in change else "select")
    published.execute(change.encode())
    published.execute("reset role")
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]
    assert scalar(published, state) == before


def test_a_view_that_an_administrator_made_by_hand_is_told_of_with_the_remedy(
    published: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    owner = published.info.user
    published.execute("drop view finops.spread_days")
    published.execute("create view finops.spread_days as select null::date as day")
    remedy = "as an administrator, run `finops init-db`"
    assert night(published) == "FAILED"
    assert f"finops.spread_days belongs to {owner}: {remedy}" in last_run(published)["error"]
    capfd.readouterr()
    assert finops("doctor") == 1
    said = capfd.readouterr().out
    assert f"can't replace or refresh 1 relations, such as finops.spread_days: they belong to {owner}" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGUSER", owner)
        assert finops("init-db") == 0
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]


def test_a_catalog_that_was_extracted_is_due(published: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = {"namespace": "default", "name": "shop", "annotations": {"finops/application-code": "SHOP-WEB"}}
    shop = {"kind": "Component", "metadata": metadata, "spec": {"owner": "payments"}}
    with serving({"/api/catalog/entities/by-query": {"items": [shop], "totalItems": 1, "pageInfo": {}}}) as url:
        monkeypatch.setenv("SOURCES__BACKSTAGE__URL", url)
        # else the reference data, which knows another owner, wins
        monkeypatch.setenv("FINOPS__CATALOG_CLAIMS", '{"component:default/*": ["*"]}')
        monkeypatch.setenv("SOURCES__BACKSTAGE__PARAMS", '{"at": "{day}"}')  # else it is asked of today alone
        assert finops("extract", "--source", "backstage.catalog", *NOVEMBER) == 0
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]
    owner = "select group_id from finops.dim_application_owner where application_id = 'SHOP-WEB' and valid_to is null"
    assert scalar(published, owner) == "payments"
    assert (
        scalar(published, "select group_id from finops.mv_cost_group_period where period = '2026-11-01'") == "payments"
    )


def test_a_build_by_hand_leaves_the_next_night_to_see_that_all_stands(published: Database) -> None:
    done = dbt("build", "--select", "fact_releve", "--exclude-resource-type", "unit_test")
    assert done.success, done.error
    assert [night(published), night(published)] == ["SUCCESS", "SKIPPED"]


def test_every_change_of_a_project_is_due(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_copy(tmp_path)
    monkeypatch.setattr(transform, "PROJECT", project)
    reference = Path("reference")
    name = "select application_name from finops.dim_application where application_id = 'ERP'"
    assert finops("nightly", *NOVEMBER) == 0
    assert night(database) == "SKIPPED"

    edit(reference / "applications.csv", "ERP,", "ERP,The ")
    assert [night(database), night(database)] == ["SUCCESS", "SKIPPED"]
    assert scalar(database, name).startswith("The ")

    # what somebody changed by hand is replaced before anything is published
    database.execute("update finops_reference.applications set application_name = 'Ours' where application_id = 'ERP'")
    assert night(database) == "SKIPPED"
    assert scalar(database, name).startswith("The ")

    monkeypatch.setenv("FINOPS__FOCUS_COST_COLUMN", "list_cost")
    assert [night(database), night(database)] == ["SUCCESS", "SKIPPED"]
    assert scalar(database, "select count(*) from finops.etl_published where publication = 2") == 1

    edit(project / "models" / "reports" / "spread_days.sql", "select * from spread", "select *, 1 as one from spread")
    assert [night(database), night(database)] == ["SUCCESS", "SKIPPED"]
    assert scalar(database, "select count(one) from finops.spread_days") == 0
