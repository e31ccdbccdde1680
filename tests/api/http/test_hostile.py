"""Who means harm: injections and absurd values in every parameter there is, and more connections than anybody needs."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import sys
import time
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.service import Process, Service, Shared, api, api_here
from tests.api.specification import KNOWN, Operation, Parameter, operations
from tests.e2e.finops import Database
from tests.hostility import times

pytestmark = pytest.mark.hostile

OPERATIONS = list(operations())
# Costs of an application, a group, a domain and a family are one piece of code: what all of them take is sent to one.
EVERY_PARAMETER = [
    pytest.param(operation, parameter, id=f"{operation.path} {parameter.name} in {parameter.where}")
    for operation, parameter in {
        (operation.kind, parameter.name, parameter.where): (operation, parameter)
        for operation in reversed(OPERATIONS)
        for parameter in operation.parameters
    }.values()
]
EVERY_KIND = [
    pytest.param(operation, id=operation.path)
    for operation in {operation.kind: operation for operation in reversed(OPERATIONS)}.values()
]
INJECTIONS = [
    "' or '1'='1",
    "storefront' or true --",
    "'; drop table finops.etl_runs; --",
    "'; select set_config('finops.groups', '*', false); --",
    "'||pg_sleep(20)||'",
    "1); select pg_sleep(20); --",
    "$$; select pg_sleep(20); $$",
    "\\'; select version(); --",
    '") union select payload from raw_public_cloud.focus --',
    "%(first)s %s %%s {keys} {0}",
    "*",
    '["payments"]',
    "../../../../etc/passwd",
    "x\r\nX-Injected: yes",
    "\x00",
]
MALFORMED = ["%ED%A0%80", "%FF%FE", "%", "%zz", "%u0000"]  # no UTF-8, no escape
# What the token of `tireless` must never be told, and what PostgreSQL says when SQL is wrong.
SECRETS = ("PAYMENTS", "nimbus.database", "syntax error", "PostgreSQL 1", "psycopg", "root:x:")
NUMBERS = ["-1", "0", "1.5", "1e9", "NaN", "Infinity", "0x10", "٣", "2147483648", "9223372036854775808", "9" * 5000]
TEXTS = [
    "",
    " ",
    "x" * 8000,
    "💶" * 500,
    "\u202e\ufeff",
    "(" * 2000,
    "(a:(b|" * 500,
    "," * 2000,
    "0000-00",
    "2026-13",
    "1970-01",
    "2199-12",
    "9999-12",
    "-9999-01",
    "R0/P0D/2026-11-01",
    "R99/P9999M/9999-12-31",
    "R1/P9999D/0001-01-01",
    "R2/P30D/2026-02-30",
    f"R{'9' * 4000}/P1D/2026-11-01",
]
CONNECTIONS = 2000
SPARE_FILES = 200  # that the tests and the API need for everything else


def check(answer: requests.Response, operation: Operation) -> None:
    """It is one of the answers that are documented, came soon, is not long, and tells no secret."""
    assert answer.status_code in operation.statuses, answer.text
    assert answer.status_code < 500, answer.text
    assert answer.elapsed.total_seconds() < 5
    assert len(answer.content) < 50_000
    assert not [secret for secret in SECRETS if secret in answer.text]
    assert "x-injected" not in answer.headers


def errors(service: Process) -> list[str]:
    """What it logged as an error."""
    return [line for line in service.log.read_text().splitlines() if '"level": "error"' in line]


@pytest.mark.parametrize(("operation", "parameter"), EVERY_PARAMETER)
def test_an_injection_finds_nothing(operation: Operation, parameter: Parameter, tireless: Process) -> None:
    for text in INJECTIONS:
        answer = tireless.get(operation.url(parameter.name, parameter.where, text))
        check(answer, operation)
        assert answer.status_code >= 400 or parameter.name not in KNOWN or answer.json()["aggregation"] == [0, 0]
    assert errors(tireless) == []


@pytest.mark.parametrize(("operation", "parameter"), EVERY_PARAMETER)
def test_what_is_no_text_is_refused(operation: Operation, parameter: Parameter, tireless: Process) -> None:
    for text in MALFORMED:
        address = operation.url(parameter.name, parameter.where, "MALFORMED").replace("MALFORMED", text)
        answer = raw(tireless, f"GET {address} HTTP/1.1")
        assert answer[:3] in {b"200", b"400", b"404", b"422"}, answer
    assert errors(tireless) == []


@pytest.mark.parametrize(("operation", "parameter"), EVERY_PARAMETER)
def test_an_absurd_value_is_answered(operation: Operation, parameter: Parameter, tireless: Process) -> None:
    for text in NUMBERS if "integer" in parameter.types else TEXTS:
        check(tireless.get(operation.url(parameter.name, parameter.where, text)), operation)
    if parameter.where == "query":
        repeated = operation.url() + f"&{parameter.name}={KNOWN.get(parameter.name, '1')}" * 1000
        check(tireless.get(repeated), operation)
    assert errors(tireless) == []


@pytest.mark.parametrize("operation", EVERY_KIND)
def test_a_header_is_no_way_in_either(operation: Operation, tireless: Process) -> None:
    for name in ("Accept", "If-None-Match", "Accept-Encoding", "Range", "X-Forwarded-For", "Origin"):
        for text in ("' or '1'='1", "*" * 3000, ", " * 3000, "text/csv;q=" + "9" * 3000, "bytes=0-,0-,0-", "\xff"):
            answer = tireless.get(operation.url(), headers={name: text.encode("latin-1")})
            assert answer.status_code in operation.statuses, (name, text, answer.text)
            assert answer.status_code < 500
    for text in ("Bearer ' or '1'='1", "Bearer " + "." * 5000, "Basic e30=", "Bearer", "Bearer \xff", "Bearer a.b.c"):
        answer = tireless.session.get(
            f"{tireless.url}{operation.url()}", headers={"Authorization": text.encode("latin-1")}, timeout=10
        )
        assert answer.status_code == (401 if 401 in operation.statuses else 200), (text, answer.text)
    assert errors(tireless) == []


@settings(max_examples=times(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cursor_that_was_tampered_with_shows_nothing_more(data: st.DataObject, tireless: Process) -> None:
    path = "/v1/applications?limit=1"
    good = tireless.json(path)["next"]
    content = json.loads(urlsafe_b64decode(good + "=="))
    value = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from(INJECTIONS)
    )
    changed = st.lists(st.tuples(st.integers(0, len(content) - 1), value), min_size=1, max_size=3)
    rewritten = list(content)
    for position, new in data.draw(changed):
        rewritten[position] = new
    spoiled = list(good)
    spoiled[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.characters(max_codepoint=0x2FF))
    for cursor in (urlsafe_b64encode(json.dumps(rewritten).encode()).decode().rstrip("="), "".join(spoiled)):
        answer = tireless.get(path, params={"cursor": cursor})
        assert answer.status_code in {200, 409, 422}, (cursor, answer.text)
        assert not [secret for secret in SECRETS if secret in answer.text.replace(cursor, "")]


# What each caller of `shared` may be told of, and what nobody else may.
OWN = {"storefront": {"SHOP-WEB", "SEARCH", "storefront"}, "payments": {"PAYMENTS", "nimbus.database", "payments"}}
NARROWED = ("application_id", "group_id", "group", "project", "product", "family", "domain", "source")


@settings(max_examples=times(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_caller_is_told_what_is_another_s(data: st.DataObject, shared: Shared) -> None:
    operation = data.draw(st.sampled_from([found for found in OPERATIONS if found.path.startswith(("/v1", "/api"))]))
    caller = data.draw(st.sampled_from(["storefront", "payments", "nothing"]))
    names = [found for found in operation.parameters if found.name in NARROWED]
    wanted = data.draw(st.sampled_from(sorted(set().union(*OWN.values()))))
    narrowed = data.draw(st.sampled_from(names)) if names else None
    url = operation.url(narrowed.name, narrowed.where, wanted) if narrowed else operation.url()
    accept = data.draw(st.sampled_from(["application/json", "text/csv", "*/*"]))
    answer = shared.service.get(url, token=shared.tokens[caller], headers={"Accept": accept})
    assert answer.status_code in operation.statuses, (url, answer.text)
    if answer.status_code == 200:
        told = answer.text.replace(wanted, "") if narrowed else answer.text
        others = set().union(*(own for name, own in OWN.items() if name != caller))
        assert not [name for name in others if f'"{name}"' in told or f",{name}," in told], (url, caller, told)


# Connections


def raw(service: Service, *lines: str) -> bytes:
    """The status and what follows of an answer to a request that no library would send."""
    with connection(service) as opened:
        head = [*lines, "Host: localhost", f"Authorization: Bearer {service.token}", "Connection: close", "", ""]
        opened.sendall("\r\n".join(head).encode("latin-1"))
        found = b""
        while piece := opened.recv(65536):
            found += piece
    return found.removeprefix(b"HTTP/1.1 ")


@contextmanager
def connection(service: Service) -> Iterator[socket.socket]:
    """A connection to the API."""
    address = urlsplit(service.url)
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=30) as opened:
        yield opened


def ask(opened: socket.socket, path: str) -> None:
    """Send a request, and read nothing."""
    opened.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def status(opened: socket.socket) -> int:
    """Of the answer that comes next; what else there is of it is read too."""
    answer = http.client.HTTPResponse(opened)
    answer.begin()
    answer.read()
    return answer.status


@pytest.fixture
def many_files() -> Iterator[int]:
    """How many files this process may open, and the API that it starts: as many as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard if hard != resource.RLIM_INFINITY else sys.maxsize
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_thousand_connections_are_answered(costs: Database, many_files: int) -> None:
    assert costs.info.dbname
    count = min(CONNECTIONS, many_files - SPARE_FILES)
    if count < CONNECTIONS:
        warnings.warn(f"this machine lets a process open {many_files} files: {count} connections", stacklevel=1)
    # those who may wait for a connection are served, however slow the machine is
    patient = {"FINOPS_API_RATE_LIMIT": "", "FINOPS_API_POOL_TIMEOUT": "20"}
    with api("--insecure-local", environment=patient) as service, ExitStack() as stack:
        opened = [stack.enter_context(connection(service)) for _ in range(count)]
        assert service.get("/v1/costs").elapsed.total_seconds() < 2
        for path, expected in (("/healthz", {200}), ("/v1/applications?limit=1", {200, 503})):
            for each in opened:
                ask(each, path)
            found = Counter(status(each) for each in opened)
            assert set(found) <= expected
            assert found[200] >= min(count, 200), found
        assert service.get("/v1/costs").status_code == 200


