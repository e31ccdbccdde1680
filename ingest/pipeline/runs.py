"""Runs and their steps, in `etl_runs` and `etl_steps`.

A run holds a PostgreSQL advisory lock for as long as its connection lives. So two runs never write at once, and a run
whose process died is recognised: nobody holds its lock. A run that only extracts shares the lock with its like,
and holds one more lock for each of its sources.

A run that is given an id resumes the run of that id where it failed: all pods of a Kubernetes Job give the Job's uid.
"""

from __future__ import annotations

import getpass
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import psycopg
from psycopg.rows import scalar_row

from finops.ingest.config.redaction import safe
from finops.ingest.database import Connection, prepare
from finops.ingest.errors import AlreadySucceededError, ConfigurationError, FinopsError, LockedError, describe
from finops.ingest.periods import Period

# The same number as in ingest/schema/run_functions.sql.
LOCK = 7061746

Kind = Literal["nightly", "reprocess", "adhoc"]


@dataclass
class Step:
    """A step that is running; `rows` is how many it has processed, `skipped` why it had nothing to do."""

    rows: int | None = None
    skipped: str | None = None


@dataclass
class Run:
    """A run. It closes as FAILED if there are `failures`, whatever the `caveats`.

    It is `resumed` if an earlier process began it and failed.
    """

    run_id: str
    connection: Connection
    failures: list[str] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    resumed: bool = False

    @contextmanager
    def step(self, name: str, source: str | None = None) -> Iterator[Step]:
        """Record a step. A FinopsError fails the step, is added to the run's failures, and is not raised further."""
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
            self._end_step(step_id, "SKIPPED" if step.skipped else "SUCCESS", step.rows, step.skipped)

    def skip(self, name: str, source: str, why: str) -> None:
        """Record a step that has nothing to do."""
        with self.step(name, source) as step:
            step.skipped = safe(why)

    def _end_step(self, step_id: object, status: str, rows: int | None, error: str | None) -> None:
        if self.connection.closed:
            return  # PostgreSQL went away: report the error that ended the step, not this one
        self.connection.execute(
            "update finops.etl_steps set status = %s, row_count = %s, error = %s, end_time = clock_timestamp()"
            " where step_id = %s",
            (status, rows, error, step_id),
        )


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for.

    Attributes:
        periods: the months to work on.
        as_of: the day of the run (UTC): meters are read up to the day before, inventories up to this day.
        refetch: extract again every window that a source can give again, not only what is missing or recent.
        is_named: whether somebody named the periods: then their bills are landed even if they are unchanged.
        sources: only these; empty: all.
        accept_shrink: take windows that came back empty or much smaller, and months that change by any amount.
    """

    periods: Sequence[Period]
    as_of: date
    refetch: bool = False
    is_named: bool = False
    sources: Sequence[str] = ()
    accept_shrink: bool = False


@contextmanager
def open_run(
    connection: Connection, kind: Kind, request: RunRequest, reason: str | None = None, run_id: str | None = None
) -> Iterator[Run]:
    """Stage 0 and stage 4: take the lock, open the run, and close it with its outcome.

    A run of kind adhoc only extracts its sources, beside others that do. The run of this `run_id` is resumed, if there
    is one.

    Raises:
        LockedError: another run holds the lock; the message names it.
        AlreadySucceededError: the run of this id has succeeded before.
        ConfigurationError: the run of this id is of another kind.
    """
    _lock(connection, request.sources if kind == "adhoc" else ())
    prepare(connection)
    run = Run(run_id or str(uuid.uuid4()), connection)
    if kind != "adhoc":
        connection.execute("select finops.fail_dead_runs(%s)", (run.run_id,))
    _begin(run, kind, request, reason)
    try:
        yield run
    except BaseException as error:
        if isinstance(error, psycopg.OperationalError) and connection.closed:
            cause = run.failures[0] if run.failures else describe(error)
            raise FinopsError(
                f"PostgreSQL went away during run {run.run_id} ({cause}): what was published stays, and the next "
                "nightly takes up the rest"
            ) from error
        run.failures.append(describe(error))
        raise
    finally:
        if not connection.closed:
            connection.execute("select finops.close_run(%s, %s)", (run.run_id, "; ".join(run.failures) or None))
            connection.execute("select pg_advisory_unlock_all()")


@contextmanager
def publishing_lock(connection: Connection) -> Iterator[None]:
    """Hold the lock of a run that publishes, without a run.

    Raises:
        LockedError: a run holds it; the message names it.
    """
    _lock(connection, ())
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock_all()")


def _lock(connection: Connection, only: Sequence[str]) -> None:
    query = "select pg_try_advisory_lock_shared(%s)" if only else "select pg_try_advisory_lock(%s)"
    cursor = connection.cursor(row_factory=scalar_row)
    if not cursor.execute(query, (LOCK,)).fetchone():
        raise LockedError(f"another run is writing ({_holder(connection)}): wait until it ends, then run this again")
    for source in only:
        if not cursor.execute("select pg_try_advisory_lock(%s, hashtext(%s))", (LOCK, source)).fetchone():
            holder = _holder(connection, source)
            raise LockedError(f"{source} is being extracted ({holder}): wait until it ends, then run this again")


def _begin(run: Run, kind: Kind, request: RunRequest, reason: str | None) -> None:
    """Insert the run, or resume it: as we hold its locks, no other process is working on it."""
    months = [period.first for period in request.periods]
    sources = None if kind == "nightly" else list(request.sources) or None  # a nightly publishes those of every source
    accepts_changes = request.accept_shrink or kind == "reprocess"
    begun = run.connection.execute(
        "insert into finops.etl_runs (run_id, kind, periods, as_of, sources, accepts_changes, reason, started_by)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (run_id) do nothing",
        (run.run_id, kind, months, request.as_of, sources, accepts_changes, reason and safe(reason), started_by()),
    )
    if begun.rowcount:
        return
    earlier = run.connection.execute("select kind, status from finops.etl_runs where run_id = %s", (run.run_id,))
    row = earlier.fetchone()
    if row and row["kind"] != kind:
        raise ConfigurationError(
            f"ingest.run_id {run.run_id} is a run of kind {row['kind']}, not {kind}: give each its own id"
        )
    if row and row["status"] == "SUCCESS":
        raise AlreadySucceededError(f"SUCCESS: run {run.run_id} had succeeded before, and nothing was done again")
    run.connection.execute("select finops.resume_run(%s, %s, %s)", (run.run_id, started_by(), months))
    run.resumed = True


def _holder(connection: Connection, source: str | None = None) -> str:
    """Describe the run that is working, or of a source, the run that extracts it."""
    known = connection.execute("select to_regprocedure('finops.running_run(text)') as name").fetchone()
    if not known or known["name"] is None:
        return "it is setting the database up"
    row = connection.execute("select finops.running_run(%s) as run", (source,)).fetchone()
    return str(row["run"]) if row else ""


def started_by() -> str:
    """Who works here: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return safe(f"{user}@{socket.gethostname()}")
