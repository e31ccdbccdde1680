"""Commands about a company's project: write one, show its settings."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def init_command(folder: Path) -> None:
    """Write a new project into FOLDER: configuration, reference data and how to run it, all of it yours.

    It overwrites nothing, and an upgrade of the product changes nothing in it.

    Example: finops init finops-of-ours
    """
    from rich.console import Console

    from finops.ingest.project import greeting
    from finops.ingest.project.create import create

    Console().print(create(folder), markup=False)
    click.echo(greeting.after_init(folder))


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead: settings and problems.")
def config_command(*, as_json: bool) -> None:
    """Show every setting: its value, and where it was found; exit 1 if one is unknown or makes no sense.

    Secrets are stars. Sources of which nothing is set are off, and listed below.

    Example: finops config
    """
    from finops.ingest.reports import settings

    if not settings.show(as_json=as_json):
        raise click.exceptions.Exit(1)


@click.command("dbt", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def dbt_command(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run dbt with the product's project and its profile, in the company's project; exits as dbt does.

    The settings are those that the last run stored, unless --vars says otherwise. dbt's own options: finops dbt build
    --help

    Example: finops dbt build --select fact_releve --vars 'period: 2026-09'
    """
    from finops.ingest.pipeline import dbt

    context.exit(dbt.run(arguments))
