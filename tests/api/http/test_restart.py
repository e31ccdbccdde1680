"""The database goes away under load, and comes back: meanwhile 503, and never anything else that is wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import requests
from psycopg import sql
from psycopg.rows import dict_row

from finops.demo import postgres
from finops.demo.postgres import Embedded
from finops.ingest.roles import ROLES, init_db
from tests.api.service import Service, api
from tests.conftest import LOADER_LOGIN

ASKERS = 8
PATHS = ("/v1/costs", "/v1/history", "/v1/applications", "/v1/applications/SHOP-WEB/costs", "/readyz")
AWAY = 8  # seconds: a pool that waits twice as long after each failure comes late by then
BACK_WITHIN = 4
WELL_AFTER = 3  # seconds: who asked before may wait two for a connection, and be told then


@dataclass
class Load:
    """Callers that ask without end; what they were answered, and when."""

    service: Service
    answers: list[tuple[float, requests.Response]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask meanwhile."""
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(ASKERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def since(self, moment: float) -> set[int]:
        """Statuses of what was answered since."""
        return {answer.status_code for at, answer in list(self.answers) if at >= moment}

    def _ask(self, number: int) -> None:
        with requests.Session() as session:
            while not self.over.is_set():
                path = PATHS[(number + len(self.answers)) % len(PATHS)]
                answer = session.get(f"{self.service.url}{path}", timeout=30)
                self.answers.append((time.monotonic(), answer))
                self.over.wait(0.02)


@pytest.fixture
def stopped(server: Embedded, published: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder of a stopped server that holds a copy of the published costs, and how it is reached when it runs."""
    folder = Path(tempfile.mkdtemp(prefix="finops-pg-"))
    dump = subprocess.run(
        [str(postgres.binaries() / "pg_dump"), published],
        env={**os.environ, **server.environment()},
        stdout=subprocess.PIPE,
        check=True,
    )
    with postgres.server(folder / "data") as own:
        environment = {**os.environ, **own.environment()}
        where = f"host='{own.socket_folder}' port={own.port} user={own.user} dbname=finops"
        with psycopg.connect(where, autocommit=True, row_factory=dict_row) as connection:
            for role in ROLES:
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            connection.execute(f"create role {LOADER_LOGIN} login")
            command = [str(postgres.psql_path()), "--quiet", "--set=ON_ERROR_STOP=1"]
            subprocess.run(command, env=environment, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)
            init_db(connection, [LOADER_LOGIN], [LOADER_LOGIN])
    yield folder / "data", own.environment()
    shutil.rmtree(folder, ignore_errors=True)


def crash(folder: Path) -> None:
    """Stop the server as a crash does, without a word to its clients."""
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    for _ in range(100):
        if not (folder / "postmaster.pid").exists():
            return
        time.sleep(0.1)
    raise AssertionError("the server is still there")


def wait_for_success(load: Load, since: float) -> None:
    """Until somebody was answered."""
    while 200 not in load.since(since):
        assert time.monotonic() < since + BACK_WITHIN, f"no answer {BACK_WITHIN} s after the database was there"
        time.sleep(0.05)


def test_a_database_that_crashes_under_load_is_waited_for(stopped: tuple[Path, dict[str, str]]) -> None:
    folder, environment = stopped
    with api("--insecure-local", environment={**environment, "FINOPS_API_RATE_LIMIT": ""}) as service:
        load = Load(service)
        with load.asking():
            with postgres.server(folder):
                wait_for_success(load, time.monotonic())
                time.sleep(1)
                crash(folder)
            away = time.monotonic()
            while time.monotonic() < away + AWAY:
                assert service.get("/healthz").status_code == 200
                time.sleep(0.5)
            assert load.since(away + 1) == {503}
            with postgres.server(folder):
                wait_for_success(load, time.monotonic())
                well = time.monotonic()
                time.sleep(WELL_AFTER + 2)
                load.over.set()
        answers = [answer for _, answer in load.answers]
        assert {answer.status_code for answer in answers} == {200, 503}
        assert load.since(well + WELL_AFTER) == {200}
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.headers["retry-after"] for answer in refused} == {"5"}
        assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
        assert max(answer.elapsed.total_seconds() for answer in answers) < 5