def test_who_asks_and_does_not_read_costs_the_others_nothing(costs: Database) -> None:
    assert costs.info.dbname
    limits = {"FINOPS_API_STALL_TIMEOUT": "2", "FINOPS_API_RATE_LIMIT": ""}
    with api("--insecure-local", environment=limits) as service, ExitStack() as stack:
        memory = psutil.Process(service.process.pid).memory_info
        before = memory().rss
        for _ in range(50):
            opened = stack.enter_context(connection(service))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        for _ in range(200):
            assert service.get("/v1/costs").status_code == 200
            if service.log.read_text().count("client stalled") == 50:
                break
            time.sleep(0.1)
        assert service.log.read_text().count("client stalled") == 50
        assert memory().rss - before < 64 << 20


def test_a_request_without_end_is_cut(costs: Database) -> None:
    assert costs.info.dbname
    with api("--insecure-local") as service:
        memory = psutil.Process(service.process.pid).memory_info
        before = memory().rss
        for start in (b"GET /v1/costs?", b"GET /v1/costs HTTP/1.1\r\nX: "):
            with connection(service) as opened, pytest.raises(OSError, match="reset|Broken|aborted"):  # noqa: RUF043
                opened.sendall(start + b"x" * (100 << 20))
            assert service.get("/v1/costs").elapsed.total_seconds() < 2
        assert memory().rss - before < 16 << 20


