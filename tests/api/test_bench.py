"""The bench runs, at a scale at which it says nothing of speed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from finops.demo.postgres import Embedded
from tests.e2e.finops import Database

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--here", "--applications", "30", "--months", "3", "--products", "4", "--seconds", "0.2", "--requests", "40"]


def bench(server: Embedded) -> subprocess.CompletedProcess[str]:
    """On the database of this test, whose owner it has to be: it writes relevés that no run has published."""
    command = [sys.executable, "-m", "bench.api", *TINY]
    owner = {**os.environ, "PGUSER": server.user}
    return subprocess.run(command, cwd=ROOT, env=owner, capture_output=True, text=True, check=False, timeout=120)


def test_it_measures_the_api_beside_its_floors(server: Embedded, database: Database) -> None:
    done = bench(server)
    assert done.returncode == 0, done.stderr
    measured = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert measured == [
        "a constant (/healthz)",
        "an application's year, by product",
        "a group's 3 months",
        "a group's top 10 applications, a year",
        "the company's top 10 products, a year",
        "the company by application, a year",
        "the company's top 10 applications, a month",
        "the page: the company's 13 months by domain",
        "the page: the top 10 applications of a month",
        "the page: the company's month by day",
        "Cost Insights: a group's 180 days",
        "Cost Insights: the company's 180 days",
    ]
    assert "30 applications × 3 months × 4 products = 360 rows" in done.stdout
    assert sum(line.startswith(("kept: ", "MISSED: ")) for line in done.stdout.splitlines()) == 3
    counted = database.execute("select count(*), count(distinct group_id) from finops.owned_releves").fetchone()
    assert counted == (360, 2)


def test_it_fills_no_database_that_holds_something(server: Embedded, costs: Database) -> None:
    before = costs.execute("select count(*) from finops.fact_releve").fetchone()
    done = bench(server)
    assert (done.returncode, costs.execute("select count(*) from finops.fact_releve").fetchone()) == (1, before)
    assert "there are relevés in this database: give an empty one" in done.stderr
