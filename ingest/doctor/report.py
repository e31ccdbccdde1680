"""`finops doctor`: what a nightly stands on, looked at piece by piece, and what to do where a piece is not well.

It uses the same code as the nightly, with little patience: one attempt, a few seconds. Everything it says goes
through `redact`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

import click

from finops.ingest.config import settings as configuration
from finops.ingest.config.redaction import redact
from finops.ingest.doctor import database as doctor_database
from finops.ingest.doctor import machine as doctor_machine
from finops.ingest.doctor import sources as doctor_sources
from finops.ingest.doctor.finding import BAD, DOUBT, Finding


def examine() -> bool:
    """Print a line for each finding as it comes; whether nothing is bad."""
    secrets = configuration.known_secrets()
    count = {BAD: 0, DOUBT: 0}
    for finding in _findings():
        count[finding.sign] = count.get(finding.sign, 0) + 1
        click.echo(redact(str(finding), secrets))
    click.echo(f"{_counted(count[BAD], 'problem')}, {_counted(count[DOUBT], 'warning')}")
    return not count[BAD]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _findings() -> Iterator[Finding]:
    has_database = bool(os.environ.get("PGUSER"))  # dbt's profile can't be read without
    yield from chain(
        doctor_machine.examine(reads_project=has_database), doctor_database.examine(), doctor_sources.examine()
    )
