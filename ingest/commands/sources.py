"""`finops sources`: what the sources hold."""

from __future__ import annotations

import click

from finops.ingest.commands.options import ROWS


@click.group("sources")
def sources_group() -> None:
    """Look at a source before anything of it is used.

    Example: finops sources sample cmdb.vm
    """


@sources_group.command("sample")
@click.argument("source")
@click.option("--limit", default=10, show_default=True, type=ROWS, help="How many documents to show.")
def sample_command(source: str, limit: int) -> None:
    """Show documents as they are, secrets masked; of the CMDB, what each field becomes, and what cannot be read.

    The nightly's own SQL reads them, in the configured database, and nothing of it stays there. Of several collections,
    as many of each.

    Example: finops sources sample cmdb.vm --limit 3
    """
    from finops.ingest.config import settings as configuration
    from finops.ingest.pipeline import dbt
    from finops.ingest.reports import sample

    sample.show(configuration.load(), configuration.rules(), dbt.PROJECT, source, limit)
