"""Addresses of one group and one application, as other tools write them and as people change them."""

from __future__ import annotations

import re

import pytest

from tests.page.conftest import Demo, Visiting
from tests.page.reading import table
from tests.page.says import COMPLETE, OPEN
from tests.page.visit import drawn

pytestmark = pytest.mark.page


@pytest.mark.parametrize(
    ("asked", "spelt"), [("view=application&id=shop-web", "SHOP-WEB"), ("view=group&id=STOREFRONT", "storefront")]
)
def test_an_id_in_another_case_is_found_and_spelt_as_it_is(
    demo: Demo, visiting: Visiting, asked: str, spelt: str
) -> None:
    with visiting(f"{demo.url}/?{asked}&from={COMPLETE}", demo.tokens["storefront"]) as page:
        assert page.url.endswith(f"id={spelt}&from={COMPLETE}")
        assert page.locator(".place bdi").first.inner_text() == spelt


ABSENT = ["view=application&id=ERP", "view=application&id=SHOP", "view=group&id=corporate-it", "view=group"]


@pytest.mark.parametrize("asked", ABSENT)
def test_what_a_caller_may_not_see_is_not_there_and_leads_back(demo: Demo, visiting: Visiting, asked: str) -> None:
    with visiting(f"{demo.url}/?{asked}", demo.tokens["storefront"]) as page:
        assert "that you may see" in page.locator("h1").inner_text()
        page.locator("main a").click()
        page.wait_for_url(re.compile(r"/\?$"))
        drawn(page)
        assert page.locator("[data-tile=headline]").count() == 1


def test_another_month_by_day_leaves_the_rest_of_the_view(demo: Demo, visiting: Visiting) -> None:
    with visiting(f"{demo.url}/?view=application&id=SHOP-WEB", demo.tokens["storefront"]) as page:
        page.locator("[data-tile=products] tbody button").first.click()
        days = page.locator("[data-tile=days]")
        days.locator("select").select_option(OPEN)
        days.locator("tbody th").first.wait_for(state="attached")
        assert f"{OPEN}-30" in next(iter(table(page, "days").values())).values
        assert page.url.endswith(f"month={OPEN}")
        assert page.evaluate("document.activeElement.name") == "month"
        assert page.locator("[data-tile=products] tr.more").count() == 1
        assert "Complete until" in days.locator(".foot").inner_text()
        page.reload()
        drawn(page)
        assert days.locator("select").input_value() == OPEN
