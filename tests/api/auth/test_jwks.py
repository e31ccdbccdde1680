"""An issuer's keys: fetched once for all callers, for tokens that need them alone, and from nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import jwt
import pytest
from click.testing import CliRunner

from finops.api.__main__ import cli
from finops.api.auth import jwks
from finops.api.auth.jwks import Keys, KeysError
from finops.api.auth.jwts import Issuers
from finops.api.settings import Issuer
from tests.api.auth.test_jwts import ISSUER, KEY, published_keys, signed
from tests.api.service import api_here
from tests.hostility import times

pytestmark = pytest.mark.hostile

Answer = Callable[[BaseHTTPRequestHandler], None]


class Publisher:
    """A server of keys that may be told to answer badly, and counts what it is asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0
        self.url = ""


@contextmanager
def publishing(answer: Answer) -> Iterator[Publisher]:
    """A real server."""
    publisher = Publisher(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked += 1
            try:
                publisher.answer(self)
            except OSError:  # who asked has gone
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        publisher.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        yield publisher
        server.shutdown()


def sending(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer of this body."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


GOOD = sending(json.dumps(published_keys()).encode())
BAD = sending(b"no", status=500)


def late(handler: BaseHTTPRequestHandler) -> None:
    """The keys, after a while."""
    time.sleep(0.3)
    GOOD(handler)


def dripping_body(handler: BaseHTTPRequestHandler) -> None:
    """A body that never ends, of which something always comes."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def dripping_head(handler: BaseHTTPRequestHandler) -> None:
    """A head that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        handler.wfile.write(f"X-{number}: x\r\n".encode())
        time.sleep(0.1)


def fetched(keys: Keys, key_id: str = "key-1") -> jwt.PyJWK | None:
    """One look-up."""
    return asyncio.run(keys.get(key_id))


def test_many_callers_at_once_cause_one_fetch() -> None:
    async def ask(keys: Keys) -> list[jwt.PyJWK | None]:
        return list(await asyncio.gather(*(keys.get("key-1") for _ in range(times(200)))))

    with publishing(late) as publisher:
        found = asyncio.run(ask(Keys(publisher.url)))
    assert (publisher.asked, None in found) == (1, False)


def test_a_caller_who_goes_away_takes_the_keys_from_none_of_the_others() -> None:
    async def ask(keys: Keys) -> jwt.PyJWK | None:
        impatient = asyncio.create_task(keys.get("key-1"))
        patient = asyncio.create_task(keys.get("key-1"))
        await asyncio.sleep(0.1)
        impatient.cancel()
        return await patient

    with publishing(late) as publisher:
        assert asyncio.run(ask(Keys(publisher.url))) is not None
    assert publisher.asked == 1


def test_an_invented_key_id_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(keys: Keys) -> list[jwt.PyJWK | None]:
        return [await keys.get(f"invented-{number}") for number in range(times(100))]

    with publishing(GOOD) as publisher:
        keys = Keys(publisher.url)
        assert set(asyncio.run(ask(keys))) == {None}
        assert publisher.asked == 1
        monkeypatch.setattr(jwks, "REFETCH_AFTER", 0)
        assert fetched(keys, "invented") is None
        assert publisher.asked == 2


@pytest.mark.parametrize("answer", [dripping_body, dripping_head], ids=["body", "head"])
def test_an_answer_that_drips_is_given_up_in_time(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    with publishing(answer) as publisher:
        started = time.monotonic()
        with pytest.raises(KeysError, match=r"not answered within 0\.5 s"):
            fetched(Keys(publisher.url))
        assert time.monotonic() - started < 2


ONE = json.dumps(published_keys()["keys"][0])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sending(b" " * (jwks.MAX_BYTES + 1)), "longer than 262144 bytes"),
        (sending(gzip.compress(b" " * (10 << 20)), Content_Encoding="gzip"), "not a JSON Web Key Set"),
        (sending(b"", 302, Location="http://127.0.0.1:9/jwks.json"), "answered 302; redirects are not followed"),
        (BAD, "answered 500"),
        (sending(b""), "not a JSON Web Key Set"),
        (sending(b"<html>"), "not a JSON Web Key Set"),
        (sending(b"[" * 100_000), "not a JSON Web Key Set"),
        (sending(b'{"keys": {"a": 1}}'), "not a JSON Web Key Set"),
        (sending(b'{"keys": [1, null, "x"]}'), "not a JSON Web Key Set"),
        (sending(b'{"keys": [{"kty": ["EC"], "crv": {}}]}'), "not a JSON Web Key Set"),
        (
            sending(b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "key-1", "x": 1, "y": "\xff"}]}'),
            "not a JSON Web Key",
        ),
        (sending(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "key-1"}]}'), "holds no key with an id"),
        (sending(f'{{"keys": [{ONE.replace("kid", "id")}]}}'.encode()), "holds no key with an id"),
        (sending(f'{{"keys": [{ONE.replace(chr(34) + "sig", chr(34) + "enc")}]}}'.encode()), "holds no key"),
    ],
)
def test_what_is_not_a_set_of_keys_is_an_error_that_says_so(answer: Answer, reason: str) -> None:
    with publishing(answer) as publisher, pytest.raises(KeysError, match=reason):
        fetched(Keys(publisher.url))


