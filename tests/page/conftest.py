"""What the tests of the page stand on: the demo, the API in front of it, a browser, and three callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import localcontext
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from finops.demo.__main__ import CLAIMS_KEY, LOGIN
from tests.api.service import api, write_tokens
from tests.demonstration import made, running, that_night
from tests.e2e.finops import Database
from tests.page.ledger import Ledger, prepare
from tests.page.visit import chromium, visit

MONTHS = 14
# By name, the groups that they may see: all; one with groups below it; one of those.
CALLERS: dict[str, Any] = {"everything": "*", "digital": ["digital"], "storefront": ["storefront"]}


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """What a test adds up is as exact as PostgreSQL: Python alone keeps 28 digits."""
    with localcontext() as context:
        context.prec = 200
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; without it, the tests end with what to install."""
    with chromium() as running_browser:
        yield running_browser


@pytest.fixture(scope="session")
def demonstration(browser: Browser) -> Iterator[Database]:
    """The demo's database under libpq's variables; the connection is for looking."""
    assert browser.is_connected()  # who has none need not wait for the demo
    with made(MONTHS) as folder, running(folder) as connection:
        yield connection


@dataclass(frozen=True)
class Demo:
    """The API on the demo, its tokens by the name of who has them, and what SQL says that each of them may see."""

    url: str
    tokens: dict[str, str]
    database: Database

    def ledger(self, caller: str) -> Ledger:
        """The relevés of a caller."""
        return Ledger(self.database, CALLERS[caller])


@pytest.fixture(scope="session")
def demo(demonstration: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo behind the API."""
    that_night(demonstration)
    prepare(demonstration)
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    tokens = write_tokens(file, **CALLERS, nobody=[])
    environment = {
        "PGUSER": LOGIN,
        "FINOPS_API_TOKENS_FILE": str(file),
        "FINOPS_API_CLAIMS_KEY": CLAIMS_KEY,
        "FINOPS_API_RATE_LIMIT": "",
        "FINOPS_API_STRANGER_LIMIT": "",  # each visit begins as one
    }
    with api(environment=environment) as service:
        yield Demo(service.url, tokens, demonstration)


Visiting = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="session")
def visiting(browser: Browser) -> Visiting:
    """Opens the page at an address, with a token; it fails where the page errs."""
    return partial(visit, browser)


@pytest.fixture(scope="module", params=CALLERS)
def caller(request: pytest.FixtureRequest) -> str:
    """Who looks."""
    return str(request.param)


@pytest.fixture(scope="module")
def ledger(demo: Demo, caller: str) -> Ledger:
    """What SQL says that the caller may see."""
    return demo.ledger(caller)
