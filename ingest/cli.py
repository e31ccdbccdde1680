"""`finops`: one verb, one function call. Results on stdout, errors on stderr; exit 0 done, 1 failed, 2 misused.

The commands are in `ingest/commands/`, a module a topic. Each imports what it runs, so that `--help` and a misspelt
option answer at once.
"""

from __future__ import annotations

import logging
import signal
from typing import NoReturn

import click

from finops.ingest.commands import docs, nightly, reports
from finops.ingest.commands.errors import Commands
from finops.ingest.errors import Terminated


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


for command in (
    nightly.nightly_command,
    nightly.extract_command,
    nightly.reprocess_command,
    nightly.serve_schedule_command,
    reports.runs_command,
    reports.coverage_command,
    reports.doctor_command,
    reports.metrics_command,
    docs.docs_group,
):
    cli.add_command(command)


def main() -> None:
    """The `finops` command."""
    cli.main(prog_name="finops")


if __name__ == "__main__":
    main()
