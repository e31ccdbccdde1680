"""Commands that run stages of the nightly: all of them, extraction alone, a month again, on a schedule."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from finops.ingest.commands.options import ACCEPT_SHRINK, AS_OF, MONTHS, PERIOD, SOURCE, requested, to_periods
from finops.ingest.config.redaction import escaped
from finops.ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from finops.ingest.config.settings import Settings
    from finops.ingest.pipeline.runs import Run, RunRequest
    from finops.ingest.telemetry.progress import Progress


def _shard(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not parts or int(parts[1]) >= int(parts[2]):
        raise click.BadParameter(f"'{text}' is not K/N with K from 0 to N - 1, such as 0/3")
    return int(parts[1]), int(parts[2])


def _reason(_: click.Context, __: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter(f"'{text}' says nothing: write why, such as 'the price of nvme was missing'")
    return text.strip()


@click.command("nightly")
@PERIOD
@AS_OF
@SOURCE
@ACCEPT_SHRINK
@click.option("--no-extract", is_flag=True, help="Publish what `finops extract` left, and extract nothing.")
def nightly_command(*, no_extract: bool, **asked: Any) -> None:  # noqa: ANN401 of click
    """Collect, consolidate, publish: what the CronJob runs.

    Without --period: the current month, and the previous one for the first 5 days.

    Example: finops nightly --period 2026-09..2026-11 --source gitlab.storage
    """
    from finops.ingest.pipeline import nightly as stages

    request = requested(**asked)
    if no_extract and request.sources:
        raise click.UsageError("--no-extract extracts nothing: leave --source out")
    settings = _settings_for(request)
    _run(lambda progress: stages.nightly(settings, request, progress, extracts=not no_extract))


@click.command("extract")
@PERIOD
@AS_OF
@SOURCE
@ACCEPT_SHRINK
@click.option("--shard", callback=_shard, metavar="K/N", help="Only every Nth source, from the Kth on; the first is 0.")
def extract_command(*, shard: tuple[int, int] | None, **asked: Any) -> None:  # noqa: ANN401 of click
    """Collect only, beside processes that collect other sources: what the pods of an Indexed Job run.

    `finops nightly --no-extract` publishes what they left, once all have ended.

    Example: finops extract --shard 0/3
    """
    from finops.ingest.pipeline import nightly as stages

    request = requested(**asked)
    if shard and request.sources:
        raise click.UsageError("--shard chooses among all sources, --source names them: drop one of the two")
    settings = _settings_for(request)
    first, step = shard or (0, 1)
    chosen = request.sources or tuple(configured.source.name for configured in settings.sources)[first::step]
    if not chosen:
        click.echo(f"SUCCESS: shard {first}/{step} has no source, there are {len(settings.sources)}")
        return
    request = replace(request, sources=chosen)
    _run(lambda progress: stages.extract(settings, request, f"{first}/{step}" if shard else None, progress))


@click.command("reprocess")
@click.option("--period", callback=to_periods, required=True, metavar=MONTHS, help="What to publish again.")
@AS_OF
@SOURCE
@ACCEPT_SHRINK
@click.option("--reason", callback=_reason, required=True, help="Why; it is kept with the run.")
@click.option("--refetch", is_flag=True, help="Extract again what the sources can give again, rather than use raw.")
def reprocess_command(*, reason: str, refetch: bool, **asked: Any) -> None:  # noqa: ANN401 of click
    """Work out periods again, with today's prices, rates and rules; other periods are not touched.

    Example: finops reprocess --period 2026-09 --reason "price of nvme was missing"
    """
    from finops.ingest.pipeline import nightly as stages

    request = replace(requested(**asked), refetch=refetch)
    settings = _settings_for(request) if refetch else None
    _run(lambda progress: stages.reprocess(settings, request, reason, progress))


@click.command("serve-schedule")
def serve_schedule_command() -> None:
    """Stay, and run the nightly when its time comes: instead of a CronJob.

    Its settings begin with `schedule.`: docs/configuration.md. Health: http://127.0.0.1:8090/healthz

    Example: finops serve-schedule  (with SCHEDULE__CRON='30 2 * * *' and SCHEDULE__TIMEZONE=Europe/Paris)
    """
    from finops.ingest.config import settings as configuration
    from finops.ingest.scheduler.nights import NightlyScheduler
    from finops.ingest.telemetry.progress import Progress

    configuration.load()  # report its mistakes now, not at night
    NightlyScheduler(configuration.schedule(), Progress()).serve()


def _settings_for(request: RunRequest) -> Settings:
    """Read the configuration for a run that extracts; refuse sources that are not configured, and months to come."""
    from finops.ingest.config.checking import nearest
    from finops.ingest.config.settings import load

    if (last := request.periods[-1]).first > request.as_of:
        raise click.BadParameter(f"{last} begins after --as-of {request.as_of}", param_hint="'--period'")
    settings = load()
    known = [configured.source.name for configured in settings.sources]
    for name in request.sources:
        if name not in known:
            near = nearest(name, known)
            remedy = f"did you mean {near}?" if near else f"these are: {', '.join(known)}"
            raise ConfigurationError(f"--source '{name}' is not configured: {remedy}")
    return settings


def _run(stage: Callable[[Progress], Run]) -> None:
    """Run the stages and print the outcome; exit 1 unless everything was published."""
    from finops.ingest.telemetry.progress import Progress

    with Progress() as progress:
        run = stage(progress)
    for caveat in run.caveats:
        click.echo(escaped(caveat))
    if not run.failures:
        click.echo(f"SUCCESS: run {run.run_id}. See it with: finops runs {run.run_id[:8]}")
        return
    for failure in run.failures:
        click.echo(f"Error: {failure}", err=True)
    click.echo(f"FAILED: run {run.run_id}. What it did: finops runs {run.run_id[:8]}", err=True)
    raise click.exceptions.Exit(1)
