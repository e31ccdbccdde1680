"""The system's Chromium, which the tests of web pages drive."""

from __future__ import annotations

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """Where it is, if it is in PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def path(*others: str) -> str:
    """Where it is; ends the tests where it, or another program that they need, is not in PATH."""
    browser = found()
    missing = [name for name in others if not shutil.which(name)] + ([] if browser else ["chromium"])
    if browser is None or missing:
        pytest.exit(
            f"these tests need {', '.join(missing)}, not found in PATH (on Debian: apt-get install chromium"
            " fonts-dejavu-core nodejs npm; Node.js is to be 20 or later)",
            returncode=1,
        )
    return browser
