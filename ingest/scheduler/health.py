"""The scheduler's health over HTTP: the next run, the current one, and the last one.

503 means that a restart helps: a run is overdue, or the scheduler is stopping. A failed nightly or old data is not a
503: a restart does not fix a source, and the alert rules report it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from apscheduler.job import Job

from finops.ingest.config.sections import Schedule
from finops.ingest.errors import ConfigurationError

PATH = "/healthz"
# A run that is due starts at once; a scheduler that is this late has stopped working.
OVERDUE = timedelta(minutes=1)


@dataclass
class Health:
    """The state that the endpoint answers; written by the scheduler, read by the endpoint's threads.

    Attributes:
        job: the nightly's job; None until the scheduler has started.
        running_since: when the nightly at work began; None while none is.
        last_run: the latest nightly in the database.
        last_success: when the latest nightly that succeeded began.
        last_exit_code: that of the last nightly of this process.
    """

    schedule: Schedule
    job: Job | None = None
    stopping: bool = False
    running_since: datetime | None = None
    last_run: Mapping[str, object] | None = None
    last_success: datetime | None = None
    last_exit_code: int | None = None

    @property
    def state(self) -> str:
        """`starting`, `ok`, `stopping` or `dead`."""
        if self.stopping or self.job is None:
            return "stopping" if self.stopping else "starting"
        return "dead" if self.job.next_run_time < datetime.now(UTC) - OVERDUE else "ok"

    def answer(self) -> tuple[int, bytes]:
        """Return the HTTP status and the JSON body, which has no error texts: they may name a source's address."""
        state = self.state
        body = {
            "state": state,
            "cron": self.schedule.cron,
            "timezone": self.schedule.timezone,
            "starting_deadline_seconds": self.schedule.starting_deadline,
            "next_run": self.job.next_run_time if self.job and not self.stopping else None,
            "running_since": self.running_since,
            "last_run": self.last_run,
            "last_success": self.last_success,
            "last_exit_code": self.last_exit_code,
        }
        return (200 if state in ("ok", "starting") else 503), json.dumps(body, default=_instant).encode()


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds")


@contextmanager
def serving(health: Health) -> Iterator[str]:
    """Answer at `schedule.listen` for as long as the block runs; yields the address.

    Raises:
        ConfigurationError: when the address can't be listened on.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a silent client may hold a thread

        def do_GET(self) -> None:
            status, body = health.answer() if self.path == PATH else (404, b"{}")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: a probe comes every few seconds."""

    host, port = health.schedule.host, health.schedule.port
    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ConfigurationError(
            f"schedule.listen '{host}:{port}' can't be listened on ({error.strerror or error}): write another"
        ) from error
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{server.server_address[0]!s}:{server.server_port}{PATH}"
        server.shutdown()
