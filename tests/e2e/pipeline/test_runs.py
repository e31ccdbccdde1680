"""Runs, their lock, and what `finops runs` says of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from finops.demo.postgres import Embedded
from finops.ingest.sources.catalog import SOURCES
from tests.conftest import ROOT, copy_database
from tests.e2e.dbt import Outcome, dbt, project_copy
from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, releves, scalar, total, wait_until, write_bill

NIGHTLY = [FINOPS, "nightly", "--period", "2026-10", "--as-of", "2026-11-20"]


@pytest.fixture(autouse=True)
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good export."""
    write_bill(tmp_path / "bills", "10.csv", [charge("4.40", "2026-10-02"), charge("1", "2026-09-02")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return tmp_path / "bills"


def build(*arguments: str, period: str = "2026-10") -> Outcome:
    """The fact, worked out again by hand."""
    return dbt("build", "--select", "fact_releve", *arguments, variables=f"period: {period}")


def test_a_nightly_goes_through_its_stages_and_can_be_looked_at(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
    steps = database.execute(
        "select step, status, count(*) from finops.etl_steps group by 1, 2 order by min(step_id)"
    ).fetchall()
    assert steps == [
        ("reference", "SUCCESS", 1),
        ("extract", "SKIPPED", len(SOURCES)),
        ("extract", "SUCCESS", 1),
        ("consolidate", "SUCCESS", 1),
        ("refresh", "SUCCESS", 1),
        ("purge", "SUCCESS", 1),
    ]
    run = last_run(database)
    assert (run["kind"], run["status"], run["volume_processed"]) == ("nightly", "SUCCESS", 1)
    why = scalar(database, "select error from finops.etl_steps where source = 'gitlab.storage'")
    assert why == "off: sources.gitlab is not configured"
    run_id = str(run["run_id"])
    capfd.readouterr()
    assert finops("runs") == 0
    assert run_id[:8] in capfd.readouterr().out
    assert finops("runs", run_id[:8]) == 0
    shown = capfd.readouterr().out
    assert "Reconciliation" in shown
    assert "PUBLISHED" in shown


def test_a_second_run_says_who_holds_the_lock_and_exits_1(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    database.execute(
        "insert into finops.etl_runs (run_id, kind, periods, started_by) values"
        " ('22222222-2222-2222-2222-222222222222', 'nightly', '{}', 'the night shift')"
    )
    with psycopg.connect(autocommit=True) as other:
        other.execute("select pg_advisory_lock(7061746)")
        assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 1
    assert "nightly 22222222-2222-2222-2222-222222222222" in capfd.readouterr().err
    assert last_run(database)["status"] == "RUNNING"


def test_dbt_by_hand_waits_for_its_turn_too(database: Database) -> None:
    finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
    with psycopg.connect(autocommit=True) as other:
        other.execute("select pg_advisory_lock(7061746)")
        refused = build()
    assert "another run is writing" in refused.error
    assert scalar(database, "select count(*) from finops.etl_runs where kind = 'adhoc'") == 0


def test_a_run_whose_process_died_is_closed_by_the_next_one(database: Database) -> None:
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        child = subprocess.Popen(NIGHTLY, stderr=subprocess.DEVNULL)
        wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    wait_until(database, "select pg_try_advisory_lock(7061746) and pg_advisory_unlock(7061746)")
    dead = last_run(database)
    assert dead["status"] == "RUNNING"
    assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    error = scalar(database, "select error from finops.etl_runs where run_id = %s", dead["run_id"])
    assert error == f"the process died: found by run {last_run(database)['run_id']}"


def test_dbt_by_hand_reprocesses_a_period_as_a_run_of_its_own(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finops("nightly", "--period", "2026-09..2026-10", "--as-of", "2026-11-20")
    september, october = releves(database, "2026-09"), "select * from finops.fact_releve where period = '2026-10-01'"
    before = database.execute(october).fetchall()
    database.execute("delete from finops.fact_releve where period = '2026-09-01'")
    # as the README says it: from the project's folder, with the example profile copied as it is
    project = project_copy(tmp_path)
    shutil.copy(ROOT / "profiles.yml.example", project / "profiles.yml")
    monkeypatch.delenv("DBT_TARGET_PATH")
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--select", "fact_releve"]
    command += ["--vars", "period: 2026-09"]
    refused = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "run `finops dbt`, or set PGOPTIONS='-c role=finops_transformer'" in refused.stdout
    assert releves(database, "2026-09") == []
    monkeypatch.setenv("PGOPTIONS", "-c role=finops_transformer")
    subprocess.run(command, cwd=project, check=True)
    assert releves(database, "2026-09") == september
    assert database.execute(october).fetchall() == before
    run = last_run(database)
    assert (run["kind"], run["status"], [str(period) for period in run["periods"]]) == (
        "adhoc",
        "SUCCESS",
        ["2026-09-01"],
    )
    assert scalar(database, "select sum(total_cost) from finops.mv_cost_domain_period") == Decimal("5.40")


def test_dbt_by_hand_refuses_a_month_that_does_not_exist(database: Database) -> None:
    assert "period '2026-13' is not a month" in build(period="2026-13").error
    assert scalar(database, "select count(*) from finops.etl_runs") == 0


def test_dbt_by_hand_on_a_database_that_is_not_set_up_says_what_to_do(
    server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    database.execute("drop schema finops cascade")
    assert "database 'finops_test' is not set up, and finops_transformer may not create schema finops: " in (
        said := build().error
    )
    assert "as an administrator, run `finops init-db`" in said

    copy_database(server, "template1", "finops_fresh")  # who owns it may set it up
    monkeypatch.setenv("PGDATABASE", "finops_fresh")
    assert finops("dbt", "build", "--select", "fact_releve") != 0
    assert "run `finops nightly` on it once" in capfd.readouterr().out


def test_a_full_refresh_by_hand_drops_nothing(database: Database) -> None:
    finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
    before = releves(database)
    built = dbt("build", "--exclude-resource-type", "unit_test", "--full-refresh")
    assert built.success, built.error
    assert releves(database) == before
    assert scalar(database, "select sum(total_cost) from finops.mv_cost_app_month") == total(database)


def test_readers_are_not_blocked_and_never_see_relevés_and_aggregates_disagree(database: Database, bills: Path) -> None:
    finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
    write_bill(bills, "10.csv", [charge("4.50", "2026-10-02"), charge("1", "2026-09-02")])
    child = subprocess.Popen(NIGHTLY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = set()
    database.execute("set lock_timeout = '2s'")
    while child.poll() is None:
        seen.add(
            database.execute(
                "select (select sum(total_cost) from finops.fact_releve),"
                " (select sum(total_cost) from finops.agg_group_product_month),"
                " (select sum(total_cost) from finops.mv_cost_app_month),"
                " (select sum(total_cost) from finops.mv_cost_app_quarter)"
            ).fetchone()
        )
    assert child.returncode == 0
    assert seen == {(Decimal("4.40"),) * 4, (Decimal("4.50"),) * 4}


def test_a_run_that_does_not_exist_is_a_misuse(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("runs", "ffff") == 2
    assert "no run begins with 'ffff'" in capfd.readouterr().err
    assert scalar(database, "select count(*) from finops.etl_runs") == 0
