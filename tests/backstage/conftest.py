"""Backstage's real page, built once, in front of an API on a database that the real nightly filled."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.service import api, write_tokens
from tests.backstage.browser import Page, render
from tests.backstage.server import Backstage, serving
from tests.chromium import path
from tests.conftest import ROOT
from tests.demonstration import made, running
from tests.e2e.finops import Database

HERE = Path(__file__).parent / "page"
CONFIG = ROOT / "docs" / "backstage" / "app-config.yaml"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; without it or npm, the tests end with what to install."""
    return path("node", "npm")


@pytest.fixture(scope="session")
def installed(chromium: str) -> Path:
    """The npm packages of the lock file, by their hashes; installed again where it changed."""
    assert chromium
    done, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        _npm("ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund")
    return HERE


@pytest.fixture(scope="session")
def built(installed: Path) -> Path:
    """The page's files."""
    _npm("run", "--silent", "build")
    return installed / "dist"


@pytest.fixture(scope="session")
def demonstration() -> Iterator[Database]:
    """The demo's database under libpq's variables; the connection is for looking."""
    with made(months=7) as folder, running(folder) as connection:
        yield connection


@contextmanager
def backstage(files: Path, folder: Path, claims_key: str) -> Iterator[Backstage]:
    """Backstage with the configuration of docs/backstage, in front of an API that asks for the token there.

    The key is the database's: that of the demo, or of the tests.
    """
    tokens = folder / "tokens.toml"
    token = write_tokens(tokens, backstage="*")["backstage"]
    environment = {"FINOPS_API_TOKENS_FILE": str(tokens), "FINOPS_API_CLAIMS_KEY": claims_key}
    with (
        api(token=token, environment=environment) as service,
        serving(files, CONFIG, {"FINOPS_API_URL": service.url, "FINOPS_API_TOKEN": token}) as page,
    ):
        yield page


def shown(chromium: str, page: Backstage, query: str) -> Page:
    """The page of a group; where SCREENSHOTS names a folder, a picture of it is left there."""
    folder = os.environ.get("SCREENSHOTS")
    picture = Path(folder) / f"cost-insights-{re.sub('[^A-Za-z]+', '-', query)}.png" if folder else None
    return render(chromium, f"{page.url}/?{quote(query, safe='=&#')}", picture)


def _npm(*arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=HERE, check=False)  # noqa: S607 - whichever npm is in PATH
    assert done.returncode == 0, f"npm {' '.join(arguments)} failed: see above"