def test_who_asks_far_ahead_is_cut(tireless: Process) -> None:
    with connection(tireless) as opened, suppress(ConnectionResetError):
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * times(10_000))
        answered = sum(opened.recv(65536).count(b"HTTP/1.1 200") for _ in range(times(10_000)))
        assert answered < 1000
    assert tireless.get("/healthz").status_code == 200


def test_a_long_request_is_refused(tireless: Process) -> None:
    assert raw(tireless, "GET /v1/costs HTTP/1.1", "X: " + "x" * 60_000).startswith(b"200 ")
    assert raw(tireless, "GET /v1/costs HTTP/1.1", "X: " + "x" * 70_000).startswith(b"431 ")
    with connection(tireless) as kept:
        ask(kept, "/healthz")
        assert status(kept) == 200
        ask(kept, "/healthz?" + "x" * 70_000)
        assert status(kept) == 431


def test_who_begins_and_does_not_go_on_is_given_up() -> None:
    with api_here(insecure_local=True, stall_timeout=1) as service:
        for said, answer in ((b"", b""), (b"GET /healthz HTTP/1.1\r\nHost: loc", b"HTTP/1.1 408 Request Timeout\r\n")):
            with connection(service) as opened:
                opened.sendall(said)
                assert opened.recv(30) == answer
        with connection(service) as kept:
            for _ in range(3):
                time.sleep(0.6)
                ask(kept, "/healthz")
                assert status(kept) == 200
