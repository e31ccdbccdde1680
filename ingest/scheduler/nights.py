"""`finops serve-schedule`: a process that keeps running and starts a nightly at the scheduled times.

Each nightly is a child process, `finops nightly` as a CronJob would start it: it returns its memory, dbt's and dlt's
state is its own, and one that hangs or dies cannot bring the scheduler down. The scheduler's state is in the database:
at the start, a time missed since the last nightly that succeeded is caught up if it is no older than the deadline.
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

from finops.ingest.config.sections import Schedule
from finops.ingest.database import connect
from finops.ingest.errors import ConfigurationError, FinopsError
from finops.ingest.scheduler.health import Health, serving
from finops.ingest.telemetry.progress import Progress

NIGHTLY = (sys.executable, "-P", "-m", "finops.ingest.cli", "nightly")
JOB = "nightly"
CRON_FIELDS = ("second", "minute", "hour", "day", "month", "day_of_week")
# Seconds for a nightly to close its run after SIGTERM; then it is killed, and the next one marks its run FAILED.
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
    """Return the times of a cron expression of five fields, or of six that start with seconds.

    A time in the hour that spring skips comes right after it; one in the hour that autumn repeats comes twice, and the
    second nightly finds nothing new to publish.

    Raises:
        ConfigurationError: for another expression, or a zone that is not in the IANA database.
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
    """Starts the nightlies, one at a time, and ends the running one when the process has to stop."""

    def __init__(self, schedule: Schedule, progress: Progress) -> None:
        self._schedule = schedule
        self._trigger = trigger(schedule.cron, schedule.timezone)
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._health = Health(schedule)

    def serve(self) -> None:
        """Start nightlies until SIGTERM or SIGINT; then stop the running one after its grace period."""
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        logging.getLogger("apscheduler").disabled = True  # _tell logs instead
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
        """Return the first time to start a nightly: in the past if none has succeeded since that time."""
        self._remember()
        since = self._health.last_success or datetime.now(UTC)
        return cast("datetime", self._trigger.get_next_fire_time(None, since.astimezone(self._trigger.timezone)))

    def _night(self) -> None:
        """Run one nightly as a child process and wait until it ends."""
        # each nightly is a new run, even where this process was given a run id; it finds the project that it starts in
        left_out = ("INGEST__RUN_ID", "FINOPS_PROJECT")
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
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
        """Start nothing more; end the running nightly by SIGTERM after its grace, by SIGKILL after TIME_TO_CLOSE."""
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
        """Read the last nightly, and the last one that succeeded, from the database.

        Raises:
            ConfigurationError: when no database is configured; one that can't be reached is only logged.
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
