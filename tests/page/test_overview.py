"""The overview of the demo says what SQL says, for who sees everything, a tree of groups, or one group."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.page.conftest import CALLERS, Demo, Visiting
from tests.page.ledger import Ledger
from tests.page.reading import figures, table
from tests.page.says import BEFORE, COMPLETE, OPEN, YEAR, ZERO, adds_up, compared, ranked, ranked_against
from tests.page.visit import drawn

pytestmark = pytest.mark.page
MOVERS = 5


@pytest.fixture(scope="module")
def overview(demo: Demo, visiting: Visiting, caller: str) -> Iterator[Page]:
    with visiting(demo.url, demo.tokens[caller]) as page:
        yield page


def test_the_callers_see_different_groups(demo: Demo) -> None:
    seen = {caller: len(demo.ledger(caller).by("group")) for caller in CALLERS}
    assert seen == {"everything": 7, "digital": 3, "storefront": 1}


def test_the_headline_is_the_month_so_far_the_last_whole_one_and_all(overview: Page, ledger: Ledger) -> None:
    said = figures(overview, "headline")
    whole, before = ledger.sum(month=COMPLETE), ledger.sum(month=BEFORE)
    assert said["so-far"] == [ledger.sum(month=OPEN)]
    assert said["complete"] == [whole, whole - before]
    assert said["total"] == [ledger.sum(month=YEAR)]


def test_the_headline_says_what_is_in_doubt(overview: Page, ledger: Ledger) -> None:
    said = figures(overview, "headline")
    unallocated = ledger.sum(month=YEAR, group="unallocated")
    assert said.get("unallocated", [ZERO]) == [unallocated]
    assert said.get("rejected", [ZERO]) == [ledger.sum("sum(total_cost)", "rejected", month=YEAR)]
    assert said.get("set_apart", [ZERO]) == [ledger.sum("sum(total_cost)", "apart", month=YEAR)]


@pytest.mark.parametrize("by", ["domain", "family", "group", "application", "product", "source"])
def test_the_months_add_up_by_each_dimension(demo: Demo, overview: Page, ledger: Ledger, by: str) -> None:
    overview.goto(f"{demo.url}/?by={by}")
    drawn(overview)
    adds_up(table(overview, "trend"), ledger.by(by, "month", month=YEAR), YEAR)


@pytest.mark.parametrize("by", ["application", "group"])
def test_the_most_expensive_ones_are_compared_with_the_month_before(overview: Page, ledger: Ledger, by: str) -> None:
    ranked_against(table(overview, f"top-{by}"), ledger.by(by, month=COMPLETE), ledger.by(by, month=BEFORE))


def test_the_movers_are_those_whose_cost_moved_most(overview: Page, ledger: Ledger) -> None:
    now, before = ledger.by("application", month=COMPLETE), ledger.by("application", month=BEFORE)
    moved = {name: now.get(name, ZERO) - before.get(name, ZERO) for name in {*now, *before}}
    for number, sign in enumerate((1, -1)):
        wanted = ranked({name: sign * delta for name, delta in moved.items() if sign * delta > 0})
        shown = table(overview, "movers", number)
        assert [*shown] == wanted[:MOVERS]
        for name, row in shown.items():
            compared(row, now.get(name, ZERO), before.get(name))
