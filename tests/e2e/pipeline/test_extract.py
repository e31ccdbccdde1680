"""Extraction split over processes: side by side, each source in one of them, and published afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, scalar, total, wait_until, write_bill

OF_OCTOBER = ("--period", "2026-10", "--as-of", "2026-11-20")
WAITING = "select count(*) = {} from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%%'"
NAMES = ("cirrus", "nimbus", "stratus")
JOB = "8f14e45f-ceea-467f-a0e6-5d1c0de7a003"


@pytest.fixture(autouse=True)
def _bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three good exports."""
    for name in NAMES:
        write_bill(tmp_path / name, "10.csv", [charge("5", "2026-10-02"), charge("5", "2026-10-03")])
        monkeypatch.setenv(f"SOURCES__FOCUS__{name.upper()}__URL", str(tmp_path / name))


@contextmanager
def landing(database: Database, *extractions: tuple[str, ...]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that extract, all of them held at the raw table for as long as the block lasts."""
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute("lock table raw_public_cloud.focus in exclusive mode")
        children = [
            subprocess.Popen([FINOPS, "extract", *OF_OCTOBER, *options], stderr=subprocess.PIPE, text=True)
            for options in extractions
        ]
        wait_until(database, WAITING.format(len(extractions)))
        yield children
    for child in children:
        child.communicate(timeout=60)


def extracted(database: Database) -> dict[str, int]:
    """Of each source, how many extractions are complete."""
    rows = database.execute(
        "select source, count(*) from finops.etl_extractions where status = 'COMPLETE' group by source order by source"
    ).fetchall()
    return dict(rows)


def test_processes_extract_different_sources_at_once_and_a_nightly_publishes_them(database: Database) -> None:
    with landing(database, ("--shard", "0/2"), ("--source", "focus.nimbus")) as children:
        pass
    assert [child.returncode for child in children] == [0, 0]
    assert extracted(database) == {"focus.cirrus": 1, "focus.nimbus": 1, "focus.stratus": 1}
    assert total(database) == 0
    assert finops("nightly", *OF_OCTOBER, "--no-extract") == 0
    assert total(database) == Decimal(30)
    assert extracted(database) == {"focus.cirrus": 1, "focus.nimbus": 1, "focus.stratus": 1}
    runs = database.execute("select kind, status, reason from finops.etl_runs order by kind, reason").fetchall()
    assert runs == [
        ("adhoc", "SUCCESS", "extract focus.cirrus, focus.stratus"),
        ("adhoc", "SUCCESS", "extract focus.nimbus"),
        ("nightly", "SUCCESS", None),
    ]


def test_a_source_is_not_extracted_twice_at_once(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    with landing(database, ("--source", "focus.nimbus", "--source", "focus.cirrus")):
        assert finops("extract", *OF_OCTOBER, "--shard", "1/3") == 1
    run_id = last_run(database)["run_id"]
    assert f"Error: focus.nimbus is being extracted (adhoc {run_id}, started" in capfd.readouterr().err
    assert extracted(database) == {"focus.cirrus": 1, "focus.nimbus": 1}


def test_nothing_is_published_while_a_source_is_extracted(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    with landing(database, ("--source", "focus.nimbus")) as (child,):
        assert finops("nightly", *OF_OCTOBER, "--no-extract") == 1
    assert f"another run is writing (adhoc {last_run(database)['run_id']}" in capfd.readouterr().err
    assert child.returncode == 0


def test_nothing_is_extracted_beside_a_run_that_publishes(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(autocommit=True) as other:
        other.execute("select pg_advisory_lock(7061746)")
        assert finops("extract", *OF_OCTOBER) == 1
    assert "another run is writing" in capfd.readouterr().err
    assert scalar(database, "select count(*) from finops.etl_runs") == 0


def test_every_source_is_in_one_shard(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("extract", *OF_OCTOBER, "--shard", "0/2") == 0
    assert extracted(database) == {"focus.cirrus": 1, "focus.stratus": 1}
    assert finops("extract", *OF_OCTOBER, "--shard", "1/2") == 0
    assert extracted(database) == {"focus.cirrus": 1, "focus.nimbus": 1, "focus.stratus": 1}
    capfd.readouterr()
    assert finops("extract", *OF_OCTOBER, "--shard", "3/4") == 0
    assert capfd.readouterr().out == "SUCCESS: shard 3/4 has no source, there are 3\n"
    assert finops("extract", *OF_OCTOBER, "--shard", "2/2") == 2
    assert finops("extract", *OF_OCTOBER, "--shard", "0/2", "--source", "focus.nimbus") == 2
    assert "drop one of the two" in capfd.readouterr().err


def test_the_pods_of_an_indexed_job_are_runs_of_their_own(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST__RUN_ID", JOB)
    for shard in ("0/2", "1/2", "1/2"):  # the last one is tried again for nothing
        assert finops("extract", *OF_OCTOBER, "--shard", shard) == 0
    statuses = database.execute("select kind, status from finops.etl_runs where run_id <> %s", (JOB,)).fetchall()
    assert statuses == [("adhoc", "SUCCESS")] * 2
    assert finops("nightly", *OF_OCTOBER, "--no-extract") == 0
    assert str(last_run(database)["run_id"]) == JOB


def test_costs_are_as_of_the_last_run_that_published(database: Database) -> None:
    as_of = "select as_of from finops_api.data_version"
    finops("nightly", *OF_OCTOBER)
    before = scalar(database, as_of)
    assert before is not None
    assert finops("extract", *OF_OCTOBER) == 0
    assert scalar(database, as_of) == before
    assert finops("nightly", *OF_OCTOBER, "--no-extract") == 0
    assert scalar(database, as_of) > before


def test_a_nightly_that_extracts_nothing_takes_no_option_of_extraction(capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("nightly", *OF_OCTOBER, "--no-extract", "--source", "focus.nimbus") == 2
    assert "--no-extract extracts nothing" in capfd.readouterr().err
