"""A real HTTP server that does as a function says: bytes, an answer that drips, TLS, OAuth2 tokens."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

Reply = Callable[["Exchange"], object]


class Exchange(BaseHTTPRequestHandler):
    """A request, its body read, and what can be written back; what drips has to be flushed."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "OddService"
    body: bytes

    def do_GET(self) -> None:
        """Answer as the function says."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self)
        self.server.reply(self)

    do_POST = do_GET  # noqa: N815 the parent's name

    def send(self, body: bytes, status: int = 200, /, **headers: str) -> None:
        """Answer with these bytes."""
        self.begin(status, Content_Length=str(len(body)), **headers)
        self.wfile.write(body)

    def begin(self, status: int = 200, /, **headers: str) -> None:
        """Answer with a status and headers; `Retry_After` is the header Retry-After."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the parent's signature
        """Say nothing."""


class OddService(ThreadingHTTPServer):
    """Answers every request by a function."""

    daemon_threads = True

    def __init__(self, reply: Reply, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self.reply = reply
        self.asked: list[Exchange] = []
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""

    @property
    def forms(self) -> list[dict[str, str]]:
        """The forms that were posted."""
        return [dict(parse_qsl(asked.body.decode())) for asked in self.asked]


@contextmanager
def serving_oddly(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[OddService]:
    """A service on a free port, for as long as the block runs."""
    service = OddService(reply, tls)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        service.shutdown()
        service.server_close()
        thread.join()


def tokens(**more: object) -> Reply:
    """Hands out token-1, token-2 and so on."""
    given = iter(range(1, 1000))

    def reply(exchange: Exchange) -> None:
        exchange.send(json.dumps({"access_token": f"token-{next(given)}", "token_type": "Bearer"} | more).encode())

    return reply
