"""Backstage's own CostInsightsPage, drawn by Chromium from this API, says what SQL says."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
import requests

from finops.demo import __main__ as demo
from tests.backstage.browser import Page
from tests.backstage.conftest import CONFIG, backstage, shown
from tests.backstage.server import Backstage
from tests.conftest import CLAIMS_KEY, ROOT
from tests.e2e.finops import FINOPS, Database, charge, days, scalar, write_bill

pytestmark = pytest.mark.backstage

# The demo's last complete day: its meters say 21 November, its dumps and bills the 22nd. The page asks for 180 days.
COMPLETE = date(2026, 11, 21)
FIRST = date(2026, 5, 26)
MIDDLE = date(2026, 8, 23)  # the last of the first 90 of them
ICONS = {"compute": "Compute", "storage": "Storage", "networking": "Networking", "analytics": "Analytics"}

DAILY = """
    select day::date, sum(daily_cost[day::date - period + 1])
    from finops.fact_releve
    inner join finops.dim_application_owner using (application_id)
    inner join generate_series(%s::date, %s::date, '1 day') as day on date_trunc('month', day) = period
    where valid_from < period + interval '1 month' and coalesce(valid_to, 'infinity') >= period + interval '1 month'
        and group_id = %s and family = coalesce(%s, family) and application_id = coalesce(%s, application_id)
    group by 1
