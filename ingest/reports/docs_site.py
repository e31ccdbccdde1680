"""The docs site for analysts: dbt's own page with its data inside, one HTML file, written or served.

The page is kept in memory, so the temporary folder is gone before the first request. It loads nothing from elsewhere,
and the Content-Security-Policy sent with it enforces that.
"""

from __future__ import annotations

import gzip
import tempfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from finops.ingest.errors import FinopsError
from finops.ingest.pipeline import dbt as transform

# The page is scripts and styles in one file, and its templates are compiled as it runs.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; frame-ancestors 'self'"
)


def build(output: Path) -> None:
    """Write the site to a file, atomically.

    Raises:
        FinopsError: when dbt can't make it, or the file can't be written.
    """
    page = _page()
    draft = output.with_name(f"{output.name}.new")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(page)
        draft.replace(output)
    except OSError as error:
        raise FinopsError(
            f"the docs can't be written to {output}: {error.strerror}; choose another --output"
        ) from error


def serve(host: str, port: int) -> None:
    """Serve the site at `/` until the process is stopped.

    Raises:
        FinopsError: when dbt can't make it, or the address can't be listened on.
    """
    page = gzip.compress(_page())  # every browser takes it

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/", "/index.html"):
                self.send_error(HTTPStatus.NOT_FOUND, "the docs are one page, at /")
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Log nothing: readers of the docs are not tracked."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise FinopsError(
            f"{host}:{port} can't be listened on: {error.strerror}; choose another --host or --port"
        ) from error
    with server:
        click.echo(f"Docs on http://{host}:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


def _page() -> bytes:
    with tempfile.TemporaryDirectory(prefix="finops-docs-") as folder:
        return transform.write_docs(Path(folder)).read_bytes()
