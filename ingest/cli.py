"""`finops`: one verb, one function call. Results on stdout, errors on stderr; exit 0 done, 1 failed, 2 misused.

Each command imports what it runs, so that `--help` and a misspelt option answer at once.
"""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from finops.ingest.errors import AlreadySucceededError, ConfigurationError, FinopsError, Terminated, one_line
from finops.ingest.periods import Period, open_periods, parse_range, today

if TYPE_CHECKING:
    from finops.ingest.config.settings import Settings
    from finops.ingest.pipeline.runs import Run, RunRequest
    from finops.ingest.telemetry.progress import Progress


class Commands(click.Group):
    """Prints an error as one line and exits with its code; with --debug, raises it."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 whatever the command returns
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except AlreadySucceededError as done:
            click.echo(str(done))
        except Terminated as ended:
            click.echo(f"Error: {ended}", err=True)
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            if not isinstance(error, FinopsError):
                text = f"{type(error).__name__}: {one_line(str(error))}"
                error = FinopsError(f"{text} (where: run again with `finops --debug …`)")
            click.echo(f"Error: {_redacted(str(error))}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="finops-module")
def cli(debug: bool) -> None:  # noqa: FBT001 one flag of the group
    """Consumption of every source as relevés: one application, one product, one period.

    Example: finops nightly --period 2026-09
    """
    signal.signal(signal.SIGTERM, _terminate)
    logging.getLogger("dlt").disabled = not debug  # its own lines are not in our format


def _terminate(*_: object) -> NoReturn:
    """Raise, so that the run is closed as FAILED; ignore further signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _periods(_: click.Context, __: click.Parameter, text: str | None) -> list[Period] | None:
    try:
        return None if text is None else parse_range(text)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from error


def _day(_: click.Context, __: click.Parameter, value: datetime | None) -> date:
    day = value.date() if value else today()
    if day > today():
        raise click.BadParameter(f"{day} is in the future: the latest day is {today()} (UTC)")
    return day


def _shard(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not parts or int(parts[1]) >= int(parts[2]):
        raise click.BadParameter(f"'{text}' is not K/N with K from 0 to N - 1, such as 0/3")
    return int(parts[1]), int(parts[2])


MONTHS = "YYYY-MM[..YYYY-MM]"
ROWS = click.IntRange(1, 1000)
PERIOD = click.option("--period", callback=_periods, metavar=MONTHS, help="Instead of the open months.")
AS_OF = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day,
    help="The day (UTC) that the run is for; today by default.",
)
SOURCE = click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; repeatable.")
ACCEPT_SHRINK = click.option(
    "--accept-shrink",
    is_flag=True,
    help="Take windows that came back empty or much smaller, and months that change by much.",
)


def _request(period: list[Period] | None, as_of: date, *, sources: tuple[str, ...], accept_shrink: bool) -> RunRequest:
    """Return what the four options above ask for."""
    from finops.ingest.pipeline.runs import RunRequest

    months = period or open_periods(as_of)
    return RunRequest(months, as_of, is_named=bool(period), sources=sources, accept_shrink=accept_shrink)


@cli.command("nightly")
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

    request = _request(**asked)
    if no_extract and request.sources:
        raise click.UsageError("--no-extract extracts nothing: leave --source out")
    settings = _settings_for(request.sources)
    _run(lambda progress: stages.nightly(settings, request, progress, extracts=not no_extract))


@cli.command("extract")
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

    request = _request(**asked)
    if shard and request.sources:
        raise click.UsageError("--shard chooses among all sources, --source names them: drop one of the two")
    settings = _settings_for(request.sources)
    first, step = shard or (0, 1)
    chosen = request.sources or tuple(configured.source.name for configured in settings.sources)[first::step]
    if not chosen:
        click.echo(f"SUCCESS: shard {first}/{step} has no source, there are {len(settings.sources)}")
        return
    request = replace(request, sources=chosen)
    _run(lambda progress: stages.extract(settings, request, f"{first}/{step}" if shard else None, progress))


@cli.command("reprocess")
@click.option("--period", callback=_periods, required=True, metavar=MONTHS, help="What to publish again.")
@AS_OF
@SOURCE
@ACCEPT_SHRINK
@click.option("--reason", required=True, help="Why; it is kept with the run.")
@click.option("--refetch", is_flag=True, help="Extract again what the sources can give again, rather than use raw.")
def reprocess_command(*, reason: str, refetch: bool, **asked: Any) -> None:  # noqa: ANN401 of click
    """Work out periods again, with today's prices, rates and rules; other periods are not touched.

    Example: finops reprocess --period 2026-09 --reason "price of nvme was missing"
    """
    from finops.ingest.pipeline import nightly as stages

    request = replace(_request(**asked), refetch=refetch)
    settings = _settings_for(request.sources) if refetch else None
    _run(lambda progress: stages.reprocess(settings, request, reason, progress))


