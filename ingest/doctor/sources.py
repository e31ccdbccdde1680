"""The doctor's check of the sources: send each configured one the smallest request, by the nightly's own code."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from finops.ingest.config import settings as configuration
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, clock
from finops.ingest.errors import FinopsError
from finops.ingest.periods import open_periods, today
from finops.ingest.pipeline.runs import RunRequest
from finops.ingest.pipeline.windows import plan_windows
from finops.ingest.sources import mongo
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.kinds import ConfiguredSource, FocusSource, MongoSource, Probe
from finops.ingest.sources.rest import records as rest

PARALLEL_PROBES = 8
PROBE_TIMEOUT, DEADLINE = 10, 30  # seconds, at most, of one source


def examine() -> Iterator[Finding]:
    """Check every configured source, several at a time."""
    settings = configuration.load()
    limits = settings.limits.model_copy(
        update={
            "http_timeout": min(settings.limits.http_timeout, PROBE_TIMEOUT),
            "http_deadline": min(settings.limits.http_deadline, DEADLINE),
            "http_attempts": 1,
        }
    )
    with ThreadPoolExecutor(PARALLEL_PROBES) as pool:
        for findings in pool.map(partial(_source, limits=limits), settings.sources):
            yield from findings


def _source(configured: ConfiguredSource, limits: ExtractionSettings) -> list[Finding]:
    name = configured.source.name
    try:
        probe = _probe(configured, limits)
    except FinopsError as error:
        return [Finding(BAD, name, str(error))]
    except Exception as error:  # noqa: BLE001 whatever one source does, the others are looked at
        return [Finding(BAD, name, f"unforeseen {type(error).__name__}: {error}", "report it")]
    remedy = f"if it should hold something, check sources.{configured.source.service}"
    return [Finding(DOUBT if probe.is_empty else GOOD, name, probe.found, remedy), *clock(name, probe.clock_skew)]


def _probe(configured: ConfiguredSource, limits: ExtractionSettings) -> Probe:
    periods = open_periods(today())
    if isinstance(configured.source, FocusSource):
        return Export(configured, periods).probe()
    if isinstance(configured.source, MongoSource):
        return mongo.probe(configured, limits)
    window = plan_windows(configured, {}, limits, RunRequest(periods, today()))[-1]
    return rest.probe(configured, limits, window)
