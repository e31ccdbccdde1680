"""Prometheus metrics of a run, read from PostgreSQL once it is closed, whether it failed or not.

All are gauges: the state when the run ended. Prometheus works out ages and shares, and stores floats; the exact figures
are in PostgreSQL. A source that is no longer configured is not exported, or its age would raise an alert for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile
from prometheus_client.exposition import basic_auth_handler

from finops.ingest.config import settings
from finops.ingest.database import Connection, exists

QUERIES = Path(__file__).with_suffix(".sql")
PREFIX = "finops_"
JOB = "finops"
PUSH_TIMEOUT = 10  # seconds

METRICS = {
    "run_succeeded": "1 if the last run of this kind published everything, 0 if it failed.",
    "run_last_end_timestamp_seconds": "When the last run of this kind ended, as a unix time.",
    "run_last_success_timestamp_seconds": "When a run of this kind last published everything, as a unix time.",
    "run_duration_seconds": "How long the last run of this kind took.",
    "run_records": "Records that the last run of this kind brought into relevés or rejects.",
    "step_duration_seconds": "How long a step of the last run of this kind took; no source: it is of all of them.",
    "source_succeeded": "1 if the source was read the last time it was tried, 0 if it failed, or was never tried.",
    "source_last_success_timestamp_seconds": "When the source was last read, as a unix time; 0 if it never was.",
    "source_data_until_timestamp_seconds": (
        "The end of the newest day or month of the source that counts, as a unix time; a month of a bill ends with it."
    ),
    "source_read_records": "Records that the source gave the last time it was tried.",
    "source_refused_windows": "Days or months refused as too small or empty, the last time the source was tried.",
    "source_blocked_months": "Months that do not reconcile, and keep their earlier relevés.",
    "releves": "Relevés of the month: one an application, product, unit and currency.",
    "cost": "Cost of the month's relevés, in the reporting currency.",
    "cost_unallocated": "The part of the cost that no application claims.",
    "cost_estimated": "The part of the cost that is estimated: days without a snapshot, months without a rate.",
    "cost_set_apart": "What is kept beside the month's cost and is in none, such as tax that is not a cost.",
    "measured_days": "Days of the month that the source was measured.",
    "estimated_days": "Days of the month that stand on an earlier day's snapshot of the source.",
    "missing_days": "Days that are over and that nobody measured: they are in no cost.",
    "days_to_come": "Days of the month that the source can't have said anything of yet.",
    "run_waiting_scopes": "Published sources and months that wait for a reprocess, as their reference data changed.",
    "ownership_conflicts": "Claims of the catalog that contradict an owner, or make a parent, and are not confirmed.",
    "rejected_lines": "Usage lines of the month that could not be valued, and are in no cost.",
    "rejected_unpriced_lines": "Those of them of which not even the amount is known.",
    "rejected_amount": "The known amount of rejected lines, in their own currency.",
}
MONTHS = """
    select distinct (latest - make_interval(months => back))::date as month
    from (
        select max(period) as latest
        from (select period from finops.fact_releve union all select period from finops.rejected_usage) as published
    ) as months, generate_series(0, 1) as back
    where latest is not null
"""
TRIED = "select distinct source from finops.etl_steps where step = 'extract' and status <> 'SKIPPED'"


def collect(connection: Connection) -> CollectorRegistry:
    """Read every metric of the configured sources, or of every source that was ever extracted if there is none.

    Months: the latest one with relevés or rejects and the one before it; none before dbt's first build.
    """
    is_built = exists(connection, "finops.ownership_conflicts")  # the latest of the views that are asked here
    months = [row["month"] for row in connection.execute(MONTHS)] if is_built else []
    known = [on.source.name for on in settings.sources()] or [str(row["source"]) for row in connection.execute(TRIED)]
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for query in QUERIES.read_text(encoding="utf-8").rstrip(";\n").split(";\n"):
        if months or "%(periods)s" not in query:
            for row in connection.execute(query.encode(), {"sources": known, "periods": months}):
                _set(registry, gauges, row)
    return registry


def _set(registry: CollectorRegistry, gauges: dict[str, Gauge], row: Mapping[str, object]) -> None:
    labels = {name: str(value) for name, value in row.items() if name not in METRICS}
    for name in (name for name in row if name in METRICS and row[name] is not None):
        if name not in gauges:
            gauges[name] = Gauge(PREFIX + name, METRICS[name], sorted(labels), registry=registry)
        gauges[name].labels(**labels).set(float(str(row[name])))


def export(connection: Connection) -> None:
    """Replace the metrics file and the metrics on the Pushgateway, whichever is configured.

    Raises:
        OSError: when the file can't be written, or the Pushgateway does not answer or refuses.
    """
    exports = settings.exports()
    if not exports.textfile and not exports.pushgateway:
        return
    registry = collect(connection)
    if exports.textfile:
        write_to_textfile(str(exports.textfile), registry)
    if exports.pushgateway:
        _push(registry, exports.pushgateway.get_secret_value())


def _push(registry: CollectorRegistry, address: str) -> None:
    parts = urlsplit(address)
    user = None if parts.username is None else unquote(parts.username)
    handler = partial(basic_auth_handler, username=user, password=unquote(parts.password or ""))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    push_to_gateway(bare, JOB, registry, timeout=PUSH_TIMEOUT, handler=handler)
