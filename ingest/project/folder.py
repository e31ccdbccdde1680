"""Find the company's project: the named folder, else the nearest one with a `finops.toml`, from here upwards."""

from __future__ import annotations

import os
from pathlib import Path

from finops.ingest.config.reading import RULES_FILE
from finops.ingest.errors import ConfigurationError


def find(named: str | None, start: Path) -> Path | None:
    """Return the project's folder; None if none is named and no folder from `start` upwards is one.

    Raises:
        ConfigurationError: when the folder that is named is not a project.
    """
    if named is None:
        return next((folder for folder in (start, *start.parents) if is_project(folder)), None)
    folder = (start / Path(named).expanduser()).resolve()
    if not is_project(folder):
        raise ConfigurationError(
            f"--project {named} is not a project, it holds no {RULES_FILE}: write one with `finops init {folder}`"
        )
    return folder


def is_project(folder: Path) -> bool:
    """Return whether the folder is a project; one that can't be looked into is not."""
    return os.access(folder / RULES_FILE, os.F_OK)
