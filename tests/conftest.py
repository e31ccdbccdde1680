"""What every test stands on: a real PostgreSQL, a database of its own, and no configuration but the test's."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from psycopg import sql

from finops.demo import postgres
from finops.demo.postgres import Embedded
from finops.ingest.database import prepare
from finops.ingest.pipeline.dbt import note_build

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real"
TEMPLATE = "finops_template"
NAME = "finops_test"  # the same for all: dbt reads its whole project again when the database has another name
OWN_VARIABLES = ("PG", "SOURCES__", "INGEST__", "METRICS__", "SCHEDULE__", "FINOPS_", "OTEL_")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, in whatever order among themselves: one that is begun last keeps every other worker waiting."""
    items.sort(key=lambda item: [folder not in item.path.parts for folder in ("e2e", "api")])


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    """An embedded PostgreSQL for the whole session; its folder is short, for the sake of the unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="finops-pg-"))
    try:
        with postgres.server(folder / "data") as embedded:
            yield embedded
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's database, sources or `.dlt` folder."""
    for name in [name for name in os.environ if name.startswith(OWN_VARIABLES)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def template(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with everything built and nothing landed, to be copied by each test."""
    # what dbt makes of the project is kept for this worker's next test, and no other worker writes it
    os.environ["DBT_TARGET_PATH"] = str(tmp_path_factory.mktemp("dbt"))
    return build_template(server, tmp_path_factory.mktemp("profile"))


def build_template(server: Embedded, folder: Path) -> str:
    """Make a database with everything built and nothing landed; its name."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**server.environment(), "PGDATABASE": TEMPLATE}.items():
            patch.setenv(name, value)
        with psycopg.connect(dbname="postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
        with psycopg.connect(autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            prepare(connection)
            shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
            arguments = ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(folder)]
            built = dbtRunner().invoke(["--quiet", "build", "--exclude-resource-type", "unit_test", *arguments])
            assert built.success, built
            connection.execute("truncate finops.etl_runs cascade")
            note_build(connection, ROOT / "dbt_project")
    return TEMPLATE


@pytest.fixture
def database(
    server: Embedded, template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A fresh database under libpq's variables; the connection is for looking."""
    for variable, value in server.environment().items():
        monkeypatch.setenv(variable, value)
    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(NAME)))
        admin.execute(sql.SQL("create database {} template {}").format(sql.Identifier(NAME), sql.Identifier(template)))
        monkeypatch.setenv("PGDATABASE", NAME)
        with psycopg.connect(autocommit=True) as connection:
            yield connection
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(NAME)))
