"""The made-up company as `make demo` leaves it, on a day that never changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from finops.demo import postgres
from tests.conftest import ROOT
from tests.e2e.finops import Database

DAY = "2026-11-22"
# Its run ends as if it had been that night's: what is open would else depend on when a test is run.
NIGHT = """
    with late as (select timestamptz '{day} 03:12:00+00' + interval '1 day' - max(end_time) as by from finops.etl_runs)
    update finops.{table} set start_time = start_time + late.by, end_time = end_time + late.by from late
"""


@contextmanager
def made(months: int) -> Iterator[Path]:
    """A folder with so many months of it; the path is short, for the sake of the unix socket.

    DEMO names one that is there already, as `make demo` leaves it in `.finops`: it is copied.
    """
    home = Path(tempfile.mkdtemp(prefix="finops-demo-"))
    try:
        if ready := os.environ.get("DEMO"):
            # PostgreSQL's folder belongs to the user that it runs as
            subprocess.run(["cp", "-a", ready, str(home / ".finops")], check=True)  # noqa: S607
        else:
            command = [sys.executable, "-m", "finops.demo", "--as-of", DAY, "--months", str(months)]
            subprocess.run(command, cwd=ROOT, env={**os.environ, "FINOPS_HOME": str(home)}, check=True)
        yield home / ".finops"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running(folder: Path) -> Iterator[Database]:
    """Its database under libpq's variables; the connection is for looking."""
    with postgres.server(folder / "postgres") as embedded, pytest.MonkeyPatch.context() as patch:
        for name, value in embedded.environment().items():
            patch.setenv(name, value)
        with psycopg.connect(autocommit=True) as connection:
            yield connection


def that_night(database: Database) -> None:
    """Move its runs to the night after its last day."""
    for table in ("etl_steps", "etl_runs"):
        database.execute(NIGHT.format(day=DAY, table=table).encode())
