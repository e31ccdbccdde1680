"""What every test stands on: a real PostgreSQL, a database of its own, and no configuration but the test's.

The databases are set up by `finops init-db`. The product works in them with logins that are no superusers, by libpq's
variables; a test looks and arranges as one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from dbt_common.behavior_flags import BehaviorFlagRendered
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from finops.demo import postgres
from finops.demo.postgres import Embedded
from finops.ingest.access import KEY_VARIABLE
from finops.ingest.config import redaction
from finops.ingest.config.rules import Rules
from finops.ingest.database import TRANSFORMER, connect
from finops.ingest.pipeline import configured
from finops.ingest.pipeline.dbt import note_build
from finops.ingest.reference import load as reference
from finops.ingest.roles import grant_on_database, init_db
from tests.hostility import times

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real"
REFERENCE = ROOT / "demo" / "project" / "reference"
TEMPLATE = "finops_template"
CLAIMS_KEY = "what the claims of tests are signed with"
LOADER_LOGIN, API_LOGIN = "nightly", "reader"  # what the product logs in as
NAME = "finops_test"  # the same for all: dbt reads its whole project again when the database has another name
# How long an example takes says something of the machine, and nothing of the code.
hypothesis_settings.register_profile("untimed", deadline=None, max_examples=times(100))
hypothesis_settings.load_profile("untimed")
# What a crash of the machine would need, and no test does.
UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")
OWN_VARIABLES = ("PG", "SOURCES__", "INGEST__", "METRICS__", "SCHEDULE__", "FINOPS_", "OTEL_", "REFERENCE__")

# dbt asks for the caller's source code seven times a run, and throws the answer away: a tenth of a nightly's time.
BehaviorFlagRendered._default_source = staticmethod(lambda: "")  # type: ignore[method-assign] # noqa: SLF001


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
            with connected(embedded, "postgres") as admin:
                admin.execute(f"create role {LOADER_LOGIN} login; create role {API_LOGIN} login")
                for name in UNSAFE:
                    admin.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(name)))
                admin.execute("select pg_reload_conf()")
            yield embedded
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def connected(server: Embedded, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """A new connection to a database of the server, as a superuser: to look, and to arrange."""
    # no options: not what dbt's sessions act as
    where = f"host='{server.socket_folder}' port={server.port} user={server.user} dbname={database} options=''"
    return psycopg.connect(where, autocommit=True)


def variables(server: Embedded, database: str, login: str = LOADER_LOGIN) -> dict[str, str]:
    """The libpq variables that the product connects with."""
    return {**server.environment(), "PGDATABASE": database, "PGUSER": login}


def copy_database(server: Embedded, template: str, name: str) -> None:
    """Make a database that holds what another one does, in the place of one that has this name.

    A copy of an empty database belongs to the loader's login.
    """
    with connected(server, "postgres") as admin:
        copy = sql.SQL("create database {} template {} owner {}")
        owner = LOADER_LOGIN if template == "template1" else server.user
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        admin.execute(copy.format(*map(sql.Identifier, (name, template, owner))))
        if template != "template1":  # the rights on a database itself are not copied
            grant_on_database(admin, name)


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's database, sources or `.dlt` folder, nor the secrets of another test."""
    _configure_nothing(tmp_path, monkeypatch)
    redaction.forget()


def _configure_nothing(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(OWN_VARIABLES) or redaction.is_secret(name)]:
        patch.delenv(name)
    patch.chdir(folder)


@contextmanager
def made_as(server: Embedded, name: str, template: str = "template1") -> Iterator[pytest.MonkeyPatch]:
    """Libpq's variables name a new database, a copy of the template; it has its own name once the block is over.

    In the folder of the block is the demo's reference data.

    Meanwhile it has the name of every test's database: dbt reads its whole project again for one of another name.
    """
    copy_database(server, template, NAME)
    with tempfile.TemporaryDirectory() as empty, pytest.MonkeyPatch.context() as patch:
        _configure_nothing(Path(empty), patch)
        shutil.copytree(REFERENCE, "reference")
        for variable, value in variables(server, NAME).items():
            patch.setenv(variable, value)
        yield patch
    with connected(server, "postgres") as admin:
        admin.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(NAME), sql.Identifier(name)))


@pytest.fixture(scope="session")
def template(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with everything built and nothing landed, to be copied by each test."""
    # what dbt makes of the project is kept for this worker's next test, and no other worker writes it
    os.environ["DBT_TARGET_PATH"] = str(tmp_path_factory.mktemp("dbt"))
    return build_template(server, tmp_path_factory.mktemp("profile"))


def build_template(server: Embedded, folder: Path) -> str:
    """Make a database with everything built and nothing landed; its name."""
    with made_as(server, TEMPLATE) as patch:
        patch.setenv("PGUSER", server.user)
        patch.setenv(KEY_VARIABLE, CLAIMS_KEY)
        with connect(role=None) as admin:
            init_db(admin, [LOADER_LOGIN], [API_LOGIN, LOADER_LOGIN])  # who asks without authentication is the loader
        patch.setenv("PGUSER", LOADER_LOGIN)
        _build(folder)
        with connected(server, NAME) as admin:
            admin.execute("truncate finops.etl_runs cascade")
        with connect() as connection:
            note_build(connection)
    return TEMPLATE


def _build(folder: Path) -> None:
    with connect() as connection:
        configured.store(connection, [], Rules())
        reference.store(connection, str(uuid.UUID(int=0)), reference.read({}, connection))
        shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
        where = ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(folder)]
        only = ["--exclude-resource-type", "unit_test", "test"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGOPTIONS", f"-c role={TRANSFORMER}")
            built = dbtRunner().invoke(["--quiet", "--no-write-json", "build", *only, *where])
        assert built.success, built


@pytest.fixture
def database(
    server: Embedded, template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A fresh database under libpq's variables, with the demo's reference data.

    The connection is a superuser's, for looking; the variables are those of the loader's login.
    """
    copy_database(server, template, NAME)
    if not Path("reference").exists():
        shutil.copytree(REFERENCE, "reference")
    for variable, value in variables(server, NAME).items():
        monkeypatch.setenv(variable, value)
    with connected(server, NAME) as connection:
        yield connection
