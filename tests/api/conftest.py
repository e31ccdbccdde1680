"""What the tests of the API stand on: bills that the real nightly published, once for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finops.demo.postgres import Embedded
from tests.api.service import Process, Service, Shared, api, api_here, write_tokens
from tests.conftest import API_LOGIN, connected, copy_database, made_as, variables
from tests.e2e.finops import Database, charge, finops, write_bill

PUBLISHED = "finops_published"
# Owners, by the made-up company's reference data: SHOP-WEB, SEARCH: storefront; PAYMENTS: payments; ERP: corporate-it.
# There is no rate of SEK: those two lines are rejects.
BILLS = {
    "2026-09": [
        charge("100", "2026-09-01", application="SHOP-WEB"),
        charge("50.25", "2026-09-15", application="PAYMENTS", service="Database"),
        charge("7", "2026-09-30", application=None),
        charge("9", "2026-09-30", application="PAYMENTS", currency="SEK"),
    ],
    "2026-10": [
        charge("120.5", "2026-10-01", application="SHOP-WEB"),
        charge("-20.5", "2026-10-31", application="SHOP-WEB"),
        charge("30", "2026-10-10", application="SEARCH"),
        charge("60", "2026-10-15", application="PAYMENTS", service="Database"),
        charge("0.000000000001", "2026-10-20", application="ERP"),
        charge("4", "2026-10-20", application="SHOP-WEB", currency="SEK"),
    ],
}


@pytest.fixture(scope="session")
def published(server: Embedded, template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that `finops nightly` filled, to be copied by each test."""
    folder = tmp_path_factory.mktemp("bills")
    for month, lines in BILLS.items():
        write_bill(folder, f"{month}.csv", lines)
    with made_as(server, PUBLISHED, template) as patch:
        patch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(folder))
        assert finops("nightly", "--period", "2026-09..2026-10", "--as-of", "2026-11-20") == 0
    return PUBLISHED


@pytest.fixture(scope="session")
def shared(server: Embedded, published: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """An API on a copy of the published costs that no test changes, with tokens of several scopes."""
    name = f"{published}_shared"
    copy_database(server, published, name)
    # its tests are strangers as often as they like
    environment = {**variables(server, name, API_LOGIN), "FINOPS_API_STRANGER_LIMIT": ""}
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    made = write_tokens(file, everything="*", storefront=["storefront"], payments=["payments"], nothing=[])
    with (
        connected(server, name) as database,
        api(token=made["everything"], environment={**environment, "FINOPS_API_TOKENS_FILE": str(file)}) as service,
    ):
        yield Shared(service, database, made, environment)


@pytest.fixture(scope="session")
def tireless(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """An API on the costs that no test changes, which may be asked without end; its token sees one group."""
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    token = write_tokens(file, storefront=["storefront"])["storefront"]
    limits = {"FINOPS_API_TOKENS_FILE": str(file), "FINOPS_API_RATE_LIMIT": ""}
    with api(token=token, environment={**shared.environment, **limits}) as service:
        yield service


@pytest.fixture
def costs(server: Embedded, published: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A copy of the published database under libpq's variables; the connection is for looking, as a superuser."""
    name = f"{published}_changed"
    copy_database(server, published, name)
    for variable, value in variables(server, name, API_LOGIN).items():
        monkeypatch.setenv(variable, value)
    with connected(server, name) as connection:
        yield connection


@pytest.fixture
def tokens_file(tmp_path: Path) -> Path:
    """Where the tokens of a test are."""
    return tmp_path / "tokens.toml"


@pytest.fixture
def service(costs: Database, tokens_file: Path) -> Iterator[Service]:
    """The API on the published costs, asked with a token that sees everything."""
    assert costs.info.dbname
    token = write_tokens(tokens_file, everything="*")["everything"]
    with api_here(token=token, tokens_file=tokens_file) as running:
        yield running


@pytest.fixture
def process(costs: Database, tokens_file: Path) -> Iterator[Process]:
    """The same in a process of its own, for who looks at what it logs."""
    assert costs.info.dbname
    token = write_tokens(tokens_file, everything="*")["everything"]
    with api(token=token, environment={"FINOPS_API_TOKENS_FILE": str(tokens_file)}) as running:
        yield running
