"""What work costs, and its floor: whole processes as the operating system counts them, and ratios against goals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from finops.demo import postgres

# Linux counts the peak of a process from that of the one that starts it: a small one starts it.
LAUNCHER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - started
figures = f"{status} {wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}"
os.write(int(sys.argv[1]), figures.encode())
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock and of CPU, and the most memory of one process in MiB."""

    wall: float
    cpu: float
    peak_mib: float


@dataclass(frozen=True)
class Goal:
    """A figure and its limit: `name` says of what and in what unit."""

    name: str
    measured: float
    limit: float

    @property
    def is_kept(self) -> bool:
        """Whether the figure is at most the limit."""
        return self.measured <= self.limit


@dataclass(frozen=True)
class Result:
    """One piece of work with its floor, None where there is nothing to compare it with, and the goals it is held to."""

    work: str
    floor: Cost | None
    project: Cost
    goals: Sequence[Goal]


def command(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, with what it starts counted in.

    Raises:
        RuntimeError: when it fails; with the end of what it printed.
    """
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as output, os.fdopen(reader) as counted:
        subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, str(writer), *arguments],
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            pass_fds=[writer],
            check=True,
        )
        os.close(writer)
        status, wall, cpu, peak = counted.read().split()
        if status != "0":
            output.seek(0)
            raise RuntimeError(output.read().decode(errors="replace")[-2000:])
    return Cost(float(wall), float(cpu), float(peak) / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak_mib")))


@contextmanager
def database(*settings: str) -> Iterator[None]:
    """Start an empty PostgreSQL in a temporary folder, and name it in libpq's variables; a setting is `fsync = off`."""
    folder = Path(tempfile.mkdtemp(prefix="finops-bench-"))
    before = dict(os.environ)
    try:
        with postgres.server(folder / "data") as server:
            os.environ.update(server.environment())
            for setting in settings:
                psql(f"alter system set {setting}")
            psql("select pg_reload_conf()")
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def psql(statement: str) -> Cost:
    """Run SQL in psql, which stops at the first error."""
    return command([str(postgres.psql_path()), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement])


def python(code: str, *arguments: str) -> Cost:
    """Run Python code in an interpreter of its own."""
    return command([sys.executable, "-c", code, *arguments])
