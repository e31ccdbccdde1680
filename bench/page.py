"""How long the page takes to show its overview, beside an answer of the same server that holds nothing.

`python -m bench page`. In a Chromium that has been there before: files are in its cache, figures are asked for again.
Counted from the start of the navigation to the last tile, as the page itself marks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import click
from playwright.sync_api import Browser, Page

from bench.aggregates import CARELESS, Scale, build, fill
from bench.measure import Cost, Goal, Result, database
from bench.server import Server, serve
from tests.chromium import found
from tests.demonstration import made, running
from tests.page.visit import chromium, drawn, sign_in

ROUNDS = 7
FULL = Scale(applications=5000, months=36, products=60)
SHORT = Scale(applications=500, months=36, products=60)
READY_AT = "performance.getEntriesByName('ready').at(-1).startTime"
LOADED_AT = "performance.getEntriesByType('navigation')[0].loadEventEnd"
KIB = """
    performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
        .reduce((sum, entry) => sum + entry.transferSize, 0) / 1024
"""


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 as every bench has it
    """The overview of the demo, and of a large company."""
    if found() is None:
        click.echo("page: not measured, for no Chromium is in PATH", err=True)
        return
    scale = SHORT if short else FULL
    with chromium() as browser:
        with made(months=14) as folder, running(folder), serve() as server:
            yield overview(browser, server, "the demo", 300)
        with database(*CARELESS):
            build()
            fill(scale)
            with serve() as server:
                yield overview(browser, server, f"{scale.rows:,} relevés", 1000)


def overview(browser: Browser, server: Server, what: str, limit: float) -> Result:
    """Its first view; the first of all, with nothing in the cache, is not counted but by its size."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url)
        sign_in(page, server.token)
        size = page.evaluate(KIB)
        floors, times, cpu = [], [], []
        for _ in range(ROUNDS):
            floors.append(floor(page, server))
            before = server.cpu()
            times.append(view(page, server))
            cpu.append(server.cpu() - before)
    goals = [
        Goal("ms to the last tile", median(times), limit),
        Goal("KiB, when first opened", size, 400),
    ]
    costs = Cost(median(floors) / 1000, 0, 0), Cost(median(times) / 1000, median(cpu), server.mib())
    return Result(f"first view of the page, {what}", *costs, goals)


def view(page: Page, server: Server) -> float:
    """Milliseconds until the page is drawn."""
    page.goto("about:blank")  # the same address again would be a reload, which asks for every file
    page.goto(server.url)
    drawn(page)
    return float(page.evaluate(READY_AT))


def floor(page: Page, server: Server) -> float:
    """Milliseconds until an answer of a few letters is shown."""
    page.goto("about:blank")
    page.goto(f"{server.url}/healthz", wait_until="load")
    return float(page.evaluate(LOADED_AT))
