"""The command that erases what has landed."""

from __future__ import annotations

import sys
from typing import Literal

import click

from finops.ingest.errors import ConfigurationError


@click.command("erase")
@click.option("--field", metavar="NAME", help="A field by its name, as in [ingest.mask]; of a subject: only there.")
@click.option("--subject", metavar="TEXT", help="A person, by a name or a mail address; - reads it from stdin.")
@click.option("--source", metavar="NAME", help="Only what landed of this source.")
@click.option("--hash", "is_hashed", is_flag=True, help="Leave a pseudonym, with ingest.mask_key, instead of ***.")
@click.option("--dry-run", is_flag=True, help="Count what would be erased, and leave it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_command(  # noqa: PLR0913 an option each
    *, field: str | None, subject: str | None, source: str | None, is_hashed: bool, dry_run: bool, yes: bool
) -> None:
    """Erase a field, or what is about a person, from all that has landed, for good; totals stay as they are.

    It rewrites raw records, and the texts of rejects, invoices, runs and the catalog's history, a table at a time, and
    enters in finops.etl_erasures who erased how many rows. It waits for no run: while one writes, it exits 1.
    Backups, and the sources themselves, are yours to clear. With the roles of `finops init-db`, run it as an
    administrator.

    Example: finops erase --subject jane.doe@example.com
    """
    from finops.ingest.config import settings
    from finops.ingest.database import OWNER, connect, may_act_as
    from finops.ingest.errors import FinopsError
    from finops.ingest.pipeline.erase import erase
    from finops.ingest.pipeline.runs import publishing_lock
    from finops.ingest.sources.erased import Erasure

    if field is None and subject is None:
        raise ConfigurationError("nothing is named: say --field NAME or --subject TEXT")
    limits = settings.extraction()
    key = limits.mask_key.get_secret_value() if limits.mask_key else ""
    has_rule = field is not None and (field in limits.mask or field in limits.mask_fields)
    action: Literal["drop", "hash"] = "hash" if is_hashed or (field and limits.mask.get(field) == "hash") else "drop"
    who = sys.stdin.readline().strip() if subject == "-" else subject
    erasure = Erasure(field, who, source, action, key)
    erasure.check(settings.sources(), settings.rules())
    if not (yes or dry_run):
        click.confirm("What is erased can't be brought back but from a backup. Erase it?", abort=True)
    with connect(role=None) as connection:
        if may_act_as(connection, OWNER) is False:
            raise FinopsError(f"only who may act as {OWNER} erases: run this as an administrator of the database")
        if may_act_as(connection, OWNER):
            connection.execute(f"set role {OWNER}")
        with publishing_lock(connection):
            rows, months = erase(connection, erasure, click.echo, dry_run=dry_run)
    click.echo(f"{rows:,} values {'would be erased' if dry_run else 'erased'}")
    if months:
        span = f"{months[0]}..{months[-1]}"
        click.echo(f"Next: finops reprocess --period {span} --reason erasure, which brings costs under the pseudonym")
    if field and not has_rule:
        click.echo(f"ingest.mask has no rule for {field}: without one, it lands again with what is read next")
    if subject:
        click.echo("What a source still says of the person lands again when it is read: have it erased there, too")
