"""A pod that is tried again goes on with its Job's run; one that is told to stop says so."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, scalar, total, wait_until, write_bill

JOB = "8f14e45f-ceea-467f-a0e6-5d1c0de7a001"
NIGHTLY = ["nightly", "--period", "2026-10", "--as-of", "2026-11-20"]
ONE_WAITS = "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
UNLOCKED = "select pg_try_advisory_lock(7061746) and pg_advisory_unlock(7061746)"


@pytest.fixture(autouse=True)
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two good exports, and the Job's id in the pod's environment."""
    for name in ("nimbus", "stratus"):
        write_bill(tmp_path / name, "10.csv", [charge(cost, "2026-10-02") for cost in ("1", "2", "3", "4")])
        monkeypatch.setenv(f"SOURCES__FOCUS__{name.upper()}__URL", str(tmp_path / name))
    monkeypatch.setenv("INGEST__RUN_ID", JOB)
    return tmp_path


@contextmanager
def held(database: Database, statement: bytes) -> Iterator[None]:
    """What the nightly is about to need, held by somebody else for as long as the block lasts."""
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute(statement)
        yield


@contextmanager
def first_attempt(database: Database, held_back_by: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A nightly in a process of its own that has come as far as what is held back."""
    with held(database, held_back_by):
        child = subprocess.Popen([FINOPS, *NIGHTLY], stderr=subprocess.DEVNULL)
        wait_until(database, ONE_WAITS)
        yield child
    child.wait(60)


def steps(database: Database) -> list[tuple[str, str | None, str, str | None]]:
    """The steps of the Job's run that did something, in their order."""
    return database.execute(
        "select step, source, status, error from finops.etl_steps where status <> 'SKIPPED' order by step_id"
    ).fetchall()


def test_a_pod_tried_again_goes_on_with_the_run_of_the_one_that_was_killed(database: Database) -> None:
    with first_attempt(database, b"lock table finops.fact_releve in exclusive mode") as child:
        child.kill()
    wait_until(database, UNLOCKED)
    extracted = database.execute("select extraction_id, status from finops.etl_extractions order by 1").fetchall()
    assert [status for _, status in extracted] == ["COMPLETE", "COMPLETE"]
    assert finops(*NIGHTLY) == 0
    run = last_run(database)
    assert (str(run["run_id"]), run["status"], run["error"], run["volume_processed"]) == (JOB, "SUCCESS", None, 8)
    assert scalar(database, "select count(*) from finops.etl_runs") == 1
    assert database.execute("select extraction_id, status from finops.etl_extractions order by 1").fetchall() == (
        extracted
    )
    assert total(database) == Decimal(20)
    assert steps(database) == [
        ("reference", None, "SUCCESS", None),
        ("extract", "focus.nimbus", "SUCCESS", None),
        ("extract", "focus.stratus", "SUCCESS", None),
        ("consolidate", None, "FAILED", "the process died"),
        ("attempt", None, "FAILED", "the process died"),
        ("reference", None, "SUCCESS", None),
        ("extract", "focus.nimbus", "SUCCESS", None),
        ("extract", "focus.stratus", "SUCCESS", None),
        ("consolidate", None, "SUCCESS", None),
        ("refresh", None, "SUCCESS", None),
        ("purge", None, "SUCCESS", None),
    ]


def test_what_the_killed_pod_had_half_landed_is_not_counted(database: Database) -> None:
    with held(database, b"lock table raw_public_cloud.focus in exclusive mode"):
        child = subprocess.Popen([FINOPS, *NIGHTLY], stderr=subprocess.DEVNULL)
        wait_until(database, ONE_WAITS)
        # landed, and not decided on yet
        decision = psycopg.connect(database.info.dsn)
        decision.execute("select from finops.etl_extractions for update")
    with decision:
        wait_until(database, "select count(*) = 4 from raw_public_cloud.focus")
        wait_until(database, ONE_WAITS)
        child.kill()
        child.wait()
    wait_until(database, UNLOCKED)
    assert finops(*NIGHTLY) == 0
    assert last_run(database)["status"] == "SUCCESS"
    assert total(database) == Decimal(20)
    assert scalar(database, "select count(*) from raw_public_cloud.focus where run_id = %s", JOB) == 8


def test_a_pod_tried_again_after_a_failed_source_extracts_and_publishes_that_one_alone(
    bills: Path, database: Database
) -> None:
    good = (bills / "stratus" / "10.csv").read_text()
    (bills / "stratus" / "10.csv").write_text("<html>Sign in</html>\n")
    assert finops(*NIGHTLY) == 1
    first = database.execute("select * from finops.fact_releve").fetchall()
    failure = last_run(database)["error"]
    assert total(database) == Decimal(10)
    (bills / "stratus" / "10.csv").write_text(good)
    assert finops(*NIGHTLY) == 0
    assert total(database) == Decimal(20)
    again = database.execute("select * from finops.fact_releve where source = 'focus.nimbus'").fetchall()
    assert again == first
    assert last_run(database)["volume_processed"] == 8
    assert [error for step, _, _, error in steps(database) if step == "attempt"] == [failure]


def test_a_reprocess_tried_again_works_its_months_out_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    finops(*NIGHTLY)
    monkeypatch.setenv("INGEST__RUN_ID", JOB.replace("001", "002"))
    reprocess = ["reprocess", "--period", "2026-10", "--reason", "a test"]
    database.execute("alter table finops.fact_releve add constraint broken check (total_cost < 0) not valid")
    assert finops(*reprocess) == 1
    database.execute("alter table finops.fact_releve drop constraint broken")
    assert finops(*reprocess) == 0
    assert total(database) == Decimal(20)
    assert [row[0] for row in database.execute("select status from finops.etl_runs").fetchall()] == ["SUCCESS"] * 2


def test_a_run_that_succeeded_is_not_run_again(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops(*NIGHTLY) == 0
    before = (last_run(database), steps(database))
    capfd.readouterr()
    assert finops(*NIGHTLY) == 0
    assert capfd.readouterr().out == f"SUCCESS: run {JOB} had succeeded before, and nothing was done again\n"
    assert (last_run(database), steps(database)) == before


def test_a_run_that_still_works_is_not_taken_up(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    with first_attempt(database, b"lock table finops.fact_releve in exclusive mode") as child:
        assert finops(*NIGHTLY) == 1
    assert f"another run is writing (nightly {JOB}" in capfd.readouterr().err
    assert child.returncode == 0
    assert last_run(database)["status"] == "SUCCESS"


@pytest.mark.usefixtures("database")
def test_a_run_of_another_kind_is_not_taken_up(capfd: pytest.CaptureFixture[str]) -> None:
    finops(*NIGHTLY)
    assert finops("reprocess", "--period", "2026-10", "--reason", "a test") == 2
    assert f"ingest.run_id {JOB} is a run of kind nightly, not reprocess" in capfd.readouterr().err


@pytest.mark.parametrize(
    "held_back_by",
    [b"lock table finops.fact_releve in exclusive mode", b"lock table raw_public_cloud.focus in exclusive mode"],
    ids=["while dbt builds", "while a bill is loaded"],
)
def test_sigterm_ends_the_run_as_failed_with_the_reason(database: Database, held_back_by: bytes) -> None:
    with first_attempt(database, held_back_by) as child:
        child.terminate()
        child.send_signal(signal.SIGTERM)  # a second one does not disturb the closing
    run = last_run(database)
    ended = "ended by SIGTERM; what is missing is taken up by the next run"
    assert (child.returncode, run["status"], run["error"]) == (143, "FAILED", ended)
    assert steps(database)[-1][2:] == ("FAILED", ended)
    assert finops(*NIGHTLY) == 0
    assert (last_run(database)["status"], total(database)) == ("SUCCESS", Decimal(20))
