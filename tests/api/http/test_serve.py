"""`finops-api serve` as a person starts it: what it says on a terminal, and where it can't listen."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import requests

from finops.api.http.protocol import listen
from tests.api.service import FINOPS_API

NO_DATABASE = {"PGHOST": "127.0.0.1", "PGPORT": "9"}


@contextmanager
def on_a_terminal(environment: Mapping[str, str] = {}) -> Iterator[Iterator[str]]:
    """The lines that it writes to a terminal, as it writes them."""
    reader, terminal = pty.openpty()
    command = [FINOPS_API, "serve", "--insecure-local", "--port", "0"]
    process = subprocess.Popen(command, stderr=terminal, env={**os.environ, **NO_DATABASE, **environment})
    os.close(terminal)
    with os.fdopen(reader, encoding="utf-8") as lines:
        try:
            yield (line.rstrip() for line in lines)
        finally:
            process.terminate()
            process.wait(30)


def test_a_terminal_is_told_where_the_page_is_and_of_each_request_in_a_line() -> None:
    with on_a_terminal() as lines:
        found = next(filter(None, (re.search(r"(.*) running on .*page: (http://127.*/), API", line) for line in lines)))
        assert re.fullmatch(r"\d\d:\d\d:\d\d info   ", found[1])
        assert requests.get(f"{found[2]}docs?secret", timeout=30).status_code == 200
        line = next(line for line in lines if "/docs" in line)
        assert re.fullmatch(r"\d\d:\d\d:\d\d info    GET /docs 200, [0-9.]+ ms", line)


def test_the_form_of_the_log_can_be_set() -> None:
    with on_a_terminal({"FINOPS_API_LOG": "json"}) as lines:
        entry = next(json.loads(line) for line in lines if "running on http:" in line)
        assert (entry["level"], entry["logger"]) == ("info", "finops.api")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (
            "127.0.0.1",
            "port {port} of 127.0.0.1 is in use: give another one, such as --port {next}; 0 takes a free one",
        ),
        (
            "localhost",
            "port {port} of localhost is in use: give another one, such as --port {next}; 0 takes a free one",
        ),
        ("192.0.2.1", "192.0.2.1 is not an address of this machine: give one that is, such as --host 127.0.0.1"),
        ("nowhere.invalid", "nowhere.invalid is not an address of this machine: give one that is, such as --host"),
    ],
)
def test_where_it_can_not_listen_it_says_so_in_a_line(host: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [FINOPS_API, "serve", "--host", host, "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(f"Error: {reason.format(port=port, next=port + 1)}")


def test_a_name_is_listened_on_at_each_of_its_addresses() -> None:
    names = {found[4][0] for found in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    opened = listen("localhost", 0)
    try:
        assert {each.getsockname()[0] for each in opened} <= names
        assert "127.0.0.1" in {each.getsockname()[0] for each in opened}
    finally:
        for each in opened:
            each.close()
