"""A bad night: one clear line, the exit code, and nothing lost."""

from __future__ import annotations

import os
import subprocess
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from finops.demo.postgres import Embedded
from tests.conftest import copy_database
from tests.e2e.finops import (
    FINOPS,
    Database,
    charge,
    finops,
    last_run,
    releves,
    scalar,
    serving,
    total,
    wait_until,
    write_bill,
)


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two good exports: focus.nimbus and focus.stratus."""
    for name in ("nimbus", "stratus"):
        write_bill(tmp_path / name, "10.csv", [charge(cost, "2026-10-02") for cost in ("1", "2", "3", "4")])
        monkeypatch.setenv(f"SOURCES__FOCUS__{name.upper()}__URL", str(tmp_path / name))
    return tmp_path


def nightly(*options: str) -> int:
    """A nightly of October 2026, on the last day that it is open."""
    return finops("nightly", "--period", "2026-10", "--as-of", "2026-11-05", *options)


def error_line(capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that says what went wrong, outside the log's own lines."""
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_failed_source_keeps_its_relevés_and_does_not_stop_the_others(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    nightly()
    write_bill(bills / "nimbus", "10.csv", [charge("50", "2026-10-02")] * 4)
    (bills / "stratus" / "10.csv").write_text("<html>Sign in</html>\n")
    assert nightly() == 1
    totals: dict[str, Decimal] = dict(
        database.execute("select source, sum(total_cost) from finops.fact_releve group by source").fetchall()
    )
    assert totals == {"focus.nimbus": Decimal(200), "focus.stratus": Decimal(10)}
    assert last_run(database)["status"] == "FAILED"
    assert error_line(capfd).startswith("Error: focus.stratus: 10.csv has no column BilledCost")


def test_a_window_that_shrank_is_refused_until_the_operator_accepts_it(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    nightly()
    for lines, said in (
        ([], "0 records where 4 are accepted"),
        ([charge("1", "2026-10-02")], "1 records where 4 are accepted of 2026-10-01, more than 50% fewer"),
    ):
        write_bill(bills / "nimbus", "10.csv", lines)
        capfd.readouterr()
        assert nightly() == 1
        assert said in error_line(capfd)
        assert total(database) == Decimal(20)
    assert nightly("--accept-shrink") == 0
    assert total(database) == Decimal(11)


@pytest.mark.usefixtures("bills")
def test_what_a_failed_consolidation_left_is_published_by_the_next_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("alter table finops.fact_releve add constraint broken check (total_cost < 0)")
    assert nightly() == 1
    database.execute("alter table finops.fact_releve drop constraint broken")
    monkeypatch.delenv("SOURCES__FOCUS__NIMBUS__URL")
    assert nightly() == 0
    assert total(database) == Decimal(20)


def test_adding_the_missing_rate_and_reprocessing_clears_the_rejects(bills: Path, database: Database) -> None:
    write_bill(bills / "nimbus", "10.csv", [charge("10", "2026-10-02", currency="XXX")])
    nightly()
    assert scalar(database, "select count(*) from finops.rejected_usage") == 1
    with Path("reference", "fx_rates.csv").open("a") as rates:
        rates.write("2026-10-01,XXX,EUR,0.5\n")
    assert finops("reprocess", "--period", "2026-10", "--reason", "the rate of XXX came") == 0
    assert scalar(database, "select count(*) from finops.rejected_usage") == 0
    assert total(database) == Decimal(15)


@pytest.mark.usefixtures("bills")
def test_what_nobody_foresaw_in_a_source_does_not_stop_the_others(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    # the ledger itself refuses this one source
    database.execute("alter table finops.etl_extractions add constraint broken check (source <> 'focus.nimbus')")
    assert nightly() == 1
    assert error_line(capfd).startswith("Error: focus.nimbus: unforeseen CheckViolation")
    assert total(database) == Decimal(10)


def test_reprocessing_what_was_never_landed_says_so(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("reprocess", "--period", "2020-01", "--reason", "a test") == 1
    assert "nothing was ever landed for 2020-01" in error_line(capfd)
    assert last_run(database)["status"] == "FAILED"


@pytest.mark.parametrize("period", ["2026-13", "2026-1", "october", "2026-10..2026-09"])
def test_an_unknown_period_is_a_misuse(period: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("nightly", "--period", period) == 2
    assert period in capfd.readouterr().err


def test_with_nothing_configured_the_message_says_what_to_set_and_names_the_demo(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert finops("nightly") == 2
    message = error_line(capfd)
    assert "SOURCES__CMDB__URI" in message
    assert "make demo" in message


@pytest.mark.usefixtures("bills")
def test_without_a_database_the_message_names_the_variables(capfd: pytest.CaptureFixture[str]) -> None:
    assert nightly() == 2
    assert "PGHOST, PGUSER, PGDATABASE" in error_line(capfd)


@pytest.mark.usefixtures("bills")
def test_a_database_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "finops", "PGDATABASE": "finops"}.items():
        monkeypatch.setenv(name, value)
    assert nightly() == 1
    assert "PGHOST=127.0.0.1" in error_line(capfd)


@pytest.mark.usefixtures("bills")
def test_a_wrong_password_is_refused_without_being_shown(
    guarded_role: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "battery-staple")
    assert nightly() == 1
    message = error_line(capfd)
    assert "password authentication failed" in message
    assert "battery-staple" not in message


@pytest.mark.usefixtures("bills")
def test_a_role_without_rights_is_told_what_to_grant(
    guarded_role: str,
    server: Embedded,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "right-horse")
    assert nightly() == 1
    membership = f"run `finops init-db --loader-login {guarded_role}`"
    assert membership in error_line(capfd)
    assert scalar(database, "select count(*) from finops.etl_runs") == 0

    copy_database(server, "template1", "finops_fresh")
    monkeypatch.setenv("PGDATABASE", "finops_fresh")
    assert nightly() == 1
    said = error_line(capfd)
    assert membership in said
    assert f"or grant it: grant create on database finops_fresh to {guarded_role}" in said


@pytest.mark.usefixtures("bills")
def test_a_refused_token_fails_that_source_alone_and_is_not_shown(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving({}) as url:
        monkeypatch.setenv("SOURCES__OPENCOST__URL", url)
        monkeypatch.setenv("SOURCES__OPENCOST__TOKEN", "s3cret-token")
        monkeypatch.setenv("INGEST__HTTP_ATTEMPTS", "1")
        assert nightly() == 1
    output = capfd.readouterr()
    assert "answered 404" in output.err
    assert "s3cret-token" not in output.err + output.out
    assert total(database) == Decimal(20)


def test_an_error_is_one_line_unless_debug_is_asked_for(tmp_path: Path) -> None:
    command = [FINOPS, "runs"]
    environment = {"PATH": os.environ["PATH"], "PGHOST": str(tmp_path), "PGUSER": "x", "PGDATABASE": "x"}
    plain = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert len(plain.stderr.splitlines()) == 1
    debug = subprocess.run([FINOPS, "--debug", "runs"], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" in debug.stderr


@pytest.mark.usefixtures("bills")
def test_the_relevés_survive_a_nightly_that_is_interrupted(database: Database) -> None:
    nightly()
    before = releves(database)
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        child = subprocess.Popen(
            [FINOPS, "nightly", "--period", "2026-10", "--as-of", "2026-11-20"],
            stderr=subprocess.PIPE,
        )
        wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")
        child.terminate()
        child.communicate(timeout=60)
    assert child.returncode != 0
    assert releves(database) == before
    assert last_run(database)["status"] == "FAILED"
