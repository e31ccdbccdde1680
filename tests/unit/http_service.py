"""A real HTTP server on the loopback interface: a test says what it answers, and looks at what it was asked."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it came; `at` is the clock's, in seconds; a body is read as JSON."""

    path: str
    query: Mapping[str, str]
    headers: Message
    at: float
    method: str = "GET"
    body: Any = None


@dataclass(frozen=True)
class Answer:
    """What to send; `promised` bytes are announced where the connection is to break before they are sent."""

    text: str | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int = 0
    silence: float = 0


def answer(document: object, **headers: str) -> Answer:
    """A document as JSON with status 200; `Retry_After="1"` is the header Retry-After."""
    return Answer(json.dumps(document), headers={name.replace("_", "-"): value for name, value in headers.items()})


class Service(ThreadingHTTPServer):
    """Sends the answers it was given, in order, then 418."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[Asked] = []
        self.answers: list[Answer] = []
        self.closing = threading.Event()

    def will(self, *answers: Answer) -> None:
        """Give what is to be answered next."""
        self.answers.extend(answers)


class _Handler(BaseHTTPRequestHandler):
    """Answers a request; Nagle's delay is off, or every answer would wait 40 ms for an ACK."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Service

    def do_GET(self) -> None:
        """Note the request, send the next answer."""
        parts = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(sent) if sent else None
        query = dict(parse_qsl(parts.query))
        asked = Asked(parts.path, query, self.headers, time.monotonic(), self.command, body)
        self.server.asked.append(asked)
        given = self.server.answers.pop(0) if self.server.answers else Answer("nothing more was planned", 418)
        self.server.closing.wait(given.silence)
        body = given.text.encode() if isinstance(given.text, str) else given.text
        self.send_response(given.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(given.promised or len(body)))
        for name, value in given.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = bool(given.promised)

    do_POST = do_GET  # noqa: N815 the parent's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the parent's signature
        """Say nothing: a test's own words are enough."""


@contextmanager
def serving() -> Iterator[Service]:
    """A service on a free port, for as long as the block runs."""
    service = Service()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        service.shutdown()
        service.server_close()
        thread.join()
