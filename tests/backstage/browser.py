"""Chromium, headless, and what a page holds once it has drawn itself: texts, and the shapes of its charts."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

PRODUCT = "product-list-item-"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Part:
    """A piece of the page: its texts in order, its bars and curves as SVG draws them."""

    texts: list[str] = field(default_factory=list)
    paths: list[dict[str, str]] = field(default_factory=list)

    def after(self, text: str) -> str:
        """The text that follows another."""
        return self.texts[self.texts.index(text) + 1]

    def bars(self) -> list[float]:
        """The heights of the bars, those of the previous period first."""
        return [float(path["height"]) for path in self.paths if "recharts-rectangle" in path["class"]]

    def curve(self, kind: str) -> list[tuple[float, float]]:
        """The points of the first curve of a kind."""
        path = next(path for path in self.paths if f"recharts-{kind}" in path["class"])
        return [(float(x), float(y)) for x, y in re.findall(r"([-0-9.e]+),([-0-9.e]+)", path["d"])]


class Page(HTMLParser):
    """A page taken apart: `whole`, and the card of each product by its key."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.whole = Part()
        self.products: dict[str, Part] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A card or a shape of a chart may begin here."""
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append((tag, given.get("data-testid", "")))
        if tag == "path" and "recharts" in given.get("class", ""):
            for part in self._parts():
                part.paths.append(given)

    def handle_endtag(self, tag: str) -> None:
        """What it closes, with whatever was left open in it."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """A text, of every card that it is in."""
        text = data.strip("\u200b \n")
        if text and not {"script", "style"} & {tag for tag, _ in self._open}:
            for part in self._parts():
                part.texts.append(text)

    def _parts(self) -> list[Part]:
        cards = [name.removeprefix(PRODUCT) for _, name in self._open if name.startswith(PRODUCT)]
        return [self.whole, *(self.products.setdefault(card, Part()) for card in cards)]


def render(chromium: str, url: str, screenshot: Path | None = None) -> Page:
    """The page at an address after half a minute of its own time; a picture of it too, where asked."""
    html = _run(chromium, url, "--dump-dom").decode()
    if screenshot:
        _run(chromium, url, f"--screenshot={screenshot}")
    return Page(html)


def _run(chromium: str, url: str, *what: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="finops-chromium-") as profile:
        command = [
            chromium,
            "--headless=new",
            "--no-sandbox",  # root, as in a container, has none; the page is our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--lang=en-US",
            "--window-size=1400,4200",
            "--virtual-time-budget=30000",
            f"--user-data-dir={profile}",
            *what,
            url,
        ]
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
