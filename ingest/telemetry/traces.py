"""One OpenTelemetry trace a run, a span a step: read from PostgreSQL once the run is closed.

So a run that was killed has its trace too (the run that finds it exports it), and one that several processes worked at
has one. A run's id is its trace's, and a step's number makes its span's: exported twice, it is still one trace. All
windows of a source are read together, so they are figures of one span. OpenTelemetry's own variables say where to:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Its packages are the extra `otel`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from psycopg.rows import kwargs_row

from finops.ingest.config.transport import unencrypted
from finops.ingest.database import Connection
from finops.ingest.errors import ConfigurationError, FinopsError, install_extra

HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
INSECURE = "OTEL_EXPORTER_OTLP_INSECURE"  # OpenTelemetry's own, which its exporter over HTTP does not ask
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# Of the runs that ended since then. The run itself has the number 0; an instant is nanoseconds since 1970.
SPANS = """
    with runs as (select * from finops.etl_runs where end_time >= %(since)s)
    select run_id::text, number, name, status, coalesce(error, '') as error, attributes,
        (extract(epoch from start_time) * 1000000)::bigint * 1000 as start_time,
        (extract(epoch from end_time) * 1000000)::bigint * 1000 as end_time
    from (
        select run_id, 0 as number, concat('finops ', kind) as name, start_time, end_time, status, error,
            jsonb_build_object('kind', kind, 'records', volume_processed, 'started_by', started_by, 'status', status,
                'periods', (select string_agg(to_char(period, 'YYYY-MM'), ',' order by period)
                            from unnest(periods) as period)) as attributes
        from runs
        union all
        select steps.run_id, step_id, concat_ws(' ', step, steps.source), start_time, end_time,
            steps.status, steps.error,
            jsonb_build_object('step', step, 'source', steps.source, 'rows', row_count, 'status', steps.status,
                'windows', count(window_date), 'window_start', min(window_date), 'window_end', max(window_end))
        from finops.etl_steps as steps
        left join finops.etl_extractions as extractions
            on step = 'extract' and extractions.run_id = steps.run_id and extractions.source = steps.source
        where steps.run_id in (select run_id from runs)
            and steps.status in ('SUCCESS', 'FAILED') and end_time is not null
        group by step_id
    ) as spans
    order by run_id, number
"""


def endpoint() -> str | None:
    """Return the address that traces are sent to; None when none is configured."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return next((address for name in ENDPOINTS if (address := os.environ.get(name))), None)


def export(connection: Connection, since: Mapping[str, object]) -> None:
    """Send the traces of the runs that ended `since`: the one at work, and dead ones that it found and closed.

    Raises:
        ConfigurationError: when the extra is not installed; when headers would travel in the clear.
        FinopsError: when the receiver does not answer or refuses.
    """
    if not (address := endpoint()):
        return
    said = next((name for name in HEADERS if os.environ.get(name)), None)
    if said and (plain := unencrypted(address)) and os.environ.get(INSECURE, "").lower() != "true":
        raise ConfigurationError(
            f"{plain} is not encrypted, and would be sent {said}: write https:// into {ENDPOINTS[1]}, or set "
            f"{INSECURE}=true where nobody can listen in between"
        )
    try:
        from opentelemetry import trace  # noqa: PLC0415 the extra
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{' or '.join(ENDPOINTS)} is set, and OpenTelemetry is not installed: {install_extra('otel')}"
        ) from error
    release = version("finops-module")
    resource = Resource({"service.name": "finops", "service.version": release}).merge(OTELResourceDetector().detect())

    def context(run_id: str, number: int) -> trace.SpanContext:
        span_id = int.from_bytes(sha256(f"{run_id}/{number}".encode()).digest()[:8])
        sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        return trace.SpanContext(uuid.UUID(run_id).int, span_id, is_remote=False, trace_flags=sampled)

    def span(
        run_id: str,
        number: int,
        status: str,
        error: str,
        attributes: dict[str, str | int | None],
        **named: Any,  # noqa: ANN401 the rest as OpenTelemetry names it
    ) -> ReadableSpan:
        known = {f"finops.{name}": value for name, value in attributes.items() if value is not None}
        failed = trace.Status(trace.StatusCode.ERROR, error)
        return ReadableSpan(
            context=context(run_id, number),
            parent=context(run_id, 0) if number else None,
            resource=resource,
            instrumentation_scope=InstrumentationScope("finops", release),
            attributes={"finops.run_id": run_id, **known},
            status=failed if status == "FAILED" else trace.Status(trace.StatusCode.OK),
            **named,
        )

    with connection.cursor(row_factory=kwargs_row(span)) as cursor:
        spans = cursor.execute(SPANS, since).fetchall()
    if spans and OTLPSpanExporter().export(spans) is not SpanExportResult.SUCCESS:
        raise FinopsError(f"the receiver of traces at {endpoint()} does not answer or refuses: check {ENDPOINTS[1]}")
