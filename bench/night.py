"""A night with nothing to do, after a demo company's night, and what starting costs: `finops --help`, dbt alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Goal, Result, command, middle, python

MODULE = (sys.executable, "-m", "finops.ingest.cli")
DEMO = (sys.executable, "-m", "finops.demo")
DBT = "from dbt.cli.main import dbtRunner"


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 every bench has it
    """Measure each as whole processes, the idle night on the demo's database."""
    times = 3 if short else 7
    interpreter = middle([python("import click") for _ in range(times)])
    told = middle([command([*MODULE, "--help"]) for _ in range(times)])
    yield Result("finops --help; floor: Python and click", interpreter, told, [Goal("seconds", told.wall, 0.3)])
    with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
        bills = Path(folder) / "bills"
        bills.mkdir()
        home = {"FINOPS_HOME": folder, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        command([*DEMO, "--as-of", "2026-11-22", "--months", "3"], home)
        night = [*MODULE, "nightly", "--no-extract", "--as-of", "2026-11-22"]
        on_demo = [*DEMO, "run", "--", "env", f"SOURCES__FOCUS__NONE__URL={bills}"]
        server = middle([command([*on_demo, "true"], home) for _ in range(times)])
        # a server is started and stopped around each
        idle = middle([command([*on_demo, *night], home) for _ in range(times)])
        yield Result(
            "a night with nothing to do; floor: the server alone",
            server,
            idle,
            [Goal("seconds without the server", idle.wall - server.wall, 3)],
        )
    yield Result("dbt's import, which it leaves out", None, middle([python(DBT) for _ in range(times)]), [])