"""


def daily(  # noqa: PLR0913, PLR0917 - what the page is asked about
    database: Database, first: date, last: date, group: str, family: str | None = None, application: str | None = None
) -> dict[date, Decimal]:
    """What SQL says that each day cost, from the relevés themselves."""
    return dict(database.execute(DAILY, (first, last, group, family, application)).fetchall())


def halves(database: Database, group: str, middle: date = MIDDLE) -> tuple[Decimal, Decimal]:
    """What a group cost on the days of the page until the middle one, and after it."""
    days_of = ((FIRST, middle), (middle + timedelta(days=1), COMPLETE))
    before, now = (sum(daily(database, first, last, group).values(), Decimal()) for first, last in days_of)
    return before, now


def dollars(amount: Decimal) -> str:
    """As the page writes money: it knows no other sign."""
    return f"${amount.quantize(Decimal(1), ROUND_HALF_UP):,}"


@pytest.fixture(scope="session")
def demo_page(demonstration: Database, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    assert demonstration.info.dbname
    with backstage(built, tmp_path_factory.mktemp("tokens"), demo.CLAIMS_KEY) as page:
        yield page


@pytest.fixture(scope="session")
def storefront(demo_page: Backstage, chromium: str) -> Page:
    return shown(chromium, demo_page, "group=storefront")


def test_the_client_of_the_documentation_has_the_plugin_s_types(installed: Path) -> None:
    command = ["npm", "run", "--silent", "types"]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


LINKED = """
import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
const source = readFileSync(process.argv[1], 'utf-8');
const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
const { FinopsLinkProcessor } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
const processor = new FinopsLinkProcessor('https://finops.example.com');
const entities = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await Promise.all(entities.map(entity => processor.preProcessEntity(entity)))));
"""


def test_every_entity_links_to_its_costs(installed: Path) -> None:
    page = "https://finops.example.com/?view="
    given = [
        {"kind": "Component", "metadata": {"name": "shop", "annotations": {"finops/application-code": "SHOP-WEB"}}},
        {"kind": "System", "metadata": {"name": "r&d", "links": [{"url": "https://example.com"}]}},
        {"kind": "Group", "metadata": {"name": "team-a", "namespace": "platform"}},
        {"kind": "Group", "metadata": {"name": "storefront", "links": [{"url": f"{page}group&id=storefront"}]}},
        {"kind": "User", "metadata": {"name": "jane"}},
    ]
    processor = ROOT / "docs" / "backstage" / "FinopsLinkProcessor.ts"
    command = ["node", "--input-type=module", "--eval", LINKED, str(processor), json.dumps(given)]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=True)
    links = [[link["url"] for link in entity["metadata"].get("links", [])] for entity in json.loads(done.stdout)]
    assert links == [
        [f"{page}application&id=SHOP-WEB"],
        ["https://example.com", f"{page}application&id=r%26d"],
        [f"{page}group&id=platform%2Fteam-a"],
        [f"{page}group&id=storefront"],
        [],
    ]


def test_the_page_says_what_sql_says(storefront: Page, demonstration: Database) -> None:
    whole = storefront.whole
    assert f"Billing data as of {COMPLETE}" in whole.texts
    teams = scalar(demonstration, "select count(*) from finops.mv_group")
    assert f"{teams} teams" in whole.texts
    assert [text for text in whole.texts if text.startswith("Error") or "Could not" in text] == []
    before, now = halves(demonstration, "storefront")
    assert whole.after("Cost Trend") == f"{100 * (now - before) / before:.0f}%"


def test_every_day_of_the_chart_is_a_day_of_sql(storefront: Page, demonstration: Database) -> None:
    asked = list(days(str(FIRST), str(COMPLETE)))
    spent = daily(demonstration, FIRST, COMPLETE, "storefront")
    dearest = max(spent.values())
    area = storefront.whole.curve("area-area")  # back along the axis, whose zero is its lowest point
    drawn = area[: len(asked)]
    floor, ceiling = max(y for _, y in area), min(y for _, y in drawn)
    assert len(asked) == 180
    for day, (_, y) in zip(asked, drawn, strict=True):
        assert (floor - y) / (floor - ceiling) == pytest.approx(float(spent.get(day, 0) / dearest), abs=1e-6), day


def test_the_trend_is_the_line_of_least_squares(demo_page: Backstage, chromium: str, demonstration: Database) -> None:
    whole = shown(chromium, demo_page, "group=logistics").whole
    spent = daily(demonstration, FIRST, COMPLETE, "logistics")
    amounts = [float(spent.get(day, 0)) for day in days(str(FIRST), str(COMPLETE))]
    slope, intercept = statistics.linear_regression(range(180), amounts)
    ends = [intercept, intercept + slope * 179]
    line, area = (whole.curve(kind) for kind in ("line-curve", "area-area"))
    floor, ceiling = max(y for _, y in area), min(y for _, y in area)
    drawn = [(floor - y) / (floor - ceiling) for y in (line[0][1], line[-1][1])]
    assert drawn == pytest.approx([end / max(amounts) for end in ends], abs=1e-6)


@pytest.mark.parametrize("group", ["storefront", "data-platform"])
def test_the_products_are_those_of_sql(
    demo_page: Backstage, chromium: str, demonstration: Database, group: str
) -> None:
    page = shown(chromium, demo_page, f"group={group}")
    for kind, family in ICONS.items():
        card = page.products[kind]
        before = daily(demonstration, date(2026, 9, 23), date(2026, 10, 22), group, family)
        now = daily(demonstration, date(2026, 10, 23), COMPLETE, group, family)
        if before or now:
            assert card.after("First 30 Days") == dollars(sum(before.values(), Decimal()))
            assert card.after("Last 30 Days") == dollars(sum(now.values(), Decimal()))
        else:
            assert f"There are no {family} costs within this time frame for your team's projects." in card.texts


def test_the_bars_are_the_applications_of_sql(storefront: Page, demonstration: Database) -> None:
    card = storefront.products["compute"]
    shares = {}
    for application in ("SHOP-WEB", "SEARCH", "SHOP-MOBILE"):
        periods = ((date(2026, 9, 23), date(2026, 10, 22)), (date(2026, 10, 23), COMPLETE))
        shares[application] = [
            sum(daily(demonstration, first, last, "storefront", "Compute", application).values(), Decimal())
            for first, last in periods
        ]
    ranked = sorted(shares, key=lambda application: -sum(shares[application]))
    assert [text for text in card.texts if text in shares] == ranked
    # Search became another group's in October: it has no second bar
    costs = [cost for period in (0, 1) for application in ranked if (cost := shares[application][period])]
    assert len(costs) == 5
    bars = card.bars()
    assert [bar / max(bars) for bar in bars] == pytest.approx([float(cost / max(costs)) for cost in costs], abs=1e-6)


@pytest.mark.parametrize("breakdown", ["product", "project"])
def test_a_breakdown_is_the_whole_of_it(
    demo_page: Backstage, chromium: str, demonstration: Database, breakdown: str
) -> None:
    whole = shown(chromium, demo_page, f"group=storefront#Breakdown by {breakdown}").whole
    before, now = halves(demonstration, "storefront", MIDDLE - timedelta(days=1))  # as the plugin counts 90 days here
    assert f"Cloud Cost By {breakdown.capitalize()}" in whole.texts
    assert (whole.after("First 90 Days"), whole.after("Last 90 Days")) == (dollars(before), dollars(now))
    assert len([path for path in whole.paths if "recharts-area-area" in path["class"]]) >= 3


def test_costs_of_no_application_are_unlabeled(demo_page: Backstage, chromium: str, demonstration: Database) -> None:
    card = shown(chromium, demo_page, "group=unallocated").products["compute"]
    now = daily(demonstration, date(2026, 10, 23), COMPLETE, "unallocated", "Compute")
    assert "1 application, sorted by cost" in card.texts
    assert "Unlabeled" in card.texts
    assert card.after("Last 30 Days") == dollars(sum(now.values(), Decimal()))


def test_one_application_is_shown_alone(demo_page: Backstage, chromium: str, demonstration: Database) -> None:
    page = shown(chromium, demo_page, "group=storefront&project=SHOP-MOBILE")
    assert "Mobile shop" in page.whole.texts
    now = daily(demonstration, date(2026, 10, 23), COMPLETE, "storefront", "Compute", "SHOP-MOBILE")
    assert page.products["compute"].after("Last 30 Days") == dollars(sum(now.values(), Decimal()))
    assert any(
        asked.startswith("/api/cost-insights/project-daily-cost?project=SHOP-MOBILE") for asked in demo_page.asked
    )


# SHOP-WEB and SEARCH, both of storefront, from April to October: 90 days are 5 May to 2 August, then to 31 October.
SEVEN_MONTHS = {
    "2026-04": [charge("100", "2026-04-15"), charge("100", "2026-04-20", application="SEARCH")],
    "2026-05": [charge("1000", "2026-05-10")],
    "2026-06": [charge("1000", "2026-06-10"), charge("400", "2026-06-20", application="SEARCH")],
    "2026-08": [charge("1200", "2026-08-10")],
    "2026-09": [charge("600", "2026-09-20", application="SEARCH")],
    "2026-10": [charge("1300", "2026-10-31")],
}


def test_trends_and_alerts_are_those_worked_out_by_hand(
    database: Database, built: Path, chromium: str, tmp_path: Path
) -> None:
    for month, lines in SEVEN_MONTHS.items():
        write_bill(tmp_path / "bills", f"{month}.csv", lines)
    command = [FINOPS, "nightly", "--period", "2026-04..2026-10", "--as-of", "2026-11-20"]
    environment = {**os.environ, "SOURCES__FOCUS__NIMBUS__URL": str(tmp_path / "bills")}
    subprocess.run(command, env=environment, check=True)
    assert scalar(database, "select sum(total_cost) from finops.fact_releve") == 5700
    with backstage(built, tmp_path, CLAIMS_KEY) as page:
        whole = shown(chromium, page, "group=storefront").whole
    # 1000 + 1000 + 400 = 2400, then 1200 + 600 + 1300 = 3100: 700 / 2400 is 29 %
    assert whole.after("Cost Trend") == "29%"
    assert whole.after("All that you may see Trend") == "29%"
    # SEARCH: 100 + 400 in the second quarter, 600 in the third; SHOP-WEB fell from 2100 to 1200
    assert [text for text in whole.texts if text.startswith("Investigate")][:1] == [
        "Investigate cost growth in project SEARCH"
    ]
    assert (whole.after("Q2 2026"), whole.after("Q3 2026")) == ("$500", "$600")


def test_the_configuration_names_families_that_there_are(demo_page: Backstage, demonstration: Database) -> None:
    products = requests.get(f"{demo_page.url}/api/proxy/finops/api/cost-insights/products", timeout=30).json()
    known = {product["kind"]: product["name"] for product in products}
    text = CONFIG.read_text(encoding="utf-8")
    named = text[text.index("  products:") : text.index("  metrics:")]
    for kind, family in known.items():
        if f"    {kind}:\n" in named:
            assert f"    {kind}:\n      name: {family}\n" in named
    assert sum(f"    {kind}:\n" in named for kind in known) == named.count("icon:")
    assert scalar(demonstration, "select count(distinct family) from finops.fact_releve") == len(known)
