"""The files of the page and of the documentation, ready to be sent: ours, and those of packages with their licences.

Their addresses hold a digest of all of them, so that browsers keep them for ever and never mix two versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from finops.api.http.negotiation import Prepared

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
ASK_AGAIN = {**HEADERS, "Cache-Control": "no-cache"}
KEEP = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
PAGES = {"index.html": "/", "docs.html": "/docs"}
CHARTS = "django/static/chartkick/Chart.bundle.js"
SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
# Swagger UI is under the Apache License, whose text fastapi-offline leaves out, and `requests` has.
LICENSED = {
    "Swagger UI": "requests",
    "The package of Swagger UI's files": "fastapi-offline",
}


def is_file(path: str) -> bool:
    """Whether a path is one of them, or would be in another version."""
    return path in PAGES.values() or path.startswith("/page/")


@cache
def files() -> dict[str, Prepared]:
    """Every file by its path: read and compressed once in a process."""
    contents = dict(_contents())
    every = b"".join(name.encode() + b"\0" + content for name, content in sorted(contents.items()))
    folder = f"page/{hashlib.sha256(every).hexdigest()[:16]}"
    found = {}
    for name, content in contents.items():
        media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix)
        if media_type is None:  # an editor's copy
            continue
        if name in PAGES:
            page = content.replace(b"{{assets}}", folder.encode())
            found[PAGES[name]] = Prepared(page, media_type, ASK_AGAIN)
        else:
            found[f"/{folder}/{name}"] = Prepared(content, media_type, KEEP)
    return found


def _contents() -> Iterator[tuple[str, bytes]]:
    """The name and content of each file."""
    ours = resources.files("finops.api.page")
    for folder in ("static", "docs"):
        yield from _below(ours / folder)
    yield "chart.js", (resources.files("chartkick") / CHARTS).read_bytes()
    for name in SWAGGER_UI:
        yield name, (resources.files("fastapi_offline") / "static" / name).read_bytes()
    yield "licences.txt", "\n\n".join(_licences()).encode()


def _below(folder: Traversable, above: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{above}{entry.name}/")
        else:
            yield f"{above}{entry.name}", entry.read_bytes()


def _licences() -> Iterator[str]:
    """The licence of everything here that others wrote, under the name of what it is for."""
    for file in sorted((resources.files("chartkick") / "licenses").iterdir(), key=lambda entry: entry.name):
        yield f"=== {file.name}\n\n{file.read_text(encoding='utf-8')}"
    for name, package in LICENSED.items():
        for path in metadata.files(package) or ():
            if path.name == "LICENSE":
                yield f"=== {name}\n\n{path.read_text(encoding='utf-8')}"
