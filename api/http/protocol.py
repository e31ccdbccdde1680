"""How uvicorn serves: where it listens, and HTTP with limits.

They are of a request's head and the time to send it, of requests ahead, and of connections.

Without them, a caller whose request line never ends keeps all others waiting, as every piece is added to those before,
and one who sends requests without reading answers fills the memory. uvicorn's own limit of connections refuses whoever
comes last, probes included; here it is the stranger that has been silent for longest whose connection is closed.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from finops.api.settings import Settings

LOG = logging.getLogger("finops.api")
OTHER_FILES = 100  # that the process opens beside connections: of PostgreSQL, of CSV, of its own code
MAX_BYTES = 1 << 16  # of a request line and its headers
MAX_PIPELINED = 50  # requests that may wait for the answer to the one before them
PIECE = 1 << 14
ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
STRANGERS_SPARED = 50  # connections beyond the limit, when known callers hold all below it: for probes
REFUSAL = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """A connection; `patience` is the seconds from it, or the first byte of a later request, to the end of a head.

    `strangers` are the connections on which no known caller has asked, in the order of their last request.
    """

    patience: float
    most: int
    strangers: dict[BoundedProtocol, None]
    _size = 0  # of the head so far
    _piece = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()
        self.strangers[self] = None
        if len(self.connections) > self.most and len(self.strangers) > STRANGERS_SPARED:
            next(iter(self.strangers)).transport.abort()

    def admit(self) -> bool:
        """Keep the connection for the known caller who asks; False where known callers hold as many as there may be."""
        if self in self.strangers and len(self.connections) - len(self.strangers) >= self.most:
            return False
        self.strangers.pop(self, None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._done()
        self.strangers.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read in pieces, as long as the head is not too long."""
        for start in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            piece = data[start : start + PIECE]
            self._piece = len(piece)
            if self._deadline is not None:
                self._size += self._piece
            if self._size > MAX_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
            else:
                super().data_received(piece)
            if len(self.pipeline) > MAX_PIPELINED:
                self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.scope["state"]["admit"] = self.admit
        if self in self.strangers:
            self.strangers[self] = self.strangers.pop(self)
        self._wait()
        self._size = max(self._size, self._piece)

    def on_headers_complete(self) -> None:
        """The end of a head."""
        self._done()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Close, where more of the request would come, and nobody would read it."""
        if self.cycle.more_body:
            self.transport.close()
        super().on_response_complete()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.patience, self._refuse, b"408 Request Timeout")

    def _done(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._size, self._deadline = 0, None

    def _refuse(self, status: bytes) -> None:
        """Close, with a reason to a client that sent anything; an answer that is under way is lost."""
        sent = self._size
        self._done()
        if sent:
            self.transport.write(REFUSAL % status)
        self.transport.close()


class Server(uvicorn.Server):
    """A server that says where it listens, as soon as it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = self.config.host, sockets[0].getsockname()[1]
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            LOG.info("running on %s (page: %s/, API: %s/docs)", url, url, url)


class ListenError(Exception):
    """Nobody can listen there: why, and what to do."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of a host, as asyncio makes them.

    Raises:
        ListenError: where that can't be.
    """
    found: list[socket.socket] = []
    absent: OSError | None = None
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(addresses):
            try:
                found.append(socket.create_server(address, family=family))
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                absent = error  # `localhost` has an address of IPv6, and the machine may have none
        if absent and not found:
            raise absent
    except OSError as error:
        for each in found:
            each.close()
        raise ListenError(_cause(host, port, error)) from error
    return found


def _cause(host: str, port: int, error: OSError) -> str:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"port {port} of {host} is in use: give another one, such as --port {port + 1}; 0 takes a free one"
        case OSError(errno=errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT) | socket.gaierror():
            return f"{host} is not an address of this machine: give one that is, such as --host 127.0.0.1"
        case PermissionError():
            return f"port {port} is for the administrator: give one from 1024 up, such as --port 8000"
    return f"{host}, port {port}: {error.strerror}"


def bounded_protocol(patience: float, most: int) -> type[BoundedProtocol]:
    """The class of a server's connections: how long each waits for a head, and how many there may be."""
    return type("Connection", (BoundedProtocol,), {"patience": patience, "most": most, "strangers": {}})


def configuration(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=bounded_protocol(settings.stall_timeout, _most_connections(settings)),
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_graceful_shutdown=20,
        log_config=None,
    )


def _most_connections(settings: Settings) -> int:
    """As set, or fewer: where no file can be opened any more, no connection is accepted, and probes are connections."""
    others = OTHER_FILES + settings.pool_size + STRANGERS_SPARED
    files = _allow_files(settings.max_connections + others)
    if files - others < settings.max_connections:
        LOG.warning("at most %s connections, since this process may open %s files", max(1, files - others), files)
    return max(1, min(settings.max_connections, files - others))


def _allow_files(count: int) -> int:
    """Raise this process's own limit of open files to so many, as far as the system lets it; the limit then."""
    if sys.platform == "win32":
        return count
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
