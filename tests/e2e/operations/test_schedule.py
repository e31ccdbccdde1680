"""`finops serve-schedule` as a real process, on a real database, with a schedule of seconds."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, scalar, wait_until, write_bill

EVERY_SECOND = "* * * * * *"
NEVER = "0 0 1 1 *"


@pytest.fixture(autouse=True)
def _configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good export of this month, and a free port."""
    month = datetime.now(UTC).strftime("%Y-%m")
    write_bill(tmp_path / "bills", "now.csv", [charge("4.40", f"{month}-01")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    monkeypatch.setenv("SCHEDULE__LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("SCHEDULE__CRON", EVERY_SECOND)
    monkeypatch.setenv("SCHEDULE__STOP_GRACE", "0")


class Scheduler:
    """The process, and what it has said on stderr so far."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([FINOPS, "serve-schedule"], stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.url = ""

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(iter(self.process.stderr.readline, ""))

    def wait_for(self, condition: Callable[[str], Any], what: str) -> Any:
        """What the condition finds in the text so far, as soon as it finds something."""
        for _ in range(600):
            if found := condition("".join(self.said)):
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what}: {''.join(self.said)}")

    def health(self) -> dict[str, Any]:
        """What the endpoint says."""
        url = self.wait_for(lambda text: re.search(r'"health": "(\S+)"', text), "no address")[1]
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 our own server
            found: dict[str, Any] = json.load(answer)
        return found

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that does not outlive the block."""
    started = Scheduler()
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


@contextmanager
def held_up() -> Iterator[None]:
    """While the block runs, no nightly gets beyond its reference data."""
    with psycopg.connect() as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        yield


def is_held_up(database: Database) -> None:
    wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")


def test_a_second_nightly_never_begins_beside_the_first_and_one_without_grace_is_closed(
    database: Database,
) -> None:
    with held_up(), scheduler() as running:
        is_held_up(database)
        running.wait_for(lambda text: text.count("the nightly before it is still at work") > 1, "no overlap")
        assert running.health()["running_since"] is not None
        assert scalar(database, "select count(*) from finops.etl_runs") == 1
        assert running.stop() == 0
    run = last_run(database)
    assert (run["status"], run["end_time"] is not None) == ("FAILED", True)
    assert run["error"]
    assert scalar(database, "select count(*) from finops.etl_runs") == 1


def test_a_nightly_that_ends_within_its_grace_is_left_to_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULE__STOP_GRACE", "60")
    with scheduler() as running:
        wait_until(database, "select count(*) > 0 from finops.etl_runs")
        assert running.stop() == 0
    assert database.execute("select kind, status from finops.etl_runs").fetchall() == [("nightly", "SUCCESS")]


def succeeded(database: Database, ago: timedelta) -> None:
    """A nightly that succeeded a while ago."""
    database.execute(
        "insert into finops.etl_runs (run_id, kind, periods, started_by, start_time, end_time, status) values"
        " (gen_random_uuid(), 'nightly', '{}', 'a test', now() - %s, now() - %s, 'SUCCESS')",
        (ago, ago),
    )


def test_a_nightly_begins_when_its_time_comes_and_health_says_how_it_went(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(database, timedelta(days=2))  # or a slow start would miss its time, and wait for tomorrow's
    soon = datetime.now(UTC) + timedelta(seconds=5)
    monkeypatch.setenv("SCHEDULE__CRON", f"{soon.second} {soon.minute} {soon.hour} * * *")
    monkeypatch.setenv("SCHEDULE__STARTING_DEADLINE", "60")
    monkeypatch.setenv(
        "INGEST__RUN_ID", given := "5a0b9d0e-0000-4000-8000-000000000001"
    )  # no night may be that of before
    with scheduler() as running:
        wait_until(database, "select count(*) > 1 from finops.etl_runs where kind = 'nightly' and status = 'SUCCESS'")
        running.wait_for(lambda text: '"night_over", "exit_code": 0' in text, "no end")
        health = running.health()
        latest = database.execute(
            "select run_id::text from finops.etl_runs order by start_time desc limit 1"
        ).fetchone()
    assert health["state"] == "ok"
    assert datetime.fromisoformat(health["next_run"]) == soon.replace(microsecond=0) + timedelta(days=1)
    assert (health["last_run"]["run_id"],) == latest != (given,)
    assert (health["last_run"]["status"], health["last_exit_code"]) == ("SUCCESS", 0)
    assert datetime.fromisoformat(health["last_success"]) <= datetime.now(UTC)


def test_a_night_that_was_missed_while_the_process_was_off_is_caught_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULE__CRON", f"0 {(datetime.now(UTC) - timedelta(hours=2)).hour} * * *")
    succeeded(database, timedelta(days=2))
    with held_up(), scheduler() as running:
        wait_until(database, "select count(*) > 0 from finops.etl_runs where status = 'RUNNING'")
        assert datetime.fromisoformat(running.health()["next_run"]) > datetime.now(UTC) + timedelta(hours=20)


def test_a_night_that_is_too_late_waits_for_the_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE__CRON", f"0 {(datetime.now(UTC) - timedelta(hours=2)).hour} * * *")
    monkeypatch.setenv("SCHEDULE__STARTING_DEADLINE", "60")
    succeeded(database, timedelta(days=2))
    with scheduler() as running:
        running.wait_for(lambda text: "missed: the process was" in text, "nothing missed")
        assert running.health()["state"] == "ok"
    assert scalar(database, "select count(*) from finops.etl_runs") == 1


def test_a_night_that_succeeded_is_not_caught_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE__CRON", NEVER)
    succeeded(database, timedelta(hours=1))
    with scheduler() as running:
        assert running.health()["last_run"]["status"] == "SUCCESS"
    assert scalar(database, "select count(*) from finops.etl_runs") == 1


def test_what_can_t_be_read_is_said_before_it_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHEDULE__CRON", "at night")
    assert finops("serve-schedule") == 2
    assert "schedule.cron 'at night' has 2 fields" in capfd.readouterr().err
    assert scalar(database, "select count(*) from finops.etl_runs") == 0
