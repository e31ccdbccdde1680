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
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler
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
    select run_id::text, start_time, end_time, status,
        (select max(start_time) from finops.etl_runs where kind = 'nightly' and status = 'SUCCESS') as last_success
    from finops.etl_runs where kind = 'nightly' order by start_time desc limit 1
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


class NightlyScheduler:
    """Begins the nightlies, one at a time, and ends the one at work when the process is to stop."""

    def __init__(self, schedule: Schedule, progress: Progress) -> None:
        self._schedule = schedule
        self._trigger = trigger(schedule.cron, schedule.timezone)
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._health = Health(schedule)

    def serve(self) -> None:
        """Work until SIGTERM or SIGINT; from then on no run is begun, and the one at work has its grace."""
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        logging.getLogger("apscheduler").addHandler(logging.NullHandler())  # what it would log, _tell does
        scheduler = BackgroundScheduler(timezone=self._trigger.timezone)
        scheduler.add_listener(self._tell, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)
        job = scheduler.add_job(
            self._night,
            self._trigger,
            id=JOB,
            max_instances=1,  # the advisory lock stands between processes
            coalesce=True,
            misfire_grace_time=self._schedule.starting_deadline,
            next_run_time=self._first(),
        )
        with serving(self._health) as url:
            self._progress.event("scheduled", cron=self._schedule.cron, next=job.next_run_time, health=url)
            scheduler.start()
            self._health.job = job
            asked.wait()
            self._stop()
            scheduler.shutdown()
        self._progress.event("stopped")

    def _first(self) -> datetime:
        """The first time to begin: one that is over, where no nightly has succeeded since the one before it."""
        self._remember()
        since = self._health.last_success or datetime.now(UTC)
        return cast("datetime", self._trigger.get_next_fire_time(None, since.astimezone(self._trigger.timezone)))

    def _night(self) -> None:
        """One nightly, from its process's start to its end."""
        # each is a run of its own, whatever this process was given
        environment = {name: value for name, value in os.environ.items() if name != "INGEST__RUN_ID"}
        with self._starting:
            if self._health.stopping:
                return
            # its own group: Ctrl-C on a terminal is for this process, which knows of the grace
            self._child = subprocess.Popen(NIGHTLY, process_group=0, env=environment)  # noqa: S603 this very program
            self._health.running_since = datetime.now(UTC)
        code = self._child.wait()
        self._remember()
        self._health.running_since, self._health.last_exit_code = None, code
        self._progress.event("night_over", exit_code=code)

    def _stop(self) -> None:
        """Begin nothing more; end the nightly at work by SIGTERM after its grace, by SIGKILL after TIME_TO_CLOSE."""
        with self._starting:
            self._health.stopping = True
            child = self._child
        if child is None or child.poll() is not None:
            return
        self._progress.event("stopping", grace_seconds=self._schedule.stop_grace)
        try:
            child.wait(self._schedule.stop_grace)
        except subprocess.TimeoutExpired:
            child.terminate()
        try:
            child.wait(TIME_TO_CLOSE)
        except subprocess.TimeoutExpired:
            self._progress.event("killed", seconds=TIME_TO_CLOSE)
            child.kill()

    def _remember(self) -> None:
        """Read from the database how the last nightly went, and when one last succeeded.

        Raises:
            ConfigurationError: when no database is named; one that can't be reached is only told.
        """
        try:
            with connect() as connection:
                last = connection.execute(_LAST).fetchone()
        except psycopg.errors.UndefinedTable:  # no run yet
            return
        except ConfigurationError:
            raise
        except FinopsError as error:
            self._progress.event("unknown_past", "warning", error=error)
            return
        if last:
            self._health.last_success = cast("datetime | None", last.pop("last_success"))
            self._health.last_run = last

    def _tell(self, event: JobEvent) -> None:
        times = getattr(event, "scheduled_run_times", None) or [getattr(event, "scheduled_run_time", None)]
        error = getattr(event, "exception", None)
        self._progress.event("night", "warning", at=times[0], what=_EVENT_TEXT[event.code], error=error)
