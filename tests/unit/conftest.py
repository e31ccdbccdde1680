"""The wires that the tests talk over, and an environment that nobody else has a say in."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import which
from typing import Any
from unittest.mock import patch

import pytest
from pymongo import MongoClient, monitoring
from pymongo.database import Database
from secantus import SecantusDBServer

from .authority import Authority, make_authority
from .finds import Finds
from .http_service import Service, serving

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "real"
OWN_VARIABLES = ("SOURCES__", "INGEST__", "METRICS__", "SCHEDULE__", "PG", "DLT_", "OTEL_")


@pytest.fixture(autouse=True)
def _only_the_tests_own_environment() -> Iterator[None]:
    """A developer's sources, and the proxy between them and the world, have no part in a test."""
    with patch.dict(os.environ, NO_PROXY="127.0.0.1"):
        for name in [name for name in os.environ if name.startswith(OWN_VARIABLES)]:
            del os.environ[name]
        yield


@pytest.fixture
def start_service() -> Iterator[Callable[[], Service]]:
    """Starts an HTTP service that ends with the test."""
    with ExitStack() as services:
        yield lambda: services.enter_context(serving())


@pytest.fixture
def service(start_service: Callable[[], Service]) -> Service:
    """An HTTP service."""
    return start_service()


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB server, one for all tests: to stop one can take seconds."""
    folder = tmp_path_factory.mktemp("mongo")
    with SecantusDBServer(storage_path=str(folder), replica_set_name=None) as server:
        yield server.uri


@pytest.fixture(scope="session")
def _mongo_client(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        yield client


@pytest.fixture
def database(_mongo_client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    """A database of the server that no other test has."""
    return _mongo_client[f"cmdb_{uuid.uuid4().hex[:12]}"]


@pytest.fixture(scope="session")
def finds() -> Finds:
    """What every client asks from now on; a listener can't be removed again."""
    listener = Finds()
    monitoring.register(listener)
    return listener


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    """Two authorities that know nothing of each other."""
    if which("openssl") is None:
        pytest.skip("openssl is not here")
    folder = tmp_path_factory.mktemp("tls")
    return make_authority(folder / "ours"), make_authority(folder / "another")


@pytest.fixture
def real_input() -> Path:
    """What real products send; the test is skipped where it is not at hand."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not here")
    return REAL
