"""The five stages: open the run, extract, consolidate, refresh the aggregates, close.

Stages 2 and 3 are one dbt build: the aggregates are refreshed by its last hook, in one transaction. A nightly that has
nothing to publish builds nothing, and refreshes what changes with time. Stage 1 may be
split over processes that each extract some sources, side by side; a nightly without it publishes what they left.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from finops.ingest.config.settings import Settings, rules, run_id, sources
from finops.ingest.database import connect, users
from finops.ingest.errors import FinopsError
from finops.ingest.periods import listed
from finops.ingest.pipeline import configured, publications
from finops.ingest.pipeline import dbt as transform
from finops.ingest.pipeline.extract import extract_all
from finops.ingest.pipeline.healing import heal
from finops.ingest.pipeline.purge import purge
from finops.ingest.pipeline.runs import Kind, Run, RunRequest, open_run
from finops.ingest.reference import load as reference
from finops.ingest.reports import coverage
from finops.ingest.telemetry.export import exporting_telemetry
from finops.ingest.telemetry.progress import Progress

NOTHING_IS_DUE = "nothing is due: no figure, no reference data and no code has changed since the last build"


def nightly(settings: Settings, request: RunRequest, progress: Progress, *, extracts: bool = True) -> Run:
    """Extract what is missing or recent, and publish whatever is extracted and not published yet.

    With the reference data as it was accepted last, where the company's is refused; nothing, where it never was.
    """
    with _opened("nightly", request, progress, None, run_id()) as run:
        reference.load(run, request, progress)
        if extracts:
            extract_all(run, settings, request, progress)
        if not reference.was_accepted(run.connection):
            progress.event("skipped", stage="consolidate", why="no reference data was ever accepted")
            return run
        _consolidate(run, progress, only_if_due=True)
        with run.step("purge") as step:
            step.rows = purge(run, settings.limits.keep_superseded_days)
            if step.rows:
                progress.event("purged", rows=step.rows)
    return run


def extract(settings: Settings, request: RunRequest, shard: str | None, progress: Progress) -> Run:
    """Stage 1 alone, of the requested sources, beside processes that extract others; the next nightly publishes it.

    The pods of an Indexed Job have the Job's id in common: each shard is a run of its own, the same one when retried.
    """
    given = run_id()
    own = str(uuid.uuid5(uuid.UUID(given), shard)) if given and shard else given
    with _opened("adhoc", request, progress, f"extract {', '.join(request.sources)}", own) as run:
        extract_all(run, settings, request, progress)
    return run


def reprocess(settings: Settings | None, request: RunRequest, reason: str, progress: Progress) -> Run:
    """Publish these periods again: from raw, or extracted again when `settings` are given (`--refetch`).

    Nothing, where the company's reference data is refused: the new figures would not be what it says.
    """
    with _opened("reprocess", request, progress, reason, run_id()) as run:
        if not reference.load(run, request, progress):
            return run
        if settings:
            extract_all(run, settings, request, progress)
        _consolidate(run, progress)
        if not publications.has_scopes(run) and not run.failures:
            of_sources = f" of {', '.join(request.sources)}" if request.sources else ""
            run.failures.append(
                f"nothing{of_sources} was ever landed for {listed(request.periods)}: extract it with `finops nightly "
                "--period`, or see `finops runs` for what there is"
            )
    return run


@contextmanager
def _opened(
    kind: Kind, request: RunRequest, progress: Progress, reason: str | None, own_id: str | None
) -> Iterator[Run]:
    """Open the run; if it publishes, tell dbt what it has to know of the configuration, and note the caveats."""
    configured_sources, own_rules = sources(), rules()
    with (
        connect() as connection,
        exporting_telemetry(connection, progress),
        open_run(connection, kind, request, reason, own_id) as run,
    ):
        if kind != "adhoc":
            configured.store(connection, configured_sources, own_rules)
        months = ",".join(str(period) for period in request.periods)
        progress.event("run", kind=kind, run_id=run.run_id, periods=months, as_of=request.as_of)
        yield run
        if kind != "adhoc":
            run.caveats += coverage.caveats(connection, run.run_id)


def _consolidate(run: Run, progress: Progress, *, only_if_due: bool = False) -> None:
    """Stages 2 and 3; what did not reconcile is reported scope by scope, not by the name of dbt's test."""
    failures_before = len(run.failures)
    with progress.stage("consolidate and refresh") as advance, run.step("consolidate") as step:
        try:
            if not _build(run, progress, advance, only_if_due=only_if_due):
                step.skipped = NOTHING_IS_DUE
                progress.event("skipped", stage="consolidate", why=step.skipped)
                publications.refresh(run)
        except (FinopsError, psycopg.errors.LockNotAvailable) as error:
            raise _explained(run, error) from error
        finally:
            with suppress(psycopg.OperationalError):
                step.rows = publications.released_lines(run)
    for failure in run.failures[failures_before:]:
        progress.event("failed", "error", what="consolidate", error=failure)


def _build(run: Run, progress: Progress, advance: transform.Advance, *, only_if_due: bool) -> bool:
    """Build; where that fails, publish what can be published in parts. False if there was nothing to do."""
    try:
        return transform.build(run.connection, run.run_id, advance, only_if_due=only_if_due)
    except transform.BuildError as error:
        left = heal(run, error, advance)
        if left or publications.held_back(run):
            raise left or error from error
        progress.event("healed", "warning", what="consolidate", error=str(error))
    return True


def _explained(run: Run, error: Exception) -> FinopsError:
    """Replace dbt's message about its own test, or one about a lock, by one that says what to do."""
    try:
        if reasons := publications.held_back(run):
            is_of_scopes = not isinstance(error, transform.BuildError) or error.published
            return FinopsError("; ".join(reasons if is_of_scopes else [*reasons, str(error)]))
        if "lock timeout" in str(error):
            return FinopsError(f"{error} (in use by {users(run.connection)})")
    except psycopg.OperationalError:  # PostgreSQL went away, which is what dbt says as well
        pass
    return error if isinstance(error, FinopsError) else FinopsError(str(error))
