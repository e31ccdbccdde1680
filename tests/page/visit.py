"""A visit of the page in Chromium, which fails where the page errs: by its console, its requests or its policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.chromium import path

READY = "body[data-ready=true]"
LAPTOP = {"width": 1280, "height": 800}
PATIENCE = 10_000  # milliseconds
MOST_SHIFT = 0.1  # what web.dev calls good
PHONE = {"width": 390, "height": 844}
# West of Greenwich a month that is taken for an instant is the month before.
TIME_ZONE = "America/Los_Angeles"
# Before the page's own scripts: what it blocks, and what moves after it was drawn.
OBSERVE = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} blocks ${event.blockedURI || event.sample}`));
    window.shifts = [];
    new PerformanceObserver((list) => list.getEntries().filter((entry) => !entry.hadRecentInput).forEach((entry) =>
        window.shifts.push([entry.value, ...entry.sources.map(({node}) => node?.outerHTML?.slice(0, 200))])
    )).observe({type: "layout-shift", buffered: true});
"""
# What no reader should see: a value that code did not expect.
NONSENSE = re.compile(r"\b(NaN|undefined|null|Infinity|Invalid Date)\b|\[object |∞")
# What makes the page wider than its window: not what scrolls by itself.
STICKS_OUT = """
    document.documentElement.scrollWidth <= window.innerWidth ? [] : [...document.querySelectorAll("body *")].filter(
        (element) => element.getBoundingClientRect().right > window.innerWidth && !element.closest(".scroll")
    ).map((element) => element.outerHTML.slice(0, 200))
"""
VALUES = "elements => elements.map((element) => element.dataset.value)"
# Chromium tells of the 401 with which the page finds out that it needs a token.
UNKNOWN_YET = re.compile(r"Failed to load resource: the server responded with a status of 401")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    executable = path()
    with sync_playwright() as playwright:
        # root, as in a container, has no sandbox; the page is our own
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, url: str, token: str | None = None, *, expect: str = "^$", **options: Any
) -> Iterator[Page]:
    """The page at an address, in a window of its own; a token is typed in, and the page drawn.

    `expect` is what may be wrong, as a regular expression; options are those of Playwright's `new_context`.

    Raises:
        AssertionError: when it is over, with all that went wrong.
    """
    given = {"viewport": LAPTOP, "locale": "en-GB", "timezone_id": TIME_ZONE, **options}
    context = browser.new_context(**given)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    wrong = faults(page)
    try:
        page.goto(url)
        if token:
            sign_in(page, token)
            wrong[:] = [fault for fault in wrong if not UNKNOWN_YET.search(fault)]
        yield page
    except Exception as error:
        error.add_note(f"what went wrong on the page: {wrong}")
        raise
    finally:
        context.close()
    unexpected = [fault for fault in wrong if not re.search(expect, fault)]
    assert unexpected == [], unexpected


def faults(page: Page) -> list[str]:
    """What goes wrong on the page from now on."""
    found: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            found.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def failed(request: Request) -> None:
        # the page gives up a question that nobody waits for any more
        if request.failure != "net::ERR_ABORTED":
            found.append(f"request: {request.url}: {request.failure}")

    page.on("console", said)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on("requestfailed", failed)
    return found


def sign_in(page: Page, token: str) -> None:
    """Type the token in, as a person does, and wait for what it shows."""
    field = page.locator("input[type=password]")
    field.fill(token)
    field.press("Enter")
    drawn(page)


def drawn(page: Page) -> None:
    """Wait until each tile has its answer."""
    page.wait_for_selector(READY)


def sane(page: Page) -> None:
    """Nothing is nonsense, nothing sticks out, and nothing moved once it was there."""
    said = page.inner_text("body")
    assert NONSENSE.findall(said) == [], said
    assert page.evaluate(STICKS_OUT) == [], page.url
    shifts = page.evaluate("window.shifts")
    assert sum(shift[0] for shift in shifts) < MOST_SHIFT, shifts


def value(page: Page, figure: str) -> Decimal:
    """A figure by its name, exact."""
    found = page.locator(f"[data-figure={figure}]")
    text = found.locator("[data-value]").or_(found.and_(page.locator("[data-value]"))).first.get_attribute("data-value")
    assert text is not None
    return Decimal(text)
