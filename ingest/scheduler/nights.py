"""`finops serve-schedule`: a process that stays, and begins a nightly when its time comes.

Each nightly is a child process, `finops nightly` as a CronJob would start it: its memory goes back, dbt's and dlt's
state is its own, and one that hangs or dies cannot bring the scheduler down. The database is the scheduler's memory: at
its start, a time that came since the last nightly that succeeded is caught up while it is no older than the deadline.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import psycopg
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_SCHEDULER_STARTED,
    JobEvent,
)
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from finops.ingest.config.settings import Schedule
from finops.ingest.database import connect
from finops.ingest.errors import ConfigurationError, FinopsError
from finops.ingest.scheduler.health import Health, serving
from finops.ingest.telemetry.progress import Progress

NIGHTLY = (sys.executable, "-P", "-m", "finops.ingest.cli", "nightly")
JOB = "nightly"
CRON_FIELDS = ("second", "minute", "hour", "day", "month", "day_of_week")
# Once it is told to stop, a nightly closes its run in that many seconds or is killed: the next one marks it FAILED.
TIME_TO_CLOSE = 30
_EVENT_TEXT = {
    EVENT_JOB_MISSED: "missed: the process was busy, suspended or off for longer than schedule.starting_deadline",
    EVENT_JOB_MAX_INSTANCES: "not begun: the nightly before it is still at work",
    EVENT_JOB_ERROR: "broke off: the nightly's process could not be started or followed",
}
_LAST = """
    select run_id::text, start_time, end_time, status from finops.etl_runs
    where kind = 'nightly' and (%s or status = 'SUCCESS') order by start_time desc limit 1
"""


def trigger(cron: str, timezone: str) -> CronTrigger:
    """The times of an expression of five fields, or six that begin with seconds.

    In the hour that a zone skips in spring the run begins as soon as the clock has gone on; in the one that it repeats
    in autumn, it begins twice, and the second finds nothing new to publish.

    Raises:
        ConfigurationError: for another expression, or a zone that is not in the IANA's data base.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"schedule.timezone '{timezone}' is not an IANA time zone: write for example Europe/Paris"
        ) from error
    fields = cron.split()
    if len(fields) not in (len(CRON_FIELDS) - 1, len(CRON_FIELDS)):
        raise ConfigurationError(f"schedule.cron '{cron}' has {len(fields)} fields: write five, such as 30 2 * * *")
    # cron counts from Sunday, APScheduler from Monday: a number would be read as another day than it is meant as
    if any(sign.isdigit() for sign in fields[-1].partition("/")[0]):
        raise ConfigurationError(
            f"schedule.cron '{cron}': write the days of the week as mon, tue … sun, not as numbers"
        )
    try:
        return CronTrigger(**dict(zip(reversed(CRON_FIELDS), reversed(fields), strict=False)), timezone=zone)
    except ValueError as error:
        raise ConfigurationError(f"schedule.cron '{cron}' is not a cron expression: {error}") from error


def _environment() -> dict[str, str]:
    """Of a nightly: each is a run of its own, whatever this process was given."""
    return {name: value for name, value in os.environ.items() if name != "INGEST__RUN_ID"}


class NightlyScheduler:
    """Begins the nightlies, one at a time, and ends the one at work when the process is to stop."""

    def __init__(self, schedule: Schedule, progress: Progress) -> None:
        self._schedule = schedule
        self._trigger = trigger(schedule.cron, schedule.timezone)
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self.health = Health(schedule.cron, schedule.timezone, schedule.starting_deadline)

    def serve(self) -> None:
        """Work until SIGTERM or SIGINT; from then on no run is begun, and the one at work has its grace."""
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        logging.getLogger("apscheduler").addHandler(logging.NullHandler())  # what it would say, _say does
        scheduler = BlockingScheduler(timezone=self._trigger.timezone)
        started = threading.Event()
        scheduler.add_listener(lambda _: started.set(), EVENT_SCHEDULER_STARTED)
        scheduler.add_listener(self._say, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)
        job = scheduler.add_job(
            self._night,
            self._trigger,
            id=JOB,
            max_instances=1,  # the advisory lock stands between processes
            coalesce=True,
            misfire_grace_time=self._schedule.starting_deadline,
            next_run_time=self._first(),
        )
        with serving(self.health, self._schedule.host, self._schedule.port) as url:
            self._progress.event("scheduled", cron=self._schedule.cron, next=job.next_run_time, health=url)
            thread = threading.Thread(target=scheduler.start, daemon=True)
            thread.start()
            started.wait()  # what has not started can't be shut down
            self.health.watch(job, thread)
            asked.wait()
            self._stop()
            scheduler.shutdown(wait=True)
            thread.join()
        self._progress.event("stopped")

    def _first(self) -> datetime:
        """The first time to begin: one that is over, where no nightly has succeeded since the one before it."""
        now = datetime.now(self._trigger.timezone)
        since = now
        try:
            self._remember()
        except ConfigurationError:
            raise
        except FinopsError as error:
            self._progress.event("unknown_past", error=error)
        if self.health.last_success is not None:
            since = self.health.last_success.astimezone(self._trigger.timezone)
        return cast("datetime", self._trigger.get_next_fire_time(None, since))

    def _night(self) -> None:
        """One nightly, from its process's start to its end."""
        with self._starting:
            if self._stopping.is_set():
                return
            # its own group: Ctrl-C on a terminal is for this process, which knows of the grace
            self._child = subprocess.Popen(NIGHTLY, process_group=0, env=_environment())  # noqa: S603 this very program
            self.health.running_since = datetime.now(UTC)
        code = self._child.wait()
        try:
            self._remember()
        except FinopsError as error:
            self._progress.event("unknown_past", error=error)
        self.health.running_since, self.health.last_exit_code = None, code
        self._progress.event("night_over", exit_code=code)

    def _stop(self) -> None:
        with self._starting:
            self._stopping.set()
            child = self._child
        self.health.stopping = True
        if child is None or child.poll() is not None:
            return
        self._progress.event("stopping", grace_seconds=self._schedule.stop_grace)
        try:
            child.wait(self._schedule.stop_grace)
        except subprocess.TimeoutExpired:
            self._end(child)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        try:
            child.wait(TIME_TO_CLOSE)
        except subprocess.TimeoutExpired:
            self._progress.event("killed", seconds=TIME_TO_CLOSE)
            child.kill()

    def _remember(self) -> None:
        """Read from the database how the last nightly went, and when one last succeeded."""
        with connect() as connection:
            try:
                last = connection.execute(_LAST, (True,)).fetchone()
                succeeded = connection.execute(_LAST, (False,)).fetchone()
            except psycopg.errors.UndefinedTable:  # no run yet
                return
        self.health.last_run = last
        self.health.last_success = cast("datetime", succeeded["start_time"]) if succeeded else None

    def _say(self, event: JobEvent) -> None:
        times = getattr(event, "scheduled_run_times", None) or [getattr(event, "scheduled_run_time", None)]
        self._progress.event(
            "night", at=times[0], what=_EVENT_TEXT[event.code], error=getattr(event, "exception", None)
        )
