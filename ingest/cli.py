"""`finops`: one verb, one function call. Results on stdout, errors on stderr; exit 0 done, 1 failed, 2 misused.

The commands are in `ingest/commands/`, a module a topic. Each imports what it runs, so that `--help` and a misspelt
option answer at once.
"""

from __future__ import annotations

import logging
import signal
from contextlib import chdir
from pathlib import Path
from typing import NoReturn

import click

from finops.ingest.commands import access, database, docs, erase, nightly, reference, reports, sources
from finops.ingest.commands import project as project_commands
from finops.ingest.commands.errors import Commands
from finops.ingest.errors import Terminated
from finops.ingest.telemetry.lines import LibraryLog


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project",
    metavar="FOLDER",
    envvar="FINOPS_PROJECT",
    show_envvar=True,
    help="The company's project; otherwise the nearest folder with a finops.toml, from here upwards.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="finops-module")
@click.pass_context
def cli(context: click.Context, *, project: str | None, debug: bool) -> None:
    """Consumption of every source as relevés: one application, one product, one period.

    Example: finops nightly --period 2026-09
    """
    signal.signal(signal.SIGTERM, _terminate)
    logging.getLogger("dlt").disabled = not debug  # says again what our errors say
    context.obj = Path.cwd()  # for paths that the caller types: options.CallersPath
    if context.invoked_subcommand != "init":  # it writes the folder that is to be found
        from finops.ingest.project.folder import find, load_variables

        if folder := find(project, context.obj):
            context.with_resource(chdir(folder))
            load_variables()
    if context.invoked_subcommand is None:
        from finops.ingest.project.greeting import greet

        click.echo(greet())


def _terminate(*_: object) -> NoReturn:
    """Raise, so that the run is closed as FAILED; ignore further signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


for command in (
    nightly.nightly_command,
    nightly.extract_command,
    nightly.reprocess_command,
    nightly.serve_schedule_command,
    reports.runs_command,
    reports.coverage_command,
    reports.records_command,
    reports.doctor_command,
    reports.metrics_command,
    access.access_group,
    reference.reference_group,
    sources.sources_group,
    docs.docs_group,
    erase.erase_command,
    project_commands.init_command,
    database.init_db_command,
    project_commands.config_command,
    project_commands.dbt_command,
):
    cli.add_command(command)


def main() -> None:
    """The `finops` command; what libraries log and warn of is written as our own lines are."""
    logging.basicConfig(handlers=[LibraryLog()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    cli.main(prog_name="finops")


if __name__ == "__main__":
    main()
