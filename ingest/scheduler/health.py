"""How the scheduler is, over HTTP: the next run, the one at work, the last one.

503 means that a restart helps: the scheduler is dead or does not begin what is due, or it is stopping. A nightly that
failed, or data that is old, is not that: no restart mends a source, and the alert rules tell of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from apscheduler.job import Job

from finops.ingest.errors import ConfigurationError

PATH = "/healthz"
# A time that is due is taken up at once; a scheduler that has not after so long does nothing any more.
OVERDUE = timedelta(minutes=1)


class Health:
    """What there is to say; written by the scheduler's threads, read by the endpoint's."""

    def __init__(self, cron: str, timezone: str, starting_deadline: int) -> None:
        self._what = {"cron": cron, "timezone": timezone, "starting_deadline_seconds": starting_deadline}
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self.stopping = False
        self.running_since: datetime | None = None
        self.last_run: Mapping[str, object] | None = None
        self.last_success: datetime | None = None
        self.last_exit_code: int | None = None

    def watch(self, job: Job, thread: threading.Thread) -> None:
        """Look at this job, and at the thread that begins it, from now on."""
        self._job, self._thread = job, thread

    def state(self) -> tuple[str, datetime | None]:
        """`starting`, `ok`, `stopping` or `dead`, and the next time."""
        if self.stopping or self._job is None or self._thread is None:
            return "stopping" if self.stopping else "starting", None
        next_run: datetime = self._job.next_run_time
        is_late = next_run < datetime.now(UTC) - OVERDUE
        return ("ok" if self._thread.is_alive() and not is_late else "dead"), next_run

    def answer(self) -> tuple[int, bytes]:
        """The status and the body, as JSON; it names no error, for that may name a source's address."""
        state, next_run = self.state()
        said = {
            "state": state,
            **self._what,
            "next_run": next_run,
            "running_since": self.running_since,
            "last_run": self.last_run,
            "last_success": self.last_success,
            "last_exit_code": self.last_exit_code,
        }
        return (200 if state in ("ok", "starting") else 503), json.dumps(said, default=_instant).encode()


def _instant(value: object) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


@contextmanager
def serving(health: Health, host: str, port: int) -> Iterator[str]:
    """Answer for as long as the block runs; yields the address.

    Raises:
        ConfigurationError: when the address can't be listened on.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that says nothing holds no thread for longer

        def do_GET(self) -> None:
            status, body = health.answer() if self.path == PATH else (404, b"{}")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a probe comes every few seconds."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ConfigurationError(
            f"schedule.listen '{host}:{port}' can't be listened on ({error.strerror or error}): write another"
        ) from error
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://{server.server_address[0]!s}:{server.server_port}{PATH}"
        finally:
            server.shutdown()
            thread.join()
