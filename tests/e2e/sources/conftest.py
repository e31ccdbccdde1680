"""What several tests of sources stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.finops import Database
from tests.e2e.sources.catalog import PARAMS, Catalog, serving_catalog


@pytest.fixture
def catalog(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A catalog that is archived by day, so that a test may say which day a nightly is of.

    What it says in the namespace `default` counts against the reference data, which is the demo's.
    """
    assert database.autocommit
    held = Catalog()
    with serving_catalog(held) as url:
        monkeypatch.setenv("SOURCES__BACKSTAGE__URL", url)
        monkeypatch.setenv("SOURCES__BACKSTAGE__PARAMS", PARAMS)
        monkeypatch.setenv("FINOPS__CATALOG_CLAIMS", '{"component:default/*": ["*"], "group:default/*": ["*"]}')
        yield held
