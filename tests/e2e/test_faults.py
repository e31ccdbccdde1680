"""Faults in the middle of a night: one plain nightly afterwards leaves what an undisturbed one would."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from demo.postgres import Embedded
from tests.e2e.finops import Database, charge, finops, last_run, scalar, total, write_bill
from tests.e2e.proxy import Wire, wire

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
def test_rows_whose_commit_was_not_acknowledged_count_once(database: Database, to_postgres: Wire) -> None:
    to_postgres.lose = [True]
    assert nightly() == 0
    assert to_postgres.lose == []
    assert database.execute(RAW).fetchall() == [(4, 4)]
    assert (total(database), last_run(database)["status"]) == (Decimal(10), "SUCCESS")


@pytest.mark.usefixtures("bills")
def test_a_source_whose_commits_are_lost_again_fails_alone_and_the_next_nightly_mends_it(
    database: Database, to_postgres: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    to_postgres.lose = [True, False, True, False]
    assert nightly() == 1
    assert "focus.nimbus: 8 rows landed where 4 were read, 2 times" in capfd.readouterr().err
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 0
    assert nightly() == 0
    assert total(database) == Decimal(10)
