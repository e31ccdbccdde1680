"""Companies and callers that a page drawn for the demo would not look right for, and an API that goes away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from finops.demo.postgres import Embedded
from tests.api.service import api, write_tokens
from tests.conftest import API_LOGIN, connected, copy_database, variables
from tests.page.company import Cost, publish
from tests.page.conftest import Demo, Visiting
from tests.page.visit import LAPTOP, PHONE, VALUES, drawn, sane, value

pytestmark = pytest.mark.page
MONTHS = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
EVERY_VIEW = (
    "",
    "?view=group&id=sales",
    "?view=application&id=SHOP",
    "?view=coverage",
    "?view=runs",
    "?view=catalogue",
)


@dataclass(frozen=True)
class Company:
    """The API on a company of its own."""

    url: str
    token: str
    total: Decimal


Founding = Callable[[Iterable[Cost]], Company]


@pytest.fixture
def found(server: Embedded, template: str, tmp_path: Path) -> Iterator[Founding]:
    """Publishes costs in a database of its own, with the API in front of it."""
    name = "finops_page"
    copy_database(server, template, name)
    file = tmp_path / "tokens.toml"
    token = write_tokens(file, everything="*")["everything"]
    environment = {**variables(server, name, API_LOGIN), "FINOPS_API_TOKENS_FILE": str(file)}
    with connected(server, name) as database, api(environment=environment) as service:

        def company(costs: Iterable[Cost]) -> Company:
            given = [*costs]
            return Company(service.url, token, publish(database, given) if given else Decimal())

        yield company


def look(visiting: Visiting, company: Company | tuple[str, str], *views: str, expect: str = "^$") -> None:
    """At each view, on a laptop and on a phone."""
    url, token = (company.url, company.token) if isinstance(company, Company) else company
    for viewport in (LAPTOP, PHONE):
        with visiting(url, token, viewport=viewport, expect=expect) as page:
            sane(page)
            for view in views:
                page.goto(f"{url}/{view}")
                drawn(page)
                sane(page)


def test_one_month_has_nothing_to_be_compared_with(found: Founding, visiting: Visiting) -> None:
    company = found([Cost("2026-10", "100.005"), Cost("2026-10", "50", application="SEARCH", product="vm.ram")])
    look(visiting, company, *EVERY_VIEW)
    with visiting(company.url, company.token) as page:
        assert value(page, "complete") == company.total


def test_nothing_published_yet_says_what_to_run(found: Founding, visiting: Visiting) -> None:
    company = found([])
    look(visiting, company, "?view=coverage", "?view=runs", "?view=catalogue", expect="503")
    with visiting(company.url, company.token, expect="503") as page:
        assert "finops nightly" in page.inner_text("main")


def test_a_caller_without_groups_is_told_so(demo: Demo, visiting: Visiting) -> None:
    look(visiting, (demo.url, demo.tokens["nobody"]), "?view=coverage", "?view=catalogue")
    with visiting(demo.url, demo.tokens["nobody"]) as page:
        assert "group" in page.inner_text("main")


def test_negative_months_are_drawn_below_zero(found: Founding, visiting: Visiting) -> None:
    costs = [Cost(month, "-40.5" if number % 3 else "30") for number, month in enumerate(MONTHS[-13:])]
    refunds = [Cost(month, "-10", application="REFUND", product="refund", source="nimbus") for month in MONTHS[-13:]]
    look(visiting, found([*costs, *refunds]), *EVERY_VIEW)


def test_two_currencies_are_never_added_up(found: Founding, visiting: Visiting) -> None:
    company = found(
        Cost(month, cost, currency=currency, source=source)
        for month in MONTHS[-3:]
        for cost, currency, source in (("100", "EUR", "openstack.usage"), ("1000", "USD", "focus.aws"))
    )
    look(visiting, company, *(f"{view}{'&' if view else '?'}currency=USD" for view in EVERY_VIEW))
    with visiting(company.url, company.token) as page:
        shown = page.eval_on_selector_all("[data-value]", VALUES)
        amounts = {Decimal(text) for text in shown if re.fullmatch(r"-?[\d.]+", text)}
        assert amounts & {Decimal(1100), Decimal(3300)} == set()


def test_two_thousand_groups_are_searched_rather_than_listed(found: Founding, visiting: Visiting) -> None:
    company = found(
        Cost(month, str(number), application=f"APP-{number}", group=f"team-{number}", group_name=f"Team {number}")
        for month in MONTHS[-2:]
        for number in range(1, 2001)
    )
    look(visiting, company, "?by=group", "?view=group&id=team-1999", "?view=catalogue")
    with visiting(company.url, company.token) as page:
        assert page.locator("*").count() < 5000
        page.get_by_role("searchbox").or_(page.get_by_role("combobox")).first.fill("team 1234")
        page.get_by_text("Team 1234").first.wait_for()


def test_long_names_and_other_scripts_break_nothing(found: Founding, visiting: Visiting) -> None:
    names = [
        "x" * 200,
        "Ein sehr langer Name " * 9,
        "منصة البيانات",
        "数据平台",
        "<b>bold</b>",
        "a\"b'c&d",
        "🛒 магазин",
    ]
    company = found(
        Cost(
            month,
            str(100 + number),
            application=name,
            application_name=name,
            group=f"team {name}"[:200],
            group_name=name,
            product=name,
            product_name=name,
            family=name,
        )
        for month in MONTHS[-3:]
        for number, name in enumerate(names)
    )
    views = [f"?view={kind}&id={quote(name, safe='')}" for kind in ("application",) for name in names]
    look(visiting, company, "?by=family", *views, "?view=catalogue")
    with visiting(company.url, company.token) as page:
        assert page.locator("b", has_text=re.compile("^b$")).count() == 0


def test_an_api_that_goes_away_is_asked_again(demo: Demo, visiting: Visiting) -> None:
    with visiting(demo.url, demo.tokens["storefront"], expect="ERR_(FAILED|CONNECTION_REFUSED)") as page:
        before = value(page, "complete")
        page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
        page.goto(f"{demo.url}/?by=source")
        page.get_by_role("alert").first.wait_for()
        sane(page)
        page.unroute_all()
        page.get_by_role("button", name=re.compile("again", re.IGNORECASE)).first.click()
        drawn(page)
        assert value(page, "complete") == before
        assert page.get_by_role("alert").count() == 0
