"""Backstage as the page sees it: its files, its configuration, and its proxy in front of the FinOps API."""

from __future__ import annotations

import json
import mimetypes
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import yaml

PROXY = "/api/proxy"
TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".json": "application/json"}


@dataclass
class Backstage:
    """Where the page is, and what it asked the API."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(files: Path, config: Path, environment: dict[str, str]) -> Iterator[Backstage]:
    """The built page on a free port, with an app-config.yaml and the environment that it names."""
    whole = _config(config, environment)
    endpoints: dict[str, Any] = whole.pop("proxy")["endpoints"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/app-config.json":
                base = {"baseUrl": backstage.url}
                self._answer(200, json.dumps({**whole, "app": base, "backend": base}).encode(), "application/json")
            elif path.startswith(f"{PROXY}/"):
                self._pass_on()
            else:
                self._file("index.html" if path == "/" else path.lstrip("/"))

        def _pass_on(self) -> None:
            """As @backstage/plugin-proxy-backend does: the endpoint's own path taken off, its headers put on."""
            name = next(name for name in endpoints if self.path.startswith(f"{PROXY}{name}/"))
            asked = self.path.removeprefix(f"{PROXY}{name}")
            backstage.asked.append(asked)
            endpoint = endpoints[name]
            answer = requests.get(f"{endpoint['target']}{asked}", headers=endpoint["headers"], timeout=30)
            self._answer(answer.status_code, answer.content, answer.headers["Content-Type"])

        def _file(self, name: str) -> None:
            path = files / name
            if path.is_file():
                self._answer(200, path.read_bytes(), TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, content: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        backstage = Backstage(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield backstage
        finally:
            server.shutdown()


def _config(path: Path, environment: dict[str, str]) -> dict[str, Any]:
    """An app-config.yaml with its `${…}` filled in."""
    known = {**os.environ, **environment}
    text = re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], path.read_text(encoding="utf-8"))
    whole: dict[str, Any] = yaml.safe_load(text)
    return whole
