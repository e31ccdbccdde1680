"""Export metrics and traces after a run. Export errors are logged and never fail the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from finops.ingest.database import Connection
from finops.ingest.errors import describe
from finops.ingest.telemetry import metrics, traces
from finops.ingest.telemetry.progress import Progress


@contextmanager
def exporting_telemetry(connection: Connection, progress: Progress) -> Iterator[None]:
    """Export the run that opens and closes within the block, whether it succeeds, fails or is interrupted."""
    since = connection.execute("select clock_timestamp() as since").fetchone() or {}
    try:
        yield
    finally:
        exports = {"metrics": partial(metrics.export, connection), "traces": partial(traces.export, connection, since)}
        for what, export in exports.items():
            try:
                export()
            except Exception as error:  # noqa: BLE001 whatever it is, the run is over, and ended as it did
                progress.event("not_exported", "warning", what=what, error=f"{type(error).__name__}: {describe(error)}")
