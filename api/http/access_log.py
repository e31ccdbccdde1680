"""Around every request: a line in the access log, a measurement, and an end to sending to a client that does not read.

The line has the path and never the query or a header, so that no token gets into it. An answer that says nothing of
caches is given `no-store`, so that a route that forgets it gives no caller another's costs. No browser shows an answer
as a page, whatever is in it, but for those of page/, which have a policy of their own; and none hands an answer to a
page of another origin, unless CORS is set for it.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from finops.api.auth.audit import Audit
from finops.api.http.metrics import Metrics

LOG = logging.getLogger("finops.api.access")


class AccessLog:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics, audit: Audit, stall_timeout: float) -> None:
        self._app = app
        self._audit = audit
        self._stall_timeout = stall_timeout
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, log and measure."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        outgoing = _Outgoing(send, self._stall_timeout)
        started = time.perf_counter()
        self._metrics.running.inc()
        try:
            await self._app(scope, receive, outgoing)
        except (ClientDisconnect, TimeoutError):
            if not outgoing.stalled:
                raise
            LOG.warning("%s: client stalled for %s s; connection closed", scope["path"], self._stall_timeout)
        finally:
            self._metrics.running.dec()
            self._record(scope, outgoing, time.perf_counter() - started)

    def _record(self, scope: Scope, outgoing: _Outgoing, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "")
        self._audit.record(scope, outgoing.status)
        self._metrics.answered(scope["method"], route, outgoing.status, seconds)
        identity = scope.get("state", {}).get("identity")
        LOG.info(
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": outgoing.status,
                "bytes": outgoing.size,
                "milliseconds": round(seconds * 1000, 1),
                "caller": identity.name if identity else None,
                "client": (scope.get("client") or [None])[0],
            },
        )


class _Outgoing:
    """`send`, which counts, and gives up a client that does not read."""

    def __init__(self, send: Send, stall_timeout: float) -> None:
        self._send = send
        self._stall_timeout = stall_timeout
        self.status = 500  # of an answer that never began
        self.size = 0
        self.stalled = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.size += len(message.get("body", b""))
        try:
            async with asyncio.timeout(self._stall_timeout):
                await self._send(message)
        except TimeoutError:
            self.stalled = True
            raise
