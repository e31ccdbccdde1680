"""Strangers get few answers, and cost the callers who are known nothing: what they may cause is counted here.

How long a known caller waits beside 60 of them is measured by `python -m bench strangers`.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from finops.api.auth.strangers import ADDRESSES, FILES, PAUSE, StrangerLimit, network
from tests.api.http.test_hostile import connection, status
from tests.api.http.test_page import folder
from tests.api.service import Process, Service, Shared, api, write_tokens
from tests.hostility import times

pytestmark = pytest.mark.hostile

ALLOWED = 5
NOBODY = jwt.encode({}, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "1"})
HOSTILE = {
    "no credential": ("/v1/costs", {}),
    "an unknown token": ("/v1/costs", {"Authorization": "Bearer finops_unknown"}),
    "a JWT of nobody": ("/v1/costs", {"Authorization": f"Bearer {NOBODY}"}),
    "another scheme": ("/v1/costs", {"Authorization": "Basic e30="}),
    "wrong parameters": ("/v1/costs?" + "&".join(f"x{number}=1" for number in range(1000)), {}),
    "no such path": ("/" + "x" * 8000, {}),
    "the document": ("/openapi.json", {}),
}
WRONG = {"Authorization": "Bearer finops_unknown"}


@pytest.fixture
def guarded(shared: Shared, tmp_path: Path) -> Iterator[Process]:
    """An API that answers few requests of strangers; its token sees everything."""
    file = tmp_path / "tokens.toml"
    token = write_tokens(file, everything="*")["everything"]
    with api(token=token, environment={**shared.environment, **limits(file)}) as service:
        yield service


def limits(file: Path, **more: str) -> Mapping[str, str]:
    """Settings: few requests of strangers, a small pool."""
    return {
        "FINOPS_API_TOKENS_FILE": str(file),
        "FINOPS_API_STRANGER_LIMIT": f"{ALLOWED}/hour",
        "FINOPS_API_POOL_SIZE": "2",
        **more,
    }


def at_once(service: Service, path: str, count: int, headers: Mapping[str, str] = {}) -> list[requests.Response]:
    """The answers to as many strangers, who all ask at the same moment."""

    def stranger(_: int) -> requests.Response:
        return requests.get(f"{service.url}{path}", headers=dict(headers), timeout=30)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(stranger, range(count)))


@pytest.mark.parametrize("attack", HOSTILE)
def test_strangers_beyond_the_limit_wait_and_are_refused(guarded: Process, attack: str) -> None:
    path, headers = HOSTILE[attack]
    started = time.monotonic()
    answers = at_once(guarded, path, times(20), headers)
    waited = time.monotonic() - started
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[429] == times(20) - ALLOWED
    assert waited >= PAUSE
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert "send `Authorization: Bearer" in refused.json()["detail"]
    assert len(refused.content) < 2000
    # who is known comes from the same address, and neither waits nor is refused
    for _ in range(times(20)):
        answer = guarded.get("/v1/applications")
        assert (answer.status_code, answer.elapsed.total_seconds() < PAUSE) == (200, True)


def test_probes_are_answered_whoever_shares_their_address(guarded: Process) -> None:
    at_once(guarded, "/v1/costs", ALLOWED + 1)
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = guarded.get(path, token="")
        assert (answer.status_code, answer.elapsed.total_seconds() < 1) == (200, True)
        assert guarded.session.post(f"{guarded.url}{path}", timeout=30).status_code == 429


def test_a_page_load_takes_nothing_from_other_strangers_and_is_never_refused(guarded: Process) -> None:
    def load(count: int) -> list[requests.Response]:
        return [guarded.get(path, token="") for path in ("/", "/docs", f"{folder(guarded)}/chart.js")[:count]]

    assert {answer.status_code for _ in range(4) for answer in load(3)} == {200}
    others = at_once(guarded, "/v1/costs", ALLOWED)
    assert {answer.status_code for answer in others} == {401}
    assert guarded.get("/v1/costs", token="").status_code == 429
    # the files are counted on their own: beyond thirty times as many, each of them waits
    at_once(guarded, "/", ALLOWED * FILES)
    for path in ("/", "/docs", "/page/0000000000000000/app.js"):
        answer = guarded.get(path, token="")
        assert (answer.status_code in (200, 404), PAUSE <= answer.elapsed.total_seconds() < 2 * PAUSE) == (True, True)
        assert guarded.session.post(f"{guarded.url}{path}", timeout=30).status_code == 429
    assert guarded.get("/docs").elapsed.total_seconds() < PAUSE
    assert guarded.get("/v1/applications").elapsed.total_seconds() < PAUSE


def test_many_who_ask_whether_it_is_ready_use_one_connection_a_second(guarded: Process, shared: Shared) -> None:
    def transactions() -> int:
        shared.database.execute("select pg_stat_clear_snapshot()")
        [(count,)] = shared.database.execute(
            "select xact_commit from pg_stat_database where datname = current_database()"
        ).fetchall()
        return int(count)

    assert guarded.get("/readyz", token="").status_code == 200
    time.sleep(1.5)  # PostgreSQL counts what a session did within a second
    before, started = transactions(), time.monotonic()
    for _ in range(3):
        assert {answer.status_code for answer in at_once(guarded, "/readyz", times(60))} == {200}
    seconds = time.monotonic() - started
    time.sleep(1.5)
    assert transactions() - before <= seconds + 8  # the test's own are among them


def test_an_address_that_a_proxy_forwards_counts_only_where_the_proxy_is_trusted(
    shared: Shared, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.toml"
    write_tokens(file, everything="*")
    for trusted, forwarded, expected in (
        ("[]", "10.0.0.{}", 429),
        ('["127.0.0.0/8"]', "10.0.0.{}", 401),
        ('["127.0.0.1"]', "10.0.0.{}, 10.9.9.9", 429),  # the left is whatever the caller says
        ('["127.0.0.1", "10.9.9.9"]', "10.0.0.{}, 10.9.9.9", 401),
    ):
        more = limits(file, FINOPS_API_TRUSTED_PROXIES=trusted)
        with api(environment={**shared.environment, **more}) as service:
            for number in range(ALLOWED + 1):
                answer = service.get("/v1/costs", headers={"X-Forwarded-For": forwarded.format(number)})
            assert answer.status_code == expected, (trusted, forwarded)


def test_a_damaged_file_of_tokens_is_logged_once_and_never_what_is_in_it(shared: Shared, tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text('[backstage]\nsha256 = "finops_pasted-by-mistake"\nexpires = 2099-01-01\ngroups = ["a", "*"]\n')
    with api(environment={**shared.environment, **limits(file)}) as service:
        answers = at_once(service, "/v1/costs", times(20), WRONG)
        assert Counter((answer.status_code, answer.headers["retry-after"]) for answer in answers) == {
            (503, "5"): times(20)
        }
        log = service.log.read_text()
        assert log.count("no caller can be authenticated") == 1
        assert "pasted-by-mistake" not in log
        token = write_tokens(file, everything="*")["everything"]
        assert service.get("/v1/applications", token=token).status_code == 200


# Connections


MOST = 100  # the least that may be set


@pytest.fixture
def small(shared: Shared, tmp_path: Path) -> Iterator[Process]:
    """An API with few connections, which waits long for a request."""
    file = tmp_path / "tokens.toml"
    token = write_tokens(file, everything="*")["everything"]
    more = limits(file, FINOPS_API_MAX_CONNECTIONS=str(MOST), FINOPS_API_STALL_TIMEOUT="600")
    with api(token=token, environment={**shared.environment, **more}) as service:
        yield service


def closed(opened: socket.socket) -> bool:
    """Whether the other side has closed it."""
    opened.settimeout(0.01)  # a hundred of them are looked at before a known connection has been idle for five seconds
    try:
        return opened.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_strangers_who_hold_every_connection_keep_out_neither_probes_nor_callers(small: Process) -> None:
    with ExitStack() as stack:
        known = [stack.enter_context(connection(small)) for _ in range(5)]
        for each in known:
            ask_as(each, small.token)
        assert [status(each) for each in known] == [200] * 5
        silent = [stack.enter_context(connection(small)) for _ in range(MOST + 50)]
        for number, each in enumerate(silent):
            each.sendall(b"GET /v1/costs HTTP/1.1\r\nX: " if number % 2 else b"G")
        for path in ("/healthz", "/readyz", "/metrics"):
            assert small.get(path, token="").status_code == 200
        assert requests.get(f"{small.url}/v1/applications", headers=bearer(small), timeout=5).status_code == 200
        gone = [closed(each) for each in silent]
        assert gone[0]
        assert not gone[-1]
        assert len(gone) - sum(gone) <= MOST
        for each in known:  # whoever has shown a token keeps the connection
            ask_as(each, small.token)
        assert [status(each) for each in known] == [200] * 5


def test_callers_who_hold_every_connection_keep_out_no_probe(small: Process) -> None:
    with ExitStack() as stack:
        answered = []
        for _ in range(MOST + 5):
            each = stack.enter_context(connection(small))
            ask_as(each, small.token)
            answered.append(status(each))
        assert answered == [200] * MOST + [503] * 5
        for path in ("/healthz", "/readyz", "/metrics"):
            assert requests.get(f"{small.url}{path}", timeout=5).status_code == 200


def test_a_body_that_nobody_reads_ends_the_connection(guarded: Process) -> None:
    for head in (b"Content-Length: 100000000000", b"Transfer-Encoding: chunked"):
        with connection(guarded) as opened:
            opened.sendall(b"POST /v1/costs HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n")
            pieces = iter(range(1000))
            with suppress(ConnectionError):
                for _ in pieces:
                    opened.sendall(b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n")
            assert len(list(pieces)) > 900
    assert guarded.get("/v1/applications").status_code == 200


def bearer(service: Service) -> dict[str, str]:
    """The header of the service's token."""
    return {"Authorization": f"Bearer {service.token}"}


