"""The five stages: open the run, extract, consolidate, refresh the aggregates, close.

Stages 2 and 3 are one dbt build: the aggregates are refreshed by its last hook, in one transaction. Stage 1 may be
split over processes that each extract some sources, side by side; a nightly without it publishes what they left.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from finops.ingest.config.settings import Settings, dbt_project, declared, run_id, tax_choices
from finops.ingest.database import connect, users
from finops.ingest.errors import FinopsError
from finops.ingest.pipeline import dbt as transform
from finops.ingest.pipeline import ledger
from finops.ingest.pipeline.extract import ExtractRequest, extract_all
from finops.ingest.pipeline.runs import Kind, Run, RunRequest, open_run
from finops.ingest.reports import coverage
from finops.ingest.sources.catalog import SOURCES
from finops.ingest.sources.declared import store_lines
from finops.ingest.telemetry.export import exporting_telemetry
from finops.ingest.telemetry.progress import Progress


@dataclass(frozen=True)
class Result:
    """How a run ended; an empty `failures` means that everything was published, whatever the `caveats`."""

    run_id: str
    failures: Sequence[str]
    caveats: Sequence[str] = ()


def nightly(settings: Settings, request: ExtractRequest, progress: Progress, *, extracts: bool = True) -> Result:
    """Extract what is missing or recent, and publish whatever is extracted and not published yet."""
    project, services, taxes = dbt_project(), declared(), tax_choices()
    run_request = RunRequest(
        "nightly", request.periods, request.as_of, run_id=run_id(), accepts_changes=request.accept_shrink
    )
    with connect() as connection, exporting_telemetry(connection, progress), open_run(connection, run_request) as run:
        store_lines(connection, services)
        ledger.store_taxes(connection, taxes)
        _begin(progress, run, "nightly", request)
        if extracts:
            extract_all(run, settings, request, progress)
        _consolidate(run, project, progress)
        _purge(run, settings, progress)
        caveats = coverage.caveats(connection, run.run_id)
    return Result(run.run_id, run.failures, caveats)


def extract(settings: Settings, request: ExtractRequest, shard: str | None, progress: Progress) -> Result:
    """Stage 1 alone, of the ordered sources, beside processes that extract others; the next nightly publishes it.

    The pods of an Indexed Job have the Job's id in common: each shard is a run of its own, the same one when retried.
    """
    given = run_id()
    own = str(uuid.uuid5(uuid.UUID(given), shard)) if given and shard else given
    reason = f"extract {', '.join(request.sources)}"
    run_request = RunRequest("adhoc", request.periods, request.as_of, reason, own, request.sources, publishes=False)
    with connect() as connection, exporting_telemetry(connection, progress), open_run(connection, run_request) as run:
        _begin(progress, run, "adhoc", request)
        extract_all(run, settings, request, progress)
    return Result(run.run_id, run.failures)


def reprocess(settings: Settings | None, request: ExtractRequest, reason: str, progress: Progress) -> Result:
    """Publish these periods again: from raw, or extracted again when `settings` are given (`--refetch`)."""
    project, services, taxes = dbt_project(), declared(), tax_choices()
    run_request = RunRequest(
        "reprocess", request.periods, request.as_of, reason, run_id(), sources=request.sources, accepts_changes=True
    )
    with connect() as connection, exporting_telemetry(connection, progress), open_run(connection, run_request) as run:
        store_lines(connection, services)
        ledger.store_taxes(connection, taxes)
        _begin(progress, run, "reprocess", request)
        if settings:
            extract_all(run, settings, request, progress)
        _consolidate(run, project, progress)
        if not ledger.planned(run) and not run.failures:
            months = f"{request.periods[0]} to {request.periods[-1]}"
            of_sources = f" of {', '.join(request.sources)}" if request.sources else ""
            run.failures.append(
                f"nothing{of_sources} was ever landed for {months}: extract it with `finops nightly --period`, or see "
                "`finops runs` for what there is"
            )
        caveats = coverage.caveats(connection, run.run_id)
    return Result(run.run_id, run.failures, caveats)


def _begin(progress: Progress, run: Run, kind: Kind, request: ExtractRequest) -> None:
    months = ",".join(str(period) for period in request.periods)
    progress.event("run", kind=kind, run_id=run.run_id, periods=months, as_of=request.as_of)


def _consolidate(run: Run, project: Path, progress: Progress) -> None:
    """Stages 2 and 3; what did not reconcile is told scope by scope, rather than by the name of dbt's test."""
    failures_before = len(run.failures)
    with progress.stage("consolidate and refresh") as advance, run.step("consolidate") as step:
        try:
            transform.build(run.connection, project, run.run_id, advance)
        except FinopsError as error:
            raise _explained(run, error) from error
        finally:
            with suppress(psycopg.OperationalError):
                step.rows = ledger.released_lines(run)
    for failure in run.failures[failures_before:]:
        progress.failed("consolidate", failure)


def _explained(run: Run, error: FinopsError) -> FinopsError:
    """What dbt says of a test of its own, or of a lock, in the words of whoever has to mend it."""
    try:
        if reasons := ledger.held_back(run):
            return FinopsError("; ".join(reasons))
        if "lock timeout" in str(error):
            return FinopsError(f"{error} (in use by {users(run.connection)})")
    except psycopg.OperationalError:  # PostgreSQL went away, which is what dbt says as well
        pass
    return error


def _purge(run: Run, settings: Settings, progress: Progress) -> None:
    tables = {source.name: f"raw_{source.domain}.{source.table}" for source in SOURCES}
    with run.step("purge") as step:
        keep_days = settings.limits.keep_superseded_days
        step.rows = ledger.purge(run, tables, keep_days) + ledger.purge_reference(run, tables, keep_days)
        if step.rows:
            progress.event("purged", rows=step.rows)
