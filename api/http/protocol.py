"""uvicorn's HTTP protocol, with limits: of a request's head, of the time to send it, and of requests sent ahead.

Without them, a caller whose request line never ends keeps all others waiting, as every piece is added to those before,
and one who sends requests without reading answers fills the memory.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_BYTES = 1 << 16  # of a request line and its headers
MAX_PIPELINED = 50  # requests that may wait for the answer to the one before them
PIECE = 1 << 14
REFUSAL = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """A connection; `patience` is the seconds from it, or the first byte of a later request, to the end of a head."""

    patience: float
    _size = 0  # of the head so far
    _piece = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._done()
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
        self._wait()
        self._size = max(self._size, self._piece)

    def on_headers_complete(self) -> None:
        """The end of a head."""
        self._done()
        super().on_headers_complete()

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


def protocol_with_timeout(seconds: float) -> type[BoundedProtocol]:
    """The class of a connection that waits so long for a head."""

    class Patient(BoundedProtocol):
        patience = seconds

    return Patient
