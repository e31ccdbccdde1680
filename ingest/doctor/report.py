"""`finops doctor`: run every check and print its findings, each problem with a remedy.

The checks use the nightly's own code, with one attempt and timeouts of seconds. All output is redacted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import click

from finops.ingest.config import settings as configuration
from finops.ingest.config.reading import unreadable
from finops.ingest.config.redaction import redact
from finops.ingest.doctor import database, machine, sources
from finops.ingest.doctor.finding import BAD, DOUBT, Finding
from finops.ingest.errors import FinopsError

# In this order. A FinopsError ends a check with one more finding, which carries the check's name.
CHECKS: dict[str, Callable[[], Iterable[Finding]]] = {
    "packages": machine.packages,
    "disk": machine.disk,
    "configuration files": machine.files,
    "schedule": machine.schedule,
    "metrics": machine.metrics,
    "traces": machine.traces,
    "reference data": machine.reference_data,
    "dbt project": machine.project,
    "PostgreSQL": database.examine,
    "sources": sources.examine,
}
NEED_NO_SETTINGS = {"packages", "disk", "configuration files", "PostgreSQL"}


def examine() -> bool:
    """Print each finding as it comes; return whether there is no problem."""
    secrets = configuration.known_secrets()
    counts: Counter[str] = Counter()
    for finding in findings():
        counts[finding.sign] += 1
        click.echo(redact(str(finding), secrets))
    click.echo(f"{_counted(counts[BAD], 'problem')}, {_counted(counts[DOUBT], 'warning')}")
    return not counts[BAD]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def findings() -> Iterator[Finding]:
    """Run every check that the configuration allows; an error in one does not stop the others."""
    is_readable = not unreadable()
    for name, check in CHECKS.items():
        if is_readable or name in NEED_NO_SETTINGS:
            try:
                yield from check()
            except FinopsError as error:
                yield Finding(BAD, name, str(error))  # its last words are the remedy
