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
