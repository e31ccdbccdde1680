"""The page on the demo, by the figures of SQL, for who sees everything, a tree of groups, or one group."""

from __future__ import annotations

import pytest

from tests.page.conftest import CALLERS, Demo, Visiting

pytestmark = pytest.mark.page
each_caller = pytest.mark.parametrize("caller", CALLERS)


@each_caller
def test_the_callers_see_what_is_theirs(demo: Demo, caller: str) -> None:
    seen = {"everything": 9 - 2, "digital": 3, "storefront": 1}
    assert len(demo.ledger(caller).by("group")) == seen[caller]


@each_caller
def test_the_overview_opens_without_a_fault(demo: Demo, visiting: Visiting, caller: str) -> None:
    with visiting(demo.url, demo.tokens[caller]) as page:
        assert page.locator("[data-tile]").count() > 0
