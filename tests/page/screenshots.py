"""Pictures of the page's main views on the demo: `make screenshots`.

All of them go to build/screenshots, at their whole length; the tops of two go to docs/images, for the README. The
demo's day is fixed, and so is the night in which it was published: a picture changes only where the page, a figure or a
font does.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page

from finops.demo.__main__ import CLAIMS_KEY, LOGIN
from tests.api.service import api, write_tokens
from tests.conftest import ROOT
from tests.demonstration import made, running, that_night
from tests.page.visit import LAPTOP, PHONE, chromium, visit

FOLDER = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
# Down to where.
README = {"overview": "[data-tile=trend]", "application": "[data-tile=products] tbody tr:nth-child(6)"}
VIEWS = {
    "overview": "",
    "group": "?view=group&id=digital",
    "application": "?view=application&id=SHOP-WEB",
    "coverage": "?view=coverage",
    "runs": "?view=runs",
    "catalogue": "?view=catalogue",
}
DARK: dict[str, Any] = {"color_scheme": "dark"}
FRENCH: dict[str, Any] = {"locale": "fr-FR"}
ON_A_PHONE: dict[str, Any] = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


@dataclass(frozen=True)
class Shot:
    """A view, in a kind of window."""

    view: str
    suffix: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    is_printed: bool = False

    @property
    def name(self) -> str:
        """The file's, without its ending."""
        return f"{self.view}{self.suffix}"


SHOTS = (
    *(Shot(view) for view in VIEWS),
    *(Shot(view, "-dark", DARK) for view in VIEWS),
    *(Shot(view, "-phone", ON_A_PHONE) for view in VIEWS),
    *(Shot(view, "-french", FRENCH) for view in VIEWS),
    *(Shot(view, "-print", is_printed=True) for view in ("overview", "application")),
)


def main() -> None:
    """Take them all."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with chromium() as browser, made(months=14) as folder, running(folder) as database:
        that_night(database)
        with serving() as (url, token):
            for shot in SHOTS:
                take(browser, url, token, shot)


@contextmanager
def serving() -> Iterator[tuple[str, str]]:
    """The API's address, and a token that sees everything."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.toml"
        token = write_tokens(file, everything="*")["everything"]
        environment = {"PGUSER": LOGIN, "FINOPS_API_TOKENS_FILE": str(file), "FINOPS_API_CLAIMS_KEY": CLAIMS_KEY}
        limits = {"FINOPS_API_RATE_LIMIT": "", "FINOPS_API_STRANGER_LIMIT": ""}
        with api(environment={**environment, **limits}) as service:
            yield service.url, token


def take(browser: Browser, url: str, token: str, shot: Shot) -> None:
    """Write one picture, of the whole length of the view."""
    options = {"timezone_id": "Europe/Paris", **shot.options}
    with visit(browser, f"{url}/{VIEWS[shot.view]}", token, **options) as page:
        if shot.is_printed:
            page.emulate_media(media="print", color_scheme="light")
        settled(page)
        page.screenshot(path=FOLDER / f"{shot.name}.png", full_page=True)
        if last := README.get(shot.name):
            bottom = page.locator(last).first.evaluate("(element) => element.getBoundingClientRect().bottom + scrollY")
            clip: FloatRect = {"x": 0, "y": 0, "width": LAPTOP["width"], "height": round(bottom)}
            page.screenshot(path=IMAGES / f"{shot.name}.png", full_page=True, clip=clip)


def settled(page: Page) -> None:
    """Wait for a second picture that is like the first: charts have grown, fonts are there."""
    page.mouse.move(0, 0)
    before = b""
    while (now := page.screenshot()) != before:
        before = now


if __name__ == "__main__":
    main()
