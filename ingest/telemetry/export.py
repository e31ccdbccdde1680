"""Export metrics and traces after a run. Export errors are logged and never fail the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from finops.ingest.config import settings
from finops.ingest.database import Connection
from finops.ingest.telemetry import metrics, traces
from finops.ingest.telemetry.progress import Progress

# Runs that ended meanwhile: the one at work, and dead ones that it found and closed.
ENDED = "select run_id::text from finops.etl_runs where end_time >= %s order by start_time"


@contextmanager
def exporting_telemetry(connection: Connection, progress: Progress) -> Iterator[None]:
    """Export the run that opens and closes within the block, whether it succeeds, fails or is interrupted."""
    since = connection.execute("select clock_timestamp() as since").fetchone()
    try:
        yield
    finally:
        for what, export in {"metrics": _metrics, "traces": _traces}.items():
            try:
                export(connection, since)
            except Exception as error:  # noqa: BLE001 whatever it is, the run is over, and ended as it did
                progress.event("not_exported", "warning", what=what, error=f"{type(error).__name__}: {error}")


def _metrics(connection: Connection, _: object) -> None:
    exports = settings.exports()
    if exports.textfile or exports.pushgateway:
        metrics.export(metrics.collect(connection, [on.source.name for on in settings.sources()]), exports)


def _traces(connection: Connection, since: dict[str, object] | None) -> None:
    if since and traces.endpoint():
        for run in connection.execute(ENDED, (since["since"],)).fetchall():
            traces.export(connection, str(run["run_id"]), settings.known_secrets())
