"""`finops doctor`: run every check and print its findings, each problem with a remedy, and what to do next.

The checks use the nightly's own code, with one attempt and timeouts of seconds. All output is redacted.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import click

from finops.ingest.config import settings as configuration
from finops.ingest.config.reading import unreadable
from finops.ingest.config.redaction import safe
from finops.ingest.doctor import database, machine, reference, sources
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, counted
from finops.ingest.errors import FinopsError

COLORS = {GOOD: "green", DOUBT: "yellow", BAD: "red"}
# In this order. A FinopsError ends a check with one more finding, which carries the check's name.
CHECKS: Mapping[str, Mapping[str, Callable[[], Iterable[Finding]]]] = {
    "This machine": {"packages": machine.packages, "disk": machine.disk},
    "Configuration": {
        "configuration files": machine.files,
        "settings": machine.settings,
        "schedule": machine.schedule,
        "metrics": machine.metrics,
        "traces": machine.traces,
    },
    "Reference data": {"reference data": reference.examine},
    "Database": {"PostgreSQL": database.examine, "dbt project": machine.project},
    "Sources": {"sources": sources.examine},
}
NEED_NO_SETTINGS = {"packages", "disk", "configuration files", "PostgreSQL"}


def examine() -> bool:
    """Print each finding as it comes; return whether there is no problem."""
    configuration.known_secrets()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    found: list[Finding] = []
    group = ""
    for of_group, finding in findings():
        if of_group != group:
            click.secho(f"{chr(10) * bool(group)}{of_group}", bold=True)
            group = of_group
        found.append(finding)
        for line in finding.lines(width):
            text = safe(line)
            click.echo(click.style(text[0], fg=COLORS[text[0]]) + text[1:] if text[0] in COLORS else text)
    click.echo(f"\n{_conclusion(found)}")
    return all(finding.sign != BAD for finding in found)


def _conclusion(found: Iterable[Finding]) -> str:
    """Count the problems and warnings, and name the next step."""
    wrong = {sign: [finding for finding in found if finding.sign == sign] for sign in (BAD, DOUBT)}
    summary = f"{counted(len(wrong[BAD]), 'problem')}, {counted(len(wrong[DOUBT]), 'warning')}."
    if wrong[BAD]:
        return f"{summary} Next: solve {wrong[BAD][0].what} (✗), the first of them; then run `finops doctor` again."
    return f"{summary} Next: `finops nightly`{'; a warning says what it would leave out' * bool(wrong[DOUBT])}."


def findings() -> Iterator[tuple[str, Finding]]:
    """Run every check that the configuration allows; an error in one does not stop the others, and is said once."""
    is_readable = not unreadable()
    problems: list[str] = []
    for group, checks in CHECKS.items():
        for name, check in checks.items():
            if is_readable or name in NEED_NO_SETTINGS:
                for finding in _findings(name, check, problems):
                    if finding.sign == BAD:
                        problems.append(finding.found)
                    yield group, finding


def _findings(name: str, check: Callable[[], Iterable[Finding]], problems: Collection[str]) -> Iterator[Finding]:
    try:
        yield from check()
    except FinopsError as error:
        if any(problem in str(error) for problem in problems):
            yield Finding(DOUBT, name, "not checked, for what is wrong above", "solve that first")
        else:
            yield Finding(BAD, name, str(error))  # its last words are the remedy