def test_a_key_that_can_not_be_used_hides_none_of_the_others() -> None:
    ugly = ['{"kty": "EC"}', '{"kty": "RSA", "n": "AQ", "e": "AQ", "kid": ["a"]}', "7", '{"kty": "PQ", "kid": "x"}']
    with publishing(sending(f'{{"keys": [{", ".join([*ugly, ONE])}]}}'.encode())) as publisher:
        assert fetched(Keys(publisher.url)) is not None


def test_the_last_keys_are_good_through_an_outage_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(keys: Keys, key_id: str = "key-1") -> jwt.PyJWK | None:
        await keys.get("key-1")
        await asyncio.sleep(0.3)  # fetched meanwhile, beside the callers
        return await keys.get(key_id)

    monkeypatch.setattr(jwks, "LIFESPAN", 0)
    monkeypatch.setattr(jwks, "REFETCH_AFTER", 0)
    with publishing(GOOD) as publisher:
        keys = Keys(publisher.url)
        assert fetched(keys) is not None
        publisher.answer = BAD
        assert asyncio.run(ask(keys)) is not None
        asked = publisher.asked
        assert asked >= 2
        for _ in range(times(50)):
            assert fetched(keys) is not None
        assert publisher.asked == asked  # a failure is not repeated at once
        with pytest.raises(KeysError, match="answered 500"):
            fetched(keys, "rotated-meanwhile")
        monkeypatch.setattr(jwks, "OUTAGE_LIFESPAN", 0)
        with pytest.raises(KeysError, match="answered 500"):
            fetched(keys)
        monkeypatch.setattr(jwks, "OUTAGE_LIFESPAN", 3600)
        monkeypatch.setattr(jwks, "RETRY_AFTER", 0)
        publisher.answer = GOOD
        assert asyncio.run(ask(keys)) is not None
        assert asyncio.run(ask(keys, "invented")) is None


def test_callers_do_not_wait_for_a_fetch_while_the_keys_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "LIFESPAN", 0)
    monkeypatch.setattr(jwks, "REFETCH_AFTER", 0)
    with publishing(GOOD) as publisher:
        keys = Keys(publisher.url)
        assert fetched(keys) is not None
        publisher.answer = dripping_body

        async def ask() -> float:
            started = time.monotonic()
            await asyncio.gather(*(keys.get("key-1") for _ in range(100)))
            return time.monotonic() - started

        assert asyncio.run(ask()) < 0.5


def token(header: dict[str, Any], **claims: Any) -> str:
    """A token of this header, signed by nobody's key."""
    payload = jwt.decode(signed(**claims), options={"verify_signature": False})
    return jwt.encode(payload, "a shared secret of enough bytes to be one", "HS256", headers=header)


def test_a_token_that_no_key_could_save_causes_no_fetch() -> None:
    nonsense = [
        "",
        ".",
        "a.b.c",
        "x" * 10_000,
        token({"kid": "key-1"}),
        jwt.encode({"iss": ISSUER}, "", algorithm="none", headers={"kid": "key-1"}),
        signed(iss="https://elsewhere.example.com"),
        signed(iss=None),
        jwt.encode({"iss": ISSUER, "sub": "ada"}, KEY, "ES256"),  # no key id
    ]
    with publishing(GOOD) as publisher:
        issuers = Issuers([Issuer(jwks_url=publisher.url, issuer=ISSUER, audience="backstage")])
        for text in nonsense * times(5):
            assert asyncio.run(issuers.identity(text)) is None
        assert publisher.asked == 0
        assert asyncio.run(issuers.identity(signed())) is not None
        assert publisher.asked == 1


def test_one_issuer_that_is_down_takes_the_callers_of_another_nothing() -> None:
    with publishing(BAD) as down, publishing(GOOD) as up:
        plugins = [Issuer(jwks_url=each.url, issuer=None, audience="finops") for each in (down, up)]
        found = asyncio.run(Issuers(plugins).identity(signed(iss=None, aud="finops", sub="catalog")))
    assert found is not None


def test_while_keys_can_not_be_fetched_callers_are_told_when_to_come_back() -> None:
    with publishing(BAD) as publisher:
        issuer = {"jwks_url": publisher.url, "issuer": ISSUER, "audience": "backstage"}
        with api_here(issuers=json.dumps([issuer])) as service:
            for _ in range(20):
                answer = service.get("/v1/applications", token=signed())
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert publisher.asked == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://backstage:7007/jwks",
        "http://localhost@evil.example.com/",
        "http://127.0.0.1.evil.example.com/",
        "http://10.0.0.1/",
    ],
)
def test_keys_over_plain_http_from_another_machine_are_refused_at_the_start(url: str) -> None:
    issuer = {"jwks_url": url, "issuer": ISSUER, "audience": "backstage"}
    done = CliRunner(env={"FINOPS_API_ISSUERS": json.dumps([issuer])}).invoke(cli, ["serve"])
    assert done.exit_code == 2
    for said in ("FINOPS_API_ISSUERS", "http://", "over https", '"insecure_http": true'):
        assert said in done.output
    assert Issuer.model_validate({**issuer, "insecure_http": True}).jwks_url == url


@pytest.mark.parametrize(
    "url", ["http://localhost:7007/jwks", "http://127.0.0.1/", "http://[::1]:1/", "https://backstage/jwks"]
)
def test_keys_over_https_or_from_this_machine_need_no_setting(url: str) -> None:
    assert Issuer(jwks_url=url, issuer=ISSUER, audience="backstage").jwks_url == url
