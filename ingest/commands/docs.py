"""`finops docs`: the documentation site."""

from __future__ import annotations

from pathlib import Path

import click

from finops.ingest.commands.options import CallersPath


@click.group("docs")
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
    type=CallersPath(dir_okay=False),
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
