"""The API as a test talks to it: uvicorn on a socket, in this process or one of its own, and tokens in a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import pytest
import requests
import uvicorn

from finops.api.app import create_app
from finops.api.auth import claims, tokens
from finops.api.auth.caller import Identity, union
from finops.api.http.protocol import configuration
from finops.api.settings import Scope, Settings
from tests.conftest import CLAIMS_KEY, LOADER_LOGIN
from tests.e2e.finops import Database

FINOPS_API = str(Path(sys.executable).with_name("finops-api"))
FAR = date(2099, 1, 1)


@dataclass(frozen=True)
class Service:
    """A running API."""

    url: str
    token: str | None = None
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        """GET with the service's token, or with another one; `token=""` sends none."""
        bearer = self.token if token is None else token
        headers = {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **options.pop("headers", {})}
        return self.session.get(f"{self.url}{path}", headers=headers, timeout=30, **options)

    def json(self, path: str, **options: Any) -> Any:
        """The body of an answer that has to be a 200, numbers as text: money must never be one."""
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)


@dataclass(frozen=True, kw_only=True)
class Process(Service):
    """An API that runs in a process of its own, and what it logs."""

    process: subprocess.Popen[str]
    log: Path


@dataclass(frozen=True)
class Shared:
    """An API that several tests ask, its database, and tokens by the name of what they show."""

    service: Service
    database: Database
    tokens: dict[str, str]
    environment: dict[str, str]

    def json(self, path: str, caller: str = "everything", **parameters: Any) -> Any:
        """The body of an answer that has to be a 200; `from_` is `from`."""
        return self.service.json(path, token=self.tokens[caller], params=named(parameters))

    def problem(self, path: str, status: int, caller: str = "everything", **parameters: Any) -> Any:
        """The body of an answer that has to be this problem."""
        answer = self.service.get(path, token=self.tokens[caller], params=named(parameters))
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        return answer.json()


def say_who_calls(database: Database, groups: Scope) -> None:
    """Say it in a transaction, as the API does."""
    claim = claims.sign(Identity("test", union([groups])), CLAIMS_KEY.encode())
    database.execute("set local role finops_api")
    database.execute("select set_config('finops.claims', %s, true)", [claim])


def named(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by the names that the API has for them."""
    return {name.rstrip("_"): value for name, value in parameters.items()}


def republish(database: Database) -> None:
    """Refresh the aggregates as a run does, after a test changed relevés."""
    database.execute(
        "select finops.refresh_aggregates((select run_id from finops.etl_runs limit 1), array("
        " select period from finops.fact_releve union select period from finops.agg_app_family_month"
        " union select period from finops.rejected_usage union select period from finops.set_apart_charges))"
    )


@contextmanager
def api_here(*, token: str | None = None, insecure_local: bool = False, **settings: Any) -> Iterator[Service]:
    """The API on a free port, in a thread: it is there at once; its settings are given as fields of Settings.

    Without authentication it shows what its login may see, and so it has the loader's.
    """
    given = Settings(**{"claims_key": CLAIMS_KEY, "port": 0, **settings})
    with pytest.MonkeyPatch.context() as patch:
        if insecure_local:
            patch.setenv("PGUSER", LOADER_LOGIN)
        yield from _here(given, token, insecure_local=insecure_local)


def _here(given: Settings, token: str | None, *, insecure_local: bool) -> Iterator[Service]:
    server = uvicorn.Server(configuration(create_app(given, insecure_local=insecure_local), given))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", token)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def api(*arguments: str, token: str | None = None, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """`finops-api serve` on a free port, on the database of this test's libpq variables."""
    with tempfile.TemporaryDirectory(prefix="finops-api-") as folder:
        log = Path(folder) / "log"
        with log.open("w", encoding="utf-8") as output:
            given = {**os.environ, "FINOPS_API_CLAIMS_KEY": CLAIMS_KEY, **(environment or {})}
            if "--insecure-local" in arguments:
                given["PGUSER"] = LOADER_LOGIN
            process = _start(arguments, given, output)
            try:
                yield Process(_address(process, log), token, process=process, log=log)
            finally:
                process.terminate()
                process.wait(30)


def _start(arguments: tuple[str, ...], environment: Mapping[str, str], output: TextIO) -> subprocess.Popen[str]:
    command = [FINOPS_API, "serve", "--port", "0", *arguments]
    return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """Where it says that it listens."""
    for _ in range(300):
        said = log.read_text(encoding="utf-8")
        if found := re.search(r"running on (http://[^ ]+)", said):
            return found[1]
        assert process.poll() is None, said
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def write_tokens(path: Path, **scopes: Scope) -> dict[str, str]:
    """A file with a token for each name, replaced as an operator should: whole; the tokens by name."""
    made = {name: tokens.create(name, FAR, scope) for name, scope in scopes.items()}
    draft = path.with_suffix(".new")
    draft.write_text("\n".join(entry for _, entry in made.values()), encoding="utf-8")
    draft.replace(path)
    return {name: token for name, (token, _) in made.items()}
