"""`python -m finops.demo`: run the whole pipeline on the made-up company and print the results."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import FrameType

import click
import psycopg
from rich.console import Console

from finops.demo import anchor, bills, cmdb, postgres, report, settings
from finops.demo import folder as project
from finops.demo.services import server as services
from finops.demo.story import MONTHS, Story

ROOT = Path(__file__).resolve().parents[1]
BILLS, CMDB, PROJECT = "bills", "cmdb", "project"  # in .finops
# What works in the demo's database, and what its API signs with: nothing there is worth keeping from anybody.
LOGIN, CLAIMS_KEY = "finops", "what the demo signs its callers' claims with"
PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(invoke_without_command=True)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Last day shown; today at the first run.")
@click.option("--months", type=click.IntRange(min=2), help=f"Months shown; {MONTHS} at the first run.")
@click.pass_context
def main(context: click.Context, as_of: datetime | None, months: int | None) -> None:
    """Collect a year of a made-up company's consumption and print what it cost.

    The year is thirteen whole months and the current one, so that a month has one a year before.

    The data stays in .finops, in FINOPS_HOME or the project's folder, so that a second run gives the same totals.
    Delete .finops to start again.

    Example: python -m finops.demo --as-of 2026-11-22
    """
    signal.signal(signal.SIGTERM, _exit_on_terminate)
    _forget_variables("PG", "SOURCES__", "REFERENCE__", "FINOPS__")
    if context.invoked_subcommand is None:
        context.exit(_demonstrate(as_of.date() if as_of else None, months))


@main.command(context_settings=PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the demo's database.

    Example: python -m finops.demo psql -- -c 'select * from finops.etl_runs'
    """
    if not (_folder() / "postgres").exists():
        raise click.ClickException("there is no database yet: run `make demo` first.")
    sys.exit(_run([str(postgres.psql_path()), *arguments]))


@main.command(context_settings=PASSED_ON)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
def run(command: tuple[str, ...]) -> None:
    """Run a command in the demo's project, on its database and sources.

    Example: python -m finops.demo run -- finops doctor
    """
    folder = _folder()
    if not (folder / CMDB).exists():
        raise click.ClickException("there is nothing to run it on yet: run `make demo` first.")
    with _company(folder, _story(folder)):
        sys.exit(_run(command))


def _folder() -> Path:
    return Path(os.environ.get("FINOPS_HOME", ROOT)).resolve() / ".finops"


def _exit_on_terminate(_signal: int, _frame: FrameType | None) -> None:
    """Raise SystemExit, so that context managers stop the servers."""
    raise SystemExit(128 + signal.SIGTERM)


def _forget_variables(*prefixes: str) -> None:
    """Remove variables with these prefixes: the demo must not use the developer's own database or sources."""
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]


def _demonstrate(as_of: date | None, months: int | None) -> int:
    """Run the pipeline and report; returns the pipeline's exit code."""
    folder = _folder()
    story = _story(folder, as_of, months)
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(f"A made-up company from {story.first} to {story.as_of}, kept in {folder}", soft_wrap=True)
    bills.write(folder / BILLS, story)
    cmdb.fill(folder / CMDB, story)
    with _database(folder), _company(folder, story):
        earlier = _latest_run()
        code = _nightly(story)
        _report(earlier, console)
    return code


def _story(folder: Path, as_of: date | None = None, months: int | None = None) -> Story:
    try:
        return anchor.settle(folder, as_of, months)
    except anchor.AnchorError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _database(folder: Path) -> Iterator[postgres.Embedded]:
    """Start the embedded server and set libpq's variables to it."""
    try:
        with postgres.server(folder / "postgres") as embedded:
            os.environ.update(embedded.environment())
            _give_roles()
            yield embedded
    except postgres.EmbeddedPostgresError as error:
        raise click.ClickException(str(error)) from error


def _give_roles() -> None:
    """Set the database up as an administrator does, once a version; go on with an ordinary login."""
    from finops.ingest.access import KEY_VARIABLE  # noqa: PLC0415 - psql and run need little of it
    from finops.ingest.database import LOADER, connect, is_prepared, may_act_as  # noqa: PLC0415
    from finops.ingest.roles import init_db  # noqa: PLC0415

    os.environ[KEY_VARIABLE] = CLAIMS_KEY
    with connect(role=None) as connection:
        if may_act_as(connection, LOADER) is None or not is_prepared(connection):
            if not connection.execute("select rolname from pg_roles where rolname = %s", [LOGIN]).fetchone():
                connection.execute(f"create role {LOGIN} login")
            init_db(connection, [LOGIN], [LOGIN])
    os.environ["PGUSER"] = LOGIN


@contextmanager
def _company(folder: Path, story: Story) -> Iterator[None]:
    """Start the company's systems and set the pipeline's variables to them and to the company's project."""
    project.renew(folder / PROJECT, story)
    os.environ["FINOPS_PROJECT"] = str(folder / PROJECT)
    with cmdb.serve(folder / CMDB, story) as mongo_uri, services.serve(story) as services_url:
        os.environ.update(settings.pipeline(mongo_uri, services_url, folder / BILLS))
        yield


def _nightly(story: Story) -> int:
    """Run the pipeline as `finops nightly` does; returns its exit code."""
    from finops.ingest.cli import cli  # noqa: PLC0415 - it takes a second to import; psql and run do not need it

    arguments = ["nightly", "--period", story.period_range(), "--as-of", story.as_of.isoformat()]
    try:
        code = cli.main(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as error:
        code = error.code
    return code if isinstance(code, int) else int(code is not None)


def _latest_run() -> str | None:
    with psycopg.connect() as connection:
        return report.latest_run(connection)


def _report(earlier: str | None, console: Console) -> None:
    """Print the run that just ended; print nothing if the pipeline refused to start."""
    run_id = _latest_run()
    if run_id is None or run_id == earlier:
        return
    with psycopg.connect() as connection:
        report.show(connection, run_id, console)


def _run(command: Sequence[str]) -> int:
    """Run a command while the server runs; PATH starts with this environment's programs, then the server's."""
    with _database(_folder()):
        first = [str(Path(sys.executable).parent), str(postgres.binaries())]
        os.environ["PATH"] = os.pathsep.join([*first, os.environ.get("PATH", os.defpath)])
        if shutil.which(command[0]) is None:
            raise click.ClickException(f"{command[0]} is not a command.")
        # The command handles Ctrl-C itself (psql cancels a query): the terminal sends it the signal, too.
        signal.signal(signal.SIGINT, lambda _signal, _frame: None)
        with subprocess.Popen(command) as child:  # noqa: S603 - the operator's own command
            try:
                return child.wait()
            except SystemExit:
                child.terminate()
                raise


if __name__ == "__main__":
    main(prog_name="python -m finops.demo")
