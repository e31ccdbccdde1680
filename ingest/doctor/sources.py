"""The doctor's check of the sources: send each configured one the smallest request, by the nightly's own code.

What they answer adds up to what the next nightly will read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from finops.ingest.config import settings as configuration
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.settings import Settings
from finops.ingest.database import connect, exists
from finops.ingest.doctor import bills
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, clock, counted
from finops.ingest.doctor.reference import Rates, read_rates
from finops.ingest.errors import FinopsError, describe
from finops.ingest.periods import listed, open_periods, today
from finops.ingest.pipeline.ledger import Accepted, accepted
from finops.ingest.pipeline.runs import RunRequest
from finops.ingest.pipeline.windows import plan_windows
from finops.ingest.sources import mongo
from finops.ingest.sources.kinds import ConfiguredSource, FocusSource, MongoSource, Probe, RowSource, Source, Window
from finops.ingest.sources.rest import records as rest
from finops.ingest.sources.rows import files, fixed, sql
from finops.ingest.sources.rows.declared import FileDeclaration, FixedDeclaration, SqlDeclaration

PARALLEL_PROBES = 8
PROBE_TIMEOUT, DEADLINE = 10, 30  # seconds, at most, of one source
# About what two cores do, from a source to the aggregates, and how long dbt takes: docs/performance.md.
RECORDS_A_SECOND, BUILD_SECONDS = 5_000, 20
MINUTE, HOUR = 60, 3600

Known = Mapping[date, Accepted]


@dataclass(frozen=True)
class Reading:
    """What the next nightly reads of a source: days or bills; records, where they can be told; and for how long."""

    days: int = 0
    bills: int = 0
    records: int | None = None
    seconds: float = 0


def examine() -> Iterator[Finding]:
    """Check every configured source, several at a time, and estimate the next nightly."""
    if not configuration.sources():
        remedy = "configure one in .dlt/config.toml or by variables such as SOURCES__CMDB__URI (docs/sources.md)"
        yield Finding(BAD, "sources", "none is configured", remedy)
        return
    settings = configuration.load()
    limits = settings.limits.model_copy(
        update={
            "http_timeout": min(settings.limits.http_timeout, PROBE_TIMEOUT),
            "http_deadline": min(settings.limits.http_deadline, DEADLINE),
            "http_attempts": 1,
        }
    )
    readings = []
    ask = partial(_source, limits=limits, known=_known(settings), rates=read_rates())
    with ThreadPoolExecutor(PARALLEL_PROBES) as pool:
        for findings, reading in pool.map(ask, settings.sources):
            yield from findings
            readings.append(reading)
    yield _estimate(readings)


def _known(settings: Settings) -> Mapping[str, Known]:
    """What counts already of each source; nothing where the database can't be asked, which has a line of its own."""
    try:
        with connect() as connection:
            if exists(connection, "finops.etl_accepted"):
                return {on.source.name: accepted(connection, on.source) for on in settings.sources}
    except FinopsError:
        pass
    return {}


def _source(
    configured: ConfiguredSource, limits: ExtractionSettings, known: Mapping[str, Known], rates: Rates | None
) -> tuple[list[Finding], Reading]:
    name = configured.source.name
    try:
        return _ask(configured, limits, known.get(name, {}), rates)
    except FinopsError as error:
        return [Finding(BAD, name, str(error))], Reading()
    except Exception as error:  # noqa: BLE001 whatever one source does, the others are looked at
        return [Finding(BAD, name, f"unforeseen {type(error).__name__}: {describe(error)}", "report it")], Reading()


def _ask(
    configured: ConfiguredSource, limits: ExtractionSettings, known: Known, rates: Rates | None
) -> tuple[list[Finding], Reading]:
    source, request = configured.source, RunRequest(open_periods(today()), today())
    if isinstance(source, FocusSource):
        findings, lines = bills.examine(configured, request.periods, known, rates)
        return findings, Reading(bills=len(request.periods), records=lines, seconds=lines / RECORDS_A_SECOND)
    windows = plan_windows(configured, known, limits, request)
    began = time.monotonic()
    if isinstance(source, MongoSource):
        probe = mongo.probe(configured, limits, windows)
        seconds = (probe.records or 0) / RECORDS_A_SECOND
    else:
        probe = _probe(configured, limits, plan_windows(configured, {}, limits, request)[-1])
        is_read_whole = isinstance(source, RowSource) and source.is_read_whole
        seconds = (time.monotonic() - began) * (1 if is_read_whole else len(windows))
    reading = Reading(days=len(windows), records=probe.records, seconds=seconds)
    return [_answer(source, probe), *clock(source.name, probe.clock_skew)], reading


def _probe(configured: ConfiguredSource, limits: ExtractionSettings, window: Window) -> Probe:
    match configured.options:
        case FileDeclaration():
            return files.probe(configured)
        case SqlDeclaration():
            return sql.probe(configured, window)
        case FixedDeclaration():
            return fixed.probe(configured, window)
    return rest.probe(configured, limits, window)


def _answer(source: Source, probe: Probe) -> Finding:
    if probe.records == 0:  # the guard at landing refuses it
        remedy = f"check sources.{source.service}.snapshot_field and filter; `nightly --period` names other months"
        return Finding(BAD, source.name, probe.found, remedy)
    remedy = f"if it should hold something, check sources.{source.service}"
    return Finding(DOUBT if probe.is_empty else GOOD, source.name, probe.found, remedy)


def _estimate(readings: Collection[Reading]) -> Finding:
    """Say what the next nightly will read, and how long that may take: of services, as long as one day took."""
    asked = {
        "source": len(readings),
        "day": sum(reading.days for reading in readings),
        "bill": sum(reading.bills for reading in readings),
    }
    counts = [reading.records for reading in readings if reading.records is not None]
    least = "at least " * (len(counts) < len(readings))
    found = ", ".join(counted(number, what) for what, number in asked.items() if number)
    records = f", {least}{counted(sum(counts), 'record')}" * bool(counts)
    took = _duration(BUILD_SECONDS + sum(reading.seconds for reading in readings))
    return Finding(GOOD, "next nightly", f"of {listed(open_periods(today()))}: {found}{records}; roughly {took}")


def _duration(seconds: float) -> str:
    number, unit = (seconds / HOUR, "hour") if seconds >= HOUR else (seconds / MINUTE, "minute")
    return counted(max(1, round(number)), unit)
