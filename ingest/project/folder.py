"""Find the company's project: the named folder, else the nearest one with a `finops.toml`, from here upwards."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv

from finops.ingest.config.reading import RULES_FILE
from finops.ingest.errors import ConfigurationError


def find(named: str | None, start: Path) -> Path | None:
    """Return the project's folder; None if none is named and no folder from `start` upwards is one.

    Raises:
        ConfigurationError: when the folder that is named is not a project, or the one that was found above is somebody
            else's: whoever may write to a folder above could name the services that get this user's tokens.
    """
    if named is None:
        found = next((folder for folder in (start, *start.parents) if is_project(folder)), None)
        if found and found != start and (found / RULES_FILE).stat().st_uid not in (0, os.getuid()):
            raise ConfigurationError(
                f"{found / RULES_FILE} belongs to another user: if it is meant, name it with `finops --project {found}`"
            )
        return found
    folder = (start / Path(named).expanduser()).resolve()
    if not is_project(folder):
        raise ConfigurationError(
            f"--project {named} is not a project, it holds no {RULES_FILE}: write one with `finops init {folder}`"
        )
    return folder


def load_variables() -> None:
    """Set the variables of the project's `.env`, where there is one, as compose does: what is set already stays."""
    load_dotenv(".env", interpolate=False)


def is_project(folder: Path) -> bool:
    """Return whether the folder is a project; one that can't be looked into is not."""
    return os.access(folder / RULES_FILE, os.F_OK)
