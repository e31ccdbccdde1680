"""The docs site for analysts: dbt's page with its data inside, one HTML file, written or served.

dbt's own `--static` does the same, but draws more than a hundred unit tests into the lineage: here they are left out.
One file, so that serving it needs no folder: it is read once and kept, the temporary folder is gone before the first
request. The page asks nobody for anything, and the policy sent with it holds it to that.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from finops.ingest.errors import FinopsError
from finops.ingest.pipeline import dbt as transform

# The page is scripts and styles in one file, and its templates are compiled as it runs.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; frame-ancestors 'self'"
)
MANIFEST, CATALOG = '"MANIFEST.JSON INLINE DATA"', '"CATALOG.JSON INLINE DATA"'
PATHS = ("/", "/index.html")


def build(project: Path, output: Path) -> None:
    """Write the site to a file, whole or not at all.

    Raises:
        FinopsError: when dbt can't make it, or the file can't be written.
    """
    page = _made(project)
    draft = output.with_name(f"{output.name}.new")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(page)
        draft.replace(output)
    except OSError as error:
        raise FinopsError(
            f"the docs can't be written to {output}: {error.strerror}; choose another --output"
        ) from error


def serve(project: Path, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the site at `/` until the process is told to end.

    Raises:
        FinopsError: when dbt can't make it, or the address can't be listened on.
    """
    page = _made(project)
    try:
        server = ThreadingHTTPServer((host, port), _handler(page))
    except OSError as error:
        raise FinopsError(
            f"{host}:{port} can't be listened on: {error.strerror}; choose another --host or --port"
        ) from error
    with server:
        say(f"Docs on http://{host}:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")


def _made(project: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="finops-docs-") as folder:
        transform.write_docs(project, Path(folder))
        return assemble(Path(folder))


def assemble(folder: Path) -> bytes:
    """The page of what dbt wrote into a folder.

    Raises:
        FinopsError: when dbt's page is not made as we know it.
    """
    page = (folder / "index.html").read_text(encoding="utf-8")
    manifest = _without_unit_tests(json.loads((folder / "manifest.json").read_bytes()))
    catalog = json.loads((folder / "catalog.json").read_bytes())
    for place, data in ((MANIFEST, manifest), (CATALOG, catalog)):
        if page.count(place) != 1:
            raise FinopsError(f"dbt's docs page has no place for its data ({place}): is this dbt another version's?")
        page = page.replace(
            place, json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
        )  # no text ends the script
    return page.encode()


def _without_unit_tests(manifest: dict[str, Any]) -> dict[str, Any]:
    left_out = manifest["unit_tests"].keys()
    edges = {
        name: {
            node: [end for end in ends if end not in left_out]
            for node, ends in manifest[name].items()
            if node not in left_out
        }
        for name in ("parent_map", "child_map")
    }
    return {**manifest, **edges, "unit_tests": {}}


def _handler(page: bytes) -> type[BaseHTTPRequestHandler]:
    packed = gzip.compress(page, 6)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The page, or 404."""
            if self.path.partition("?")[0] not in PATHS:
                self.send_error(HTTPStatus.NOT_FOUND, "the docs are one page, at /")
                return
            takes_packed = "gzip" in self.headers.get("Accept-Encoding", "")
            body = packed if takes_packed else page
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            if takes_packed:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Vary", "Accept-Encoding")
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 as above

        def log_message(self, *_: object) -> None:
            """Nothing: who reads the docs is nobody's business."""

    return Handler
