"""Export metrics and traces after a run. Export errors are logged and never fail the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from finops.ingest.config import settings
from finops.ingest.config.redaction import redact
from finops.ingest.database import Connection
from finops.ingest.telemetry import metrics, traces
from finops.ingest.telemetry.progress import Progress

# Runs that ended meanwhile: the one at work, and dead ones that it found and closed.
ENDED = "select run_id::text from finops.etl_runs where end_time >= %s order by start_time"


@contextmanager
def exporting_telemetry(connection: Connection, progress: Progress) -> Iterator[None]:
    """Tell of the run that opens and closes within the block, whether it succeeds, fails or is interrupted."""
    row = connection.execute("select clock_timestamp() as now").fetchone()
    try:
        yield
    finally:
        _try(progress, "metrics", lambda: _metrics(connection))
        _try(progress, "traces", lambda: _traces(connection, row["now"] if row else None))


def _metrics(connection: Connection) -> None:
    exports = settings.exports()
    if exports.textfile or exports.pushgateway:
        metrics.export(metrics.collect(connection, settings.source_names()), exports)


def _traces(connection: Connection, since: object) -> None:
    if traces.endpoint() is None:
        return
    for run in connection.execute(ENDED, (since,)).fetchall():
        traces.export(connection, str(run["run_id"]), settings.known_secrets())


def _try(progress: Progress, what: str, tell: Callable[[], None]) -> None:
    try:
        tell()
    except Exception as error:  # noqa: BLE001 whatever it is, the run is over, and ended as it did
        said = redact(f"{type(error).__name__}: {error}", settings.known_secrets())
        progress.event("not_told", what=what, error=said)
