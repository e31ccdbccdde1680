"""The runbook's restore: a dump is all that is needed, and the next nightly counts nothing twice."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from finops.demo import postgres
from tests.e2e.finops import Database, charge, finops, releves, scalar, write_bill

ACCEPTED = (
    "select array_agg((source, window_date, record_count)::text order by source, window_date) from finops.etl_accepted"
)


def program(database: Database, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database of libpq's variables, as an administrator."""
    environment = {**os.environ, "PGUSER": database.info.user}
    subprocess.run([postgres.binaries() / name, *arguments], check=True, env=environment)


def test_a_restored_database_goes_on_as_if_nothing_had_been(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bill(tmp_path / "bills", "10.csv", [charge("1.10", "2026-10-02"), charge("2.20", "2026-10-30")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    nightly = ["nightly", "--period", "2026-10", "--as-of", "2026-11-20"]
    assert finops(*nightly) == 0
    before, accepted = releves(database), scalar(database, ACCEPTED)
    assert len(before) == 1

    name, dump = f"{database.info.dbname}_restored", str(tmp_path / "finops.dump")
    program(database, "pg_dump", "--format=custom", f"--file={dump}")
    program(database, "createdb", name)
    try:
        program(database, "pg_restore", "--exit-on-error", f"--dbname={name}", dump)
        monkeypatch.setenv("PGDATABASE", name)
        with pytest.MonkeyPatch.context() as patch:  # a dump has no rights on the database itself
            patch.setenv("PGUSER", database.info.user)
            assert finops("init-db") == 0
        with psycopg.connect(database.info.dsn, dbname=name, autocommit=True) as restored:
            assert (releves(restored), scalar(restored, ACCEPTED)) == (before, accepted)
            assert finops(*nightly) == 0
            assert (releves(restored), scalar(restored, ACCEPTED)) == (before, accepted)
            aggregated = scalar(restored, "select sum(total_cost) from finops.mv_cost_app_month")
            assert aggregated == scalar(restored, "select sum(total_cost) from finops.fact_releve")
    finally:
        program(database, "dropdb", "--force", name)
