"""Who calls, before any other work; and few requests of strangers, so that they slow none who is known.

A stranger is a request without a credential, or with one that is not known here. So many of one address (of a network
of 64 bits with IPv6, since one caller has as many addresses), and ten times as many of all addresses, are answered as
any other. Those beyond it wait, and the more of them wait, the longer: then they are refused, whatever they ask for.
Probes are answered all the same, after half a second, since an attacker may share the address of who watches over this
process. So are the files of the page, which browsers fetch without a credential: they are counted apart, and thirty
times as many are answered at once. Known callers behind the same address are not counted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from limits import RateLimitItem, parse
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from finops.api.auth.authenticator import REMEDY, Authenticator
from finops.api.auth.jwks import KeysError
from finops.api.auth.tokens import TokensError
from finops.api.http.problems import ProblemError, answer, unavailable
from finops.api.page.files import is_file

PROBES = ("/healthz", "/readyz", "/metrics")
PAUSE = 0.5  # seconds: Kubernetes gives a probe one, if it is told nothing else
REFUSALS = 100  # a second
MAX_WAITING = 2000
ADDRESSES = 10  # that may use up what they are allowed before all others are refused
FILES = 30  # of the page, for each other request: it is about as many of them
NETWORK = 64  # bits


class StrangerLimit:
    """Counts requests of strangers in windows of time; at most `ADDRESSES` times the limit are remembered."""

    def __init__(self, limit: str, times: int = 1) -> None:
        self.limit: RateLimitItem | None = parse(limit) if limit else None
        self._most = self.limit.amount * times if self.limit else 0
        self._ends = 0.0
        self._counts: dict[str, int] = {}
        self._total = 0

    def is_exceeded(self, address: str) -> bool:
        """Count a request from this address."""
        if self.limit is None:
            return False
        now = time.monotonic()
        if now >= self._ends:
            self._ends, self._counts, self._total = now + self.limit.get_expiry(), {}, 0
        if self._total >= self._most * ADDRESSES:
            return True
        count = self._counts.get(network(address), 0) + 1
        if count > self._most:
            return True
        self._counts[network(address)] = count
        self._total += 1
        return False

    def seconds_left(self) -> int:
        """Until the window ends."""
        return max(1, round(self._ends - time.monotonic()))


class Door:
    """Middleware: puts the caller's identity into the request's state, and holds back strangers."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, limit: str, *, preflights: bool) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limit = StrangerLimit(limit)
        self._files = StrangerLimit(limit, FILES)
        self._preflights = preflights
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in whoever is known, and some strangers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            state["identity"] = await self._authenticator.identity(credential(scope))
        except (TokensError, KeysError):
            state["identity"], state["is_undecided"] = None, True
        refusal = await self._too_many(scope, state)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await answer(Request(scope), refusal)(scope, receive, send)

    async def _too_many(self, scope: Scope, state: Mapping[str, Any]) -> ProblemError | None:
        """Why the request is refused, after a while; None where it is not."""
        if state["identity"] is not None:
            admitted = state["admit"]() if "admit" in state else True
            return None if admitted else unavailable("too many connections are open")
        free = scope["method"] in ("GET", "HEAD") and is_file(scope["path"])
        limit = self._files if free else self._limit
        if not limit.is_exceeded((scope.get("client") or ("",))[0]):
            return None
        if free or "is_undecided" in state or self._is_free(scope):
            await self._wait(PAUSE)
            return None
        await self._wait(PAUSE + self._waiting / REFUSALS)
        return self._refusal()

    async def _wait(self, seconds: float) -> None:
        """Wait, unless so many do already that they would fill the memory: who goes away waits on here."""
        if self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1

    def _is_free(self, scope: Scope) -> bool:
        """Whether it is a probe, or a browser's question whether it may ask, which has no credential."""
        if scope["method"] == "OPTIONS":
            return self._preflights and "access-control-request-method" in Headers(scope=scope)
        return scope["path"] in PROBES and scope["method"] == "GET"

    def _refusal(self) -> ProblemError:
        wait = self._limit.seconds_left()
        return ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"more than {self._limit.limit} from your address without a credential that is known here: {REMEDY}, "
            f"or come back in {wait} s",
            headers={"Retry-After": str(wait)},
        )


def credential(scope: Scope) -> str | None:
    """The bearer token of a request."""
    scheme, _, found = Headers(scope=scope).get("authorization", "").partition(" ")
    return found.strip() or None if scheme.lower() == "bearer" else None


def network(address: str) -> str:
    """An address, or the network of an IPv6 address; a text that is neither, shortened."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:NETWORK]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found), NETWORK), strict=False))
