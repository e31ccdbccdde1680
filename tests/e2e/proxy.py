"""PostgreSQL behind a wire that can be cut: before or after a COMMIT, or everywhere at once."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from finops.demo.postgres import Embedded

Lost = Literal["request", "answer"]
LOST: tuple[Lost, ...] = get_args(Lost)
COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
COMMITTED = b"COMMIT\0"  # the tag of CommandComplete


@dataclass
class Wire:
    """A unix socket in front of the server's own.

    Attributes:
        folder: what PGHOST is behind it.
        lose: what is lost of the next COMMIT behind a COPY, of the one after it, and so on: itself, or its answer.
    """

    folder: Path
    server: Path
    lose: list[Lost] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """Break every connection that there is."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def accept(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                far.connect(str(self.server))
                self._open += [near, far]
                copies = threading.Event()
                for pump in (self._to_server, self._to_client):
                    threading.Thread(target=pump, args=(near, far, copies), daemon=True).start()

    def _to_server(self, near: socket.socket, far: socket.socket, copies: threading.Event) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if b"COPY " in data:
                    copies.set()
                if copies.is_set() and COMMIT in data and self._loses("request"):
                    break
                far.sendall(data)
        self._end(near, far)

    def _to_client(self, near: socket.socket, far: socket.socket, copies: threading.Event) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                if copies.is_set() and COMMITTED in data and self._loses("answer"):
                    break
                near.sendall(data)
        self._end(near, far)

    def _loses(self, what: Lost) -> bool:
        if self.lose[:1] == [what]:
            self.lose.pop(0)
            return True
        return False

    @staticmethod
    def _end(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(server: Embedded) -> Iterator[Wire]:
    """A wire to this server, for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="finops-wire-"))
    name = f".s.PGSQL.{server.port}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / name))
        listener.listen()
        made = Wire(folder, Path(server.socket_folder) / name)
        threading.Thread(target=made.accept, args=(listener,), daemon=True).start()
        try:
            yield made
        finally:
            made.cut()
            listener.close()
            shutil.rmtree(folder, ignore_errors=True)
