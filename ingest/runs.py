"""Runs and their steps, in `etl_runs` and `etl_steps`.

A run holds a PostgreSQL advisory lock for as long as its connection lives, so that two never write at once, and so that
one whose process died is told from one that works: the lock of the dead is free.
"""

from __future__ import annotations

import getpass
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from ingest.database import Connection
from ingest.errors import FinopsError, LockedError
from ingest.periods import Period

# The same number as in dbt_project/macros/runs.sql.
LOCK = 7061746

Kind = Literal["nightly", "reprocess"]


@dataclass
class Step:
    """What a step has to say when it ends."""

    rows: int | None = None


@dataclass
class Run:
    """A run that is open; `failures` decide how it closes."""

    run_id: str
    connection: Connection
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, source: str | None = None) -> Iterator[Step]:
        """Record a step; a FinopsError fails the step, is noted in the run, and goes no further."""
        row = self.connection.execute(
            "insert into finops.etl_steps (run_id, step, source) values (%s, %s, %s) returning step_id",
            (self.run_id, name, source),
        ).fetchone()
        step, step_id = Step(), row["step_id"] if row else None
        try:
            yield step
        except FinopsError as error:
            self.failures.append(str(error))
            self._end_step(step_id, "FAILED", step.rows, str(error))
        except BaseException as error:
            self._end_step(step_id, "FAILED", step.rows, describe(error))
            raise
        else:
            self._end_step(step_id, "SUCCESS", step.rows, None)

    def skip(self, name: str, source: str, why: str) -> None:
        """Record a step that has nothing to do."""
        self.connection.execute(
            "insert into finops.etl_steps (run_id, step, source, end_time, status, error)"
            " values (%s, %s, %s, clock_timestamp(), 'SKIPPED', %s)",
            (self.run_id, name, source, why),
        )

    def _end_step(self, step_id: object, status: str, rows: int | None, error: str | None) -> None:
        self.connection.execute(
            "update finops.etl_steps set status = %s, row_count = %s, error = %s, end_time = clock_timestamp()"
            " where step_id = %s",
            (status, rows, error, step_id),
        )

    def close(self) -> None:
        """Stage 4: the outcome, the end and the volume."""
        self.connection.execute(
            "update finops.etl_runs set status = %s, error = %s, end_time = clock_timestamp(), volume_processed ="
            " coalesce((select sum(records_landed) from finops.etl_reconciliations"
            "   where run_id = %s and status = 'PUBLISHED'), 0)"
            " where run_id = %s",
            ("FAILED" if self.failures else "SUCCESS", "; ".join(self.failures) or None, self.run_id, self.run_id),
        )


@contextmanager
def open_run(connection: Connection, kind: Kind, periods: Sequence[Period], reason: str | None) -> Iterator[Run]:
    """Stage 0 and stage 4: a run, from its lock to its outcome.

    Raises:
        LockedError: when another run holds the lock; it says which.
    """
    held = connection.execute("select pg_try_advisory_lock(%s) as held", (LOCK,)).fetchone()
    if not held or not held["held"]:
        raise LockedError(f"another run is writing ({_holder(connection)}): wait until it ends, then run this again")
    run = Run(str(uuid.uuid4()), connection)
    connection.execute("select finops.fail_dead_runs(%s)", (run.run_id,))
    connection.execute(
        "insert into finops.etl_runs (run_id, kind, periods, reason, started_by) values (%s, %s, %s, %s, %s)",
        (run.run_id, kind, [period.first for period in periods], reason, _starter()),
    )
    try:
        yield run
    except BaseException as error:
        run.failures.append(describe(error))
        raise
    finally:
        run.close()
        connection.execute("select pg_advisory_unlock(%s)", (LOCK,))


def describe(error: BaseException) -> str:
    """An error for the record: what a person interrupted says nothing of itself."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "interrupted"
    return str(error).strip() or type(error).__name__


def _holder(connection: Connection) -> str:
    row = connection.execute(
        "select kind, run_id, start_time, started_by from finops.etl_runs where status = 'RUNNING'"
        " order by start_time desc limit 1"
    ).fetchone()
    if row is None:
        return "it has not said its name yet"
    return f"{row['kind']} {row['run_id']}, started {row['start_time']:%Y-%m-%d %H:%M:%S %Z} by {row['started_by']}"


def _starter() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
