"""Metrics for Prometheus: requests, the pool, and how fresh the data is. No cost, and no caller's name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import State

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
FRESH = 1  # seconds
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
POOL = {
    "pool_size": "Connections to PostgreSQL that the pool holds.",
    "pool_available": "Those of them that are free.",
    "requests_waiting": "Requests that wait for a connection.",
}


class Metrics:
    """One registry for an application."""

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        self._text, self._written_at = b"", -float("inf")
        self.registry.register(_PoolCollector(state))
        self.seconds = Histogram(
            "finops_api_request_seconds",
            "Time to the end of an answer, by the route's template.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.running = Gauge("finops_api_requests_running", "Requests being answered.", registry=self.registry)
        self._as_of = Gauge(
            "finops_api_data_as_of_seconds", "End of the last successful run, as a unix time.", registry=self.registry
        )

    def record_freshness(self, as_of: datetime | None) -> None:
        """Record how fresh the data is that was just read."""
        if as_of is not None:
            self._as_of.set(as_of.timestamp())

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; an unknown method or path makes no time series of its own."""
        known = method if method in METHODS else "other"
        self.seconds.labels(known, route or "none", str(status)).observe(seconds)

    def text(self) -> bytes:
        """The exposition, in Prometheus' own format; of a moment ago, where somebody asked then."""
        if time.monotonic() - self._written_at > FRESH:
            self._text, self._written_at = generate_latest(self.registry), time.monotonic()
        return self._text


class _PoolCollector(Collector):
    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        stats = self._state.pool.get_stats() if hasattr(self._state, "pool") else {}
        for name, meaning in POOL.items():
            yield GaugeMetricFamily(f"finops_api_{name}", meaning, value=stats.get(name, 0))