@cli.command("serve-schedule")
def serve_schedule_command() -> None:
    """Stay, and run the nightly when its time comes: instead of a CronJob.

    Its settings begin with `schedule.`: docs/configuration.md. Health: http://127.0.0.1:8090/healthz

    Example: finops serve-schedule  (with SCHEDULE__CRON='30 2 * * *' and SCHEDULE__TIMEZONE=Europe/Paris)
    """
    from finops.ingest.config import settings as configuration
    from finops.ingest.scheduler.nights import NightlyScheduler
    from finops.ingest.telemetry.progress import Progress

    configuration.load()  # report its mistakes now, not at night
    NightlyScheduler(configuration.schedule(), Progress(configuration.known_secrets())).serve()


@cli.command("runs")
@click.argument("run_id", required=False)
@click.option("--limit", default=10, show_default=True, type=ROWS, help="How many runs to list.")
def runs_command(run_id: str | None, limit: int) -> None:
    """List the last runs, or show one whole: its steps, extractions and reconciliations.

    Example: finops runs 4f0c  (the beginning of an id is enough)
    """
    from finops.ingest.reports import runs as run_reports

    if run_id:
        run_reports.show(run_id)
    else:
        run_reports.list_runs(limit)


@cli.command("coverage")
@click.option("--period", callback=_periods, metavar=MONTHS, help="Instead of the latest month published.")
@click.option("--limit", default=10, show_default=True, type=ROWS, help="How many offenders to list.")
def coverage_command(period: list[Period] | None, limit: int) -> None:
    """Say how much cost is allocated, unallocated, estimated and rejected, and what to mend first.

    Example: finops coverage --period 2026-09..2026-11
    """
    from finops.ingest.reports import coverage

    coverage.show(period, limit)


@cli.command("doctor")
def doctor_command() -> None:
    """Check every connection, right, version, clock, disk and source, and say what to do; exit 1 if anything fails.

    It writes nothing, but for what dbt keeps of the project that it has read.

    Example: finops doctor
    """
    from finops.ingest.doctor import report as doctor

    if not doctor.examine():
        raise click.exceptions.Exit(1)


@cli.command("metrics")
def metrics_command() -> None:
    """Print what the runs export, as OpenMetrics: how things stand now.

    Example: finops metrics > /var/lib/node_exporter/finops.prom
    """
    from prometheus_client.openmetrics.exposition import generate_latest

    from finops.ingest.database import connect_ready
    from finops.ingest.telemetry.metrics import collect

    with connect_ready() as connection:
        click.echo(generate_latest(collect(connection)).decode(), nl=False)


@cli.group("docs")
def docs_group() -> None:
    """The documentation of every table and column, with its lineage, for analysts: dbt's own site.

    On the configured database; without one, as far as the project itself says.

    Example: finops docs serve --port 8080
    """


@docs_group.command("build")
@click.option(
    "--output",
    default="finops-docs.html",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
)
def docs_build_command(output: Path) -> None:
    """Write the site as one HTML file, which needs no server and loads nothing.

    Example: finops docs build --output /tmp/finops-docs.html
    """
    from finops.ingest.reports import docs_site

    docs_site.build(output)
    click.echo(f"Written: {output}")


@docs_group.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0: a free one."
)
def docs_serve_command(host: str, port: int) -> None:
    """Build the site in a temporary folder and serve it until it is stopped.

    Example: finops docs serve --host 0.0.0.0 --port 8080
    """
    from finops.ingest.reports import docs_site

    docs_site.serve(host, port)


def _settings_for(names: Sequence[str]) -> Settings:
    """Read the configuration; refuse names of sources that are not configured."""
    from finops.ingest.config.settings import load

    settings = load()
    known = [configured.source.name for configured in settings.sources]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--source {name} is not configured; these are: {', '.join(known)}")
    return settings


def _run(stage: Callable[[Progress], Run]) -> None:
    """Run the stages and print the outcome; exit 1 unless everything was published."""
    from finops.ingest.config.settings import known_secrets
    from finops.ingest.telemetry.progress import Progress

    with Progress(known_secrets()) as progress:
        run = stage(progress)
    for caveat in run.caveats:
        click.echo(caveat)
    if not run.failures:
        click.echo(f"SUCCESS: run {run.run_id}. See it with: finops runs {run.run_id[:8]}")
        return
    for failure in run.failures:
        click.echo(f"Error: {_redacted(failure)}", err=True)
    click.echo(f"FAILED: run {run.run_id}. What it did: finops runs {run.run_id[:8]}", err=True)
    raise click.exceptions.Exit(1)


def _redacted(message: str) -> str:
    from finops.ingest.config.redaction import redact
    from finops.ingest.config.settings import known_secrets

    return redact(message, known_secrets())


def main() -> None:
    """The `finops` command."""
    cli.main(prog_name="finops")


if __name__ == "__main__":
    main()
