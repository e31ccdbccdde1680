"""What `finops` alone prints: the version, what is there of a project and its database, and the next three steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from finops.ingest.config import settings
from finops.ingest.config.reading import RULES_FILE
from finops.ingest.database import connect, exists
from finops.ingest.errors import FinopsError

LAST_RUN = """
    select format('last run %s UTC, %s', to_char(start_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), status) as said
    from finops.etl_runs order by start_time desc limit 1
"""
_INIT = "finops init FOLDER   write a project: configuration, reference data, and how to run it"
_FILL = "its README.md        how to name the database, write your prices and configure one source"
_DOCTOR = "finops doctor        check every connection, right and source, with remedies"
_NIGHTLY = "finops nightly       collect, reconcile and publish"
_COVERAGE = "finops coverage      see how far to trust a month, and what to fix first"


def greet() -> str:
    """Return the greeting for the current folder, which is the project's if there is one."""
    here = Path.cwd()
    is_project = RULES_FILE.exists()
    sources, is_configured = _sources()
    database = _database()
    if not is_project and not is_configured:
        steps = (_INIT, _FILL, _DOCTOR)
    elif not is_configured or not os.environ.get("PGHOST"):
        steps = (_FILL, _DOCTOR, _NIGHTLY)
    else:
        steps = (_DOCTOR, _NIGHTLY, _COVERAGE)
    return "\n".join(
        (
            f"finops {version('finops-module')}: what each application costs, from every source, to the last cent",
            f"project    {here if is_project else f'none: {here} and the folders above it hold no {RULES_FILE}'}",
            f"sources    {sources}",
            f"database   {database}",
            "",
            "Next steps:",
            *_numbered(steps),
            "All commands: finops --help",
        )
    )


def after_init(folder: Path) -> str:
    """Return the next three steps in a project that was just written."""
    return "\n".join((f"Next, in {folder.resolve()}:", *_numbered((_FILL, _DOCTOR, _NIGHTLY))))


def _numbered(steps: Sequence[str]) -> Iterator[str]:
    return (f"  {number}. {step}" for number, step in enumerate(steps, start=1))


def _sources() -> tuple[str, bool]:
    """What is configured, and whether anything is."""
    try:
        names = [on.source.name for on in settings.sources()]
    except FinopsError as error:
        return f"the configuration is refused, `finops config` shows why: {error}", True
    return (f"{len(names)}: {', '.join(names)}", True) if names else ("none is configured", False)


def _database() -> str:
    """How the database answers."""
    if not os.environ.get("PGHOST"):
        return "not configured: PGHOST is not set"
    try:
        with connect() as connection:
            where = f"{connection.info.dbname} on {connection.info.host}"
            if not exists(connection, "finops.etl_runs"):
                return f"{where}, not set up yet: the first nightly does it"
            run = connection.execute(LAST_RUN).fetchone()
    except FinopsError as error:
        return str(error)
    return f"{where}, {run['said'] if run else 'no run yet'}"
