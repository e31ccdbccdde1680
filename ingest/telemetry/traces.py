"""One OpenTelemetry trace a run, a span a step: read from PostgreSQL once the run is closed.

So a run that was killed has its trace too (the run that finds it exports it), and one that several processes worked at
has one. A run's id is its trace's, and a step's number makes its span's: exported twice, it is still one trace. All
windows of a source are read together, so they are figures of one span. OpenTelemetry's own variables say where to:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Its packages are the extra `otel`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from finops.ingest.config.redaction import redact
from finops.ingest.database import Connection
from finops.ingest.errors import ConfigurationError, FinopsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EPOCH = datetime.fromtimestamp(0, UTC)

RUN = """
    select kind, start_time, end_time, status, error, volume_processed as records, started_by,
        (select string_agg(to_char(period, 'YYYY-MM'), ',' order by period) from unnest(periods) as period) as periods
    from finops.etl_runs where run_id = %s
"""
STEPS = """
    select steps.step_id, steps.step, steps.source, steps.start_time, steps.end_time, steps.status, steps.error,
        steps.row_count as rows, windows.*
    from finops.etl_steps as steps
    left join lateral (
        select count(*) as windows, min(window_date)::text as window_start, max(window_end)::text as window_end
        from finops.etl_extractions as extractions
        where steps.step = 'extract' and extractions.run_id = steps.run_id and extractions.source = steps.source
    ) as windows on true
    where steps.run_id = %s and steps.status in ('SUCCESS', 'FAILED') and steps.end_time is not null
    order by steps.step_id
"""
# What becomes an attribute `finops.…` of a span, where it says something.
ATTRIBUTES = (
    *("kind", "periods", "records", "started_by", "status"),
    *("step", "source", "rows", "windows", "window_start", "window_end"),
)

Row = Mapping[str, object]


def endpoint() -> str | None:
    """Where traces go; None when no endpoint is configured."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return next((address for name in ENDPOINTS if (address := os.environ.get(name))), None)


def export(connection: Connection, run_id: str, secrets: Sequence[str]) -> None:
    """Send the trace of a run that is closed.

    Raises:
        ConfigurationError: when the extra is not installed.
        FinopsError: when the receiver does not answer or refuses.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 the extra
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 the extra
    except ImportError as error:
        raise ConfigurationError(
            f"{' or '.join(ENDPOINTS)} is set, and OpenTelemetry is not installed: pip install 'finops-module[otel]'"
        ) from error
    exporter = OTLPSpanExporter()
    if exporter.export(list(_spans(connection, run_id, secrets))) is not SpanExportResult.SUCCESS:
        raise FinopsError(f"the receiver of traces at {endpoint()} does not answer or refuses: check {ENDPOINTS[1]}")


def _spans(connection: Connection, run_id: str, secrets: Sequence[str]) -> Iterator[ReadableSpan]:
    from opentelemetry import trace  # noqa: PLC0415 the extra
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 the extra
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 the extra
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 the extra

    release = version("finops-module")
    own = Resource({"service.name": "finops", "service.version": release})
    resource, scope = own.merge(OTELResourceDetector().detect()), InstrumentationScope("finops", release)
    sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)

    def context(number: object) -> trace.SpanContext:
        span_id = int.from_bytes(sha256(f"{run_id}/{number}".encode()).digest()[:8])
        return trace.SpanContext(uuid.UUID(run_id).int, span_id, is_remote=False, trace_flags=sampled)

    def span(name: str, row: Row, number: object, parent: trace.SpanContext | None) -> ReadableSpan:
        failed = row["status"] == "FAILED"
        return ReadableSpan(
            name=name,
            context=context(number),
            parent=parent,
            resource=resource,
            instrumentation_scope=scope,
            attributes={"finops.run_id": run_id, **_attributes(row)},
            status=trace.Status(trace.StatusCode.ERROR, redact(str(row["error"]), secrets))
            if failed
            else trace.Status(trace.StatusCode.OK),
            start_time=_nanoseconds(row["start_time"]),
            end_time=_nanoseconds(row["end_time"]),
        )

    run = cast("Row", connection.execute(RUN, (run_id,)).fetchone())
    root = span(f"finops {run['kind']}", run, "run", None)
    yield root
    for step in connection.execute(STEPS, (run_id,)):
        yield span(
            " ".join(filter(None, (str(step["step"]), cast("str | None", step["source"])))),
            step,
            step["step_id"],
            root.context,
        )


def _attributes(row: Row) -> dict[str, AttributeValue]:
    return {f"finops.{name}": cast("AttributeValue", row[name]) for name in ATTRIBUTES if row.get(name) is not None}


def _nanoseconds(instant: object) -> int:
    """Nanoseconds since 1970, by whole numbers: a float of them would lose a part."""
    return (cast("datetime", instant) - EPOCH) // timedelta(microseconds=1) * 1000
