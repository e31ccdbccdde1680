"""For every reader: with a keyboard or a screen reader, on a phone or on paper, in the dark, in French."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from tests.page.conftest import Demo, Visiting
from tests.page.reading import amount, table
from tests.page.visit import LAPTOP, PHONE, drawn, sane

pytestmark = pytest.mark.page
VIEWS = {
    "overview": "",
    "group": "?view=group&id=digital",
    "application": "?view=application&id=SHOP-WEB",
    "coverage": "?view=coverage",
    "runs": "?view=runs",
    "catalogue": "?view=catalogue",
}
# Whose tables have as many lines as their CSV.
TABLES = [
    *(("overview", tile) for tile in ("trend", "top-application", "top-group")),
    *(("group", tile) for tile in ("trend", "top-application", "products")),
    *(("application", tile) for tile in ("trend", "products", "days", "owners")),
    *(("coverage", tile) for tile in ("sources", "gaps")),
    *(("catalogue", tile) for tile in ("products", "families", "rates")),
    ("runs", "runs"),
]
PRICES = {"unit_price", "previous_unit_price", "price"}  # which have more than cents
GRAVE = {"serious", "critical"}
each_view = pytest.mark.parametrize("view", VIEWS)
MONEY = """
    (main) => [...main.querySelectorAll("[data-value]")].map(({dataset, textContent}) => [dataset.value, textContent])
"""
FOCUSED = """
    () => {
        const element = document.activeElement, style = getComputedStyle(element);
        const {x, y, width, height} = element.getBoundingClientRect();
        const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
        return {tag: element.tagName, name: element.outerHTML.slice(0, 120), visible, area: width * height};
    }
"""
REACHABLE = """
    () => [...document.querySelectorAll("a[href], button, input, select, summary")].filter((element) =>
        element.checkVisibility() && !element.disabled).map((element) => element.outerHTML.slice(0, 120))
