"""Commands that say how things stand: runs, coverage, records, doctor, metrics."""

from __future__ import annotations

import click

from finops.ingest.commands.options import MONTHS, ROWS, to_periods
from finops.ingest.periods import Period


@click.command("runs")
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


@click.command("coverage")
@click.option("--period", callback=to_periods, metavar=MONTHS, help="Instead of the latest month published.")
@click.option("--limit", default=10, show_default=True, type=ROWS, help="How many offenders to list.")
def coverage_command(period: list[Period] | None, limit: int) -> None:
    """Say how much cost is allocated, unallocated, estimated and rejected, and what to mend first.

    Example: finops coverage --period 2026-09..2026-11
    """
    from finops.ingest.reports import coverage

    coverage.show(period, limit)


@click.command("records")
@click.option("--period", callback=to_periods, metavar=MONTHS, required=True, help="The months of the figure.")
@click.option("--application", metavar="ID", help="Only this application.")
@click.option("--group", metavar="ID", help="Only applications that this group, or one below it, owned in the month.")
@click.option("--product", metavar="ID", help="Only this product.")
@click.option("--source", metavar="NAME", help="Only this source.")
@click.option("--limit", default=20, show_default=True, type=ROWS, help="How many lines of each month and source.")
def records_command(period: list[Period], limit: int, **wanted: str | None) -> None:
    """Show the source records behind a figure: each usage line with its price and rate, and its record as it landed.

    Example: finops records --period 2026-11 --application SHOP-WEB --product vm.vcpu
    """
    from finops.ingest.reports import records

    records.show(period, records.Wanted(**wanted), limit)


@click.command("doctor")
def doctor_command() -> None:
    """Check every connection, right, version, clock, disk and source, and say what to do; exit 1 if anything fails.

    It writes nothing, but for what dbt keeps of the project that it has read.

    Example: finops doctor
    """
    from finops.ingest.doctor import report as doctor

    if not doctor.examine():
        raise click.exceptions.Exit(1)


@click.command("metrics")
def metrics_command() -> None:
    """Print what the runs export, as OpenMetrics: how things stand now.

    Example: finops metrics > /var/lib/node_exporter/finops.prom
    """
    from prometheus_client.openmetrics.exposition import generate_latest

    from finops.ingest.database import connect_ready
    from finops.ingest.telemetry.metrics import collect

    with connect_ready() as connection:
        click.echo(generate_latest(collect(connection)).decode(), nl=False)
