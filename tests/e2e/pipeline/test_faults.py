"""Faults in the middle of a night: one plain nightly afterwards leaves what an undisturbed one would."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from finops.demo.postgres import Embedded
from finops.ingest.database import connect, prepare
from finops.ingest.errors import FinopsError
from finops.ingest.roles import init_db
from tests.conftest import connected, copy_database
from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, scalar, serving, total, wait_until, write_bill
from tests.e2e.proxy import LOST, Lost, Wire, wire

METER = """
[sources.http.meter]
path = "meter"
measure = "metered"
data_selector = "$[*]"
record_id = "{id}"
application = "application"
params = { day = "{day}" }

[[sources.http.meter.lines]]
product = "cube.query"
quantity = "amount"
unit = "query"
"""
RAW = "select count(*), count(distinct (run_id, record_id)) from raw_public_cloud.focus"


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good export: focus.nimbus, of 10 in October."""
    write_bill(tmp_path / "nimbus", "10.csv", [charge(cost, "2026-10-02") for cost in ("1", "2", "3", "4")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "nimbus"))
    return tmp_path / "nimbus"


@pytest.fixture
def to_postgres(server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The loader's way to PostgreSQL; the test's own connection goes past it."""
    assert database.info.dbname
    with wire(server) as made:
        monkeypatch.setenv("PGHOST", str(made.folder))
        yield made


def nightly(*options: str) -> int:
    """A nightly of October 2026."""
    return finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20", *options)


@pytest.mark.usefixtures("bills")
@pytest.mark.parametrize("lost", LOST)
def test_rows_whose_commit_was_not_acknowledged_count_once(lost: Lost, database: Database, to_postgres: Wire) -> None:
    to_postgres.lose = [lost]
    assert nightly() == 0
    assert to_postgres.lose == []
    assert database.execute(RAW).fetchall() == [(4, 4)]
    assert (total(database), last_run(database)["status"]) == (Decimal(10), "SUCCESS")


@pytest.mark.usefixtures("bills")
def test_a_source_whose_commits_are_lost_again_fails_alone_and_the_next_nightly_mends_it(
    database: Database, to_postgres: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    to_postgres.lose = ["request", "request"]
    assert nightly() == 1
    assert "focus.nimbus: 0 rows landed where 4 were read, 2 times" in capfd.readouterr().err
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 0
    assert nightly() == 0
    assert total(database) == Decimal(10)


def test_a_bill_exported_again_without_its_costs_changes_nothing(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    write_bill(bills, "10.csv", [charge("0", "2026-10-02") for _ in range(4)])
    write_bill(bills, "11.csv", [charge("7", "2026-11-02")])
    assert finops("nightly", "--period", "2026-11", "--as-of", "2026-11-20") == 1
    assert (
        "2026-10-01 came back with EffectiveCost 0 where 10 is accepted, more than 50% less" in capfd.readouterr().err
    )
    assert total(database) == Decimal(10)


def test_a_meter_that_is_read_again_without_its_quantities_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amounts = {"2026-10-01": 8, "2026-10-02": 8}
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(METER, encoding="utf-8")
    answer = {"/meter": lambda query: [{"id": "a", "application": "ERP", "amount": amounts.get(query["day"][0], 1)}]}
    # a process of its own reads the folder's .dlt
    night = [FINOPS, "nightly", "--period", "2026-10", "--as-of", "2026-10-04"]
    with serving(answer) as url:
        monkeypatch.setenv("SOURCES__HTTP__METER__URL", url)
        subprocess.run(night, check=True)
        before = total(database)
        amounts["2026-10-02"] = 0
        refused = subprocess.run(night, check=False, capture_output=True, text=True)
        assert (
            "http.meter 2026-10 keeps its previous relevés: query of 2026-10-02 would go from 8 to 0, more than "
            "max_day_fall allows. Look why, then accept it with `finops reprocess --period 2026-10 --source http.meter "
        ) in refused.stderr
        assert (refused.returncode, total(database)) == (1, before)


def test_a_bill_of_nothing_may_get_a_credit(bills: Path, database: Database) -> None:
    write_bill(bills, "11.csv", [charge("0", "2026-11-02")])
    november = ["--period", "2026-11", "--as-of", "2026-11-20"]
    assert finops("nightly", *november) == 0
    write_bill(bills, "11.csv", [charge("0", "2026-11-02"), charge("-5", "2026-11-03")])
    assert finops("nightly", *november) == 0
    assert total(database) == Decimal(-5)


def test_a_month_that_is_not_open_changes_by_little_or_when_it_is_accepted(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    assert last_run(database)["changes"] == {"2026-10": "10"}
    write_bill(bills, "10.csv", [charge(cost, "2026-10-02") for cost in ("1", "2", "3", "9")])
    capfd.readouterr()
    assert nightly() == 1
    assert (
        "focus.nimbus 2026-10 keeps its previous relevés: its cost would go from 10.00 to 15.00, more than "
        "max_closed_change allows of a month that is not open"
    ) in capfd.readouterr().err
    assert (total(database), last_run(database)["changes"]) == (Decimal(10), {})
    # the next night says it again, until somebody accepts it
    assert finops("nightly", "--no-extract", "--as-of", "2026-11-20") == 1
    assert finops("reprocess", "--period", "2026-10", "--source", "focus.nimbus", "--reason", "it is right") == 0
    assert "Cost changed: 2026-10 by +5.00" in capfd.readouterr().out
    assert total(database) == Decimal(15)
    assert finops("nightly", "--no-extract", "--as-of", "2026-11-20") == 0


def test_what_a_published_relevé_stands_on_is_not_purged(
    bills: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST__KEEP_SUPERSEDED_DAYS", "0")
    assert nightly() == 0
    write_bill(bills, "10.csv", [charge(cost, "2026-10-02") for cost in ("1", "2", "3", "9")])
    for _ in range(2):
        assert nightly() == 1  # another version counts, and is not published
    lines = (
        "select sum(raw.effective_cost) from raw_public_cloud.focus as raw join finops.etl_published as published"
        " on published.landed_windows = array[raw.run_id || ' ' || raw.window_date]"
    )
    assert scalar(database, lines) == total(database) == Decimal(10)


def test_a_stage_0_that_has_nothing_to_change_waits_for_no_reader(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = scalar(database, "select version from finops.etl_schema")
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=200ms")  # to wait would be an error
    with psycopg.connect() as reader:
        reader.execute("select from finops.etl_runs, finops.etl_extractions, finops.etl_steps, finops.etl_accepted")
        with connect() as connection:
            prepare(connection)
    assert scalar(database, "select version from finops.etl_schema") == version


@pytest.mark.parametrize("has_roles", [True, False])
def test_a_stage_0_that_finds_the_tables_in_use_says_by_whom(
    *, has_roles: bool, server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finops.ingest.database.RETRIED_FOR", 0.2)
    if not has_roles:
        copy_database(server, "template1", "finops_fresh")
        monkeypatch.setenv("PGDATABASE", "finops_fresh")
        with connect() as connection:
            prepare(connection)
    with connected(server, os.environ["PGDATABASE"]) as administrator:
        administrator.execute("update finops.etl_schema set version = 'older'")
    with psycopg.connect(application_name="a report") as reader:
        reader.execute("select from finops.etl_runs")
        if has_roles:  # whoever loads changes no table
            with connect() as connection, pytest.raises(FinopsError, match="as an administrator, run `finops init-db`"):
                prepare(connection)
            monkeypatch.setenv("PGUSER", database.info.user)
        with (
            connect(role=None) as connection,
            pytest.raises(FinopsError, match=r"in use by process \d+ \(.* of a report, since"),
        ):
            init_db(connection, [], []) if has_roles else prepare(connection)


@pytest.mark.usefixtures("bills")
def test_reference_data_is_loaded_where_its_file_or_its_table_has_changed(
    database: Database,
) -> None:
    assert nightly() == 0
    written = "select max(xmin::text::bigint) from finops_reference.groups"
    before = scalar(database, written)
    assert nightly() == 0
    assert scalar(database, written) == before
    database.execute("update finops_reference.groups set group_name = 'changed by hand'")
    with psycopg.connect() as reader:  # whose lock keeps nothing waiting, nor is kept waiting
        reader.execute("select from finops_reference.groups")
        assert nightly() == 0
    assert scalar(database, written) > before
    assert scalar(database, "select count(*) from finops_reference.groups where group_name = 'changed by hand'") == 0


@pytest.mark.usefixtures("bills")
def test_a_database_that_goes_away_is_the_news_and_not_what_follows_from_it(
    database: Database, to_postgres: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        cutting = threading.Thread(target=cut_when_held_up, args=(database, to_postgres))
        cutting.start()
        assert nightly() == 1
        cutting.join()
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    assert said[0].startswith("Error: PostgreSQL went away during run")
    assert "the connection is closed" not in said[0]
    assert nightly() == 0
    assert total(database) == Decimal(10)


def cut_when_held_up(database: Database, to_postgres: Wire) -> None:
    """Break all connections once the nightly waits for a lock."""
    wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")
    to_postgres.cut()


def test_what_was_extracted_whole_is_published_though_its_source_is_down_the_next_night(
    bills: Path, database: Database
) -> None:
    assert finops("extract", "--period", "2026-10", "--as-of", "2026-11-20", "--source", "focus.nimbus") == 0
    (bills / "10.csv").unlink()
    assert nightly() == 1
    assert (total(database), last_run(database)["status"]) == (Decimal(10), "FAILED")