"""


@each_view
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(demo: Demo, visiting: Visiting, view: str, scheme: str) -> None:
    with visiting(f"{demo.url}/{VIEWS[view]}", demo.tokens["everything"], color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('main details').forEach((part) => (part.open = true))")
        found = Axe().run(page).response["violations"]
    grave = [(rule["id"], rule["help"], [node["html"] for node in rule["nodes"]]) for rule in found]
    assert [item for item, rule in zip(grave, found, strict=True) if rule["impact"] in GRAVE] == []


@each_view
@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_sticks_out_and_nothing_moves(demo: Demo, visiting: Visiting, view: str, viewport: Any) -> None:
    with visiting(demo.url, demo.tokens["everything"], viewport=viewport) as page:
        page.goto(f"{demo.url}/{VIEWS[view]}")
        drawn(page)
        sane(page)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_rankings_fit_a_phone(demo: Demo, visiting: Visiting, locale: str) -> None:
    with visiting(demo.url, demo.tokens["everything"], viewport=PHONE, locale=locale) as page:
        tables = page.locator("[data-tile^=top-] .scroll, [data-tile=movers] .scroll")
        assert tables.count() == 4
        assert tables.evaluate_all("all => all.map((table) => table.scrollWidth - table.clientWidth)") == [0, 0, 0, 0]


@each_view
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_what_is_shown_is_the_exact_amount_in_cents(demo: Demo, visiting: Visiting, view: str, locale: str) -> None:
    with visiting(f"{demo.url}/{VIEWS[view]}", demo.tokens["everything"], locale=locale) as page:
        assert page.locator("html").get_attribute("lang") == locale[:2]
        shown = [(exact, text) for exact, text in page.locator("main").evaluate(MONEY) if "€" in text]
    sign = r"^[-−+]?€[\d,]+\.\d\d+$" if locale == "en-GB" else r"^[-−+]?[\d\u202f]+,\d\d+[\u202f\u00a0]€$"
    for exact, text in shown:
        figure = text.partition("(")[0].strip()
        assert re.fullmatch(sign, figure), text
        seen = amount(figure, "," if locale == "fr-FR" else ".")
        assert seen == Decimal(exact).quantize(seen, ROUND_HALF_UP), exact
    assert shown or view in {"runs", "catalogue"}


@each_view
def test_every_control_is_reached_by_the_tab_key_and_seen(demo: Demo, visiting: Visiting, view: str) -> None:
    with visiting(f"{demo.url}/{VIEWS[view]}", demo.tokens["everything"]) as page:
        page.reload()  # the first press of the key is at the top
        drawn(page)
        wanted: Sequence[str] = page.evaluate(REACHABLE)
        reached = tabbed(page, len(wanted) * 2 + 20)
    assert [name for name in wanted if name not in {focused["name"] for focused in reached}] == []
    assert [focused["name"] for focused in reached if not (focused["visible"] and focused["area"])] == []


def tabbed(page: Page, most: int) -> list[dict[str, Any]]:
    """What has the focus after each press of the key, once around."""
    found: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["tag"] == "BODY":
            break
        found.append(focused)
    return found


@each_view
def test_it_is_printed_on_white_without_what_can_not_be_pressed(demo: Demo, visiting: Visiting, view: str) -> None:
    with visiting(f"{demo.url}/{VIEWS[view]}", demo.tokens["everything"], color_scheme="dark") as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        controls = page.locator("nav, select, input, .foot button").all()
        assert [control.inner_text() for control in controls if control.is_visible()] == []
        assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_an_address_survives_a_reload_and_the_way_back(demo: Demo, visiting: Visiting) -> None:
    address = f"{demo.url}/?by=family&from=2026-03&to=2026-09&domain=public_cloud"
    with visiting(address, demo.tokens["everything"]) as page:
        seen = page.inner_text("main")
        page.reload()
        drawn(page)
        assert page.inner_text("main") == seen
        page.get_by_role("combobox", name="Divided by").select_option("source")
        drawn_at(page, "by=source")
        assert page.inner_text("main") != seen
        page.go_back()
        drawn_at(page, "by=family")
        assert page.inner_text("main") == seen
        page.go_forward()
        drawn_at(page, "by=source")
        assert "from=2026-03" in page.url


def drawn_at(page: Page, query: str) -> None:
    """Wait for the view of an address."""
    page.wait_for_url(re.compile(re.escape(query)))
    drawn(page)


@pytest.mark.parametrize(("view", "tile"), TABLES)
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_a_csv_is_what_is_shown_exact_or_in_cents(
    demo: Demo, visiting: Visiting, view: str, tile: str, locale: str
) -> None:
    with visiting(f"{demo.url}/{VIEWS[view]}", demo.tokens["everything"], locale=locale) as page:
        tables = page.locator(f"[data-tile={tile}] table").count()
        shown = [row for number in range(tables) for row in table(page, tile, number).values()]
        buttons = page.locator(f"[data-tile={tile}] .foot button")
        exact, rounded = (saved(page, buttons.nth(number)) for number in range(2))
    mark, separator = (",", ";") if locale == "fr-FR" else (".", ",")
    assert rounded.startswith("\ufeff")
    lines = [*csv.DictReader(StringIO(exact))]
    in_cents = [*csv.DictReader(StringIO(rounded.removeprefix("\ufeff")), delimiter=separator)]
    assert len(lines) == len(in_cents) == len(shown) > 0
    for row, line, cents in zip(shown, lines, in_cents, strict=True):
        assert {key: line[key] for key in row.values} == row.values
        for key in (key for key, text in row.texts.items() if re.search(r"\d[.,]\d\d\s?€$|€[\d,.]+\.\d\d$", text)):
            assert amount(cents[key], mark).quantize(Decimal("0.01"), ROUND_HALF_UP) == amount(row.texts[key], mark)
            assert key in PRICES or re.fullmatch(rf"-?\d+[{mark}]\d\d", cents[key])


def saved(page: Page, button: Locator) -> str:
    """What a press of the button downloads."""
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes().decode()


def test_a_token_is_kept_for_the_session_of_the_tab_alone(demo: Demo, visiting: Visiting) -> None:
    with visiting(demo.url, demo.tokens["storefront"], expect="401") as page:
        assert page.evaluate("Object.keys(localStorage)") == []
        assert page.evaluate("Object.values(sessionStorage)") == [demo.tokens["storefront"]]
        assert page.context.cookies() == []
        other = page.context.new_page()
        other.goto(demo.url)
        other.locator("input[type=password]").wait_for()


def test_an_unknown_token_is_asked_for_again(demo: Demo, visiting: Visiting) -> None:
    with visiting(demo.url, expect="401") as page:
        field = page.locator("input[type=password]")
        field.fill("finops_unknown")
        field.press("Enter")
        page.get_by_role("alert").wait_for()
        assert "unknown" in page.get_by_role("alert").inner_text()
        assert page.locator("[data-tile]").count() == 0


def test_search_finds_applications_and_groups_by_a_part_of_their_names(demo: Demo, visiting: Visiting) -> None:
    with visiting(demo.url, demo.tokens["digital"]) as page:
        page.get_by_role("searchbox").fill("shop")
        page.get_by_role("search").get_by_role("link").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"view=application&id=SHOP-"))
        drawn(page)
        page.get_by_role("searchbox").fill("warehouse")  # of operations, which this caller does not see
        page.get_by_text("No application or group of yours").wait_for()
