"""What several files of end-to-end tests stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.finops import Database, scalar


@pytest.fixture
def guarded_role(database: Database) -> Iterator[str]:
    """A role without rights that needs its password."""
    hba = Path(scalar(database, "show hba_file"))
    rules = hba.read_text()
    database.execute("create role guest login password 'right-horse'")
    hba.write_text(f"local all guest scram-sha-256\n{rules}")
    database.execute("select pg_reload_conf()")
    yield "guest"
    hba.write_text(rules)
    database.execute("select pg_reload_conf()")
    database.execute("drop role guest")