def ask_as(opened: socket.socket, token: str | None) -> None:
    """Send a request with a token, and read nothing."""
    opened.sendall(
        f"GET /v1/applications?limit=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )


def test_addresses_are_counted_by_network_and_few_are_remembered() -> None:
    limit = StrangerLimit("5/minute")
    sources = [f"2001:db8::{number:x}" for number in range(100)]
    assert [limit.is_exceeded(address) for address in sources].count(False) == 5
    assert not limit.is_exceeded("2001:db8:0:1::1")
    others = [f"10.{number // 256}.{number % 256}.1" for number in range(times(1000))]
    assert [limit.is_exceeded(address) for address in others].count(False) == 5 * ADDRESSES - 6
    assert sum(map(len, (value for value in vars(limit).values() if isinstance(value, dict)))) <= 5 * ADDRESSES


def test_requests_of_the_next_window_are_counted_on_their_own() -> None:
    limit = StrangerLimit("1/second")
    assert [limit.is_exceeded("10.0.0.1"), limit.is_exceeded("10.0.0.1")] == [False, True]
    time.sleep(1.1)
    assert not limit.is_exceeded("10.0.0.1")
    assert not any(StrangerLimit("").is_exceeded("10.0.0.1") for _ in range(1000))


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("::1", "::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("x" * 5000, "x" * 64),
        ("", ""),
    ],
)
def test_what_is_counted_of_an_address(address: str, counted: str) -> None:
    assert network(address) == counted
