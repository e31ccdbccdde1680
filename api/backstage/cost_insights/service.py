"""From rows of the database to the types of Cost Insights."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, cast

import orjson

from finops.api import money
from finops.api.backstage.cost_insights import schemas
from finops.api.backstage.cost_insights.daily_series import Series, largest, trendline, zero
from finops.api.backstage.cost_insights.intervals import Intervals
from finops.api.backstage.queries import ComparedCosts
from finops.api.costs.dimensions import DailyCosts
from finops.api.money import ZERO, digits
from finops.api.months import quarter_name

Kind = Literal["product", "project"]

UNALLOCATED = "UNALLOCATED"
MAX_PARTS = 15  # of a breakdown: the plugin draws ten colours
# What the plugin itself calls an excess (ChangeThreshold.upper), for an application that is a notable part of it.
GROWTH = Decimal("0.05")
SHARE = Decimal("0.01")
MAX_ALERTS = 5


def kind(family: str) -> str:
    """The key of a family in app-config: `CI/CD` is `ciCd`."""
    words: list[str] = re.findall(r"[^\W_]+", family) or [family]
    first, *others = words
    return first.lower() + "".join(word.capitalize() for word in others)


def by_part(rows: Iterable[DailyCosts], intervals: Intervals) -> dict[str, Series]:
    """The series of each part."""
    parts: dict[str, Series] = defaultdict(lambda: zero(len(intervals.days)))
    for row in rows:
        parts[row.part].add(intervals.number(row.period), row.days, is_spread=row.is_spread)
    return parts


def whole(rows: Iterable[DailyCosts], intervals: Intervals) -> Series:
    """The series of all parts together."""
    series = zero(len(intervals.days))
    for row in rows:
        series.add(intervals.number(row.period), row.days, is_spread=row.is_spread)
    return series


def cost(
    identifier: str, intervals: Intervals, days: Mapping[Kind, Sequence[DailyCosts]], currency: str | None
) -> schemas.Cost:
    """A daily cost from the days of its breakdowns, each of which is the whole of it."""
    series = whole(next(iter(days.values())), intervals)
    slope, intercept = trendline(series.amounts, intervals.start)
    body: schemas.Cost = {
        "id": identifier,
        "aggregation": _aggregation(series, intervals),
        "change": _change(series, intervals, intervals.previous or intervals.start),
        "trendline": {"slope": slope, "intercept": intercept},
        "groupedCosts": {name: _parts(by_part(rows, intervals), intervals) for name, rows in days.items()},
        "currency": currency,
    }
    if intervals.previous is None:
        del body["change"]
    return body


def metric(identifier: str, intervals: Intervals, rows: Iterable[DailyCosts]) -> schemas.MetricData:
    """A daily amount of money as a metric."""
    series = whole(rows, intervals)
    return {
        "id": identifier,
        "format": "currency",
        "aggregation": _aggregation(series, intervals),
        "change": _change(series, intervals, intervals.start),
    }


def product(identifier: str, rows: Iterable[ComparedCosts], *, of_application: bool) -> schemas.Entity:
    """What a family cost in two periods, by application and product, or by product alone."""
    leaves: dict[str | None, list[schemas.Entity]] = defaultdict(list)
    for row in rows:
        if row.previous or row.current:
            application = None if row.application_id == UNALLOCATED else row.application_id
            leaves[application].append(_entity(row.product_id, (row.previous, row.current)))
    if of_application:
        return _sum(identifier, "product", [leaf for found in leaves.values() for leaf in found])
    return _sum(identifier, "application", [_sum(name, "product", found) for name, found in leaves.items()])


def alerts(quarters: Intervals, rows: Sequence[ComparedCosts]) -> list[schemas.Alert]:
    """The applications that grew from a quarter to the next, the largest growth first."""
    applications: dict[str, dict[str, list[ComparedCosts]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        applications[row.application_id][row.family].append(row)
    floor = money.EXACT.multiply(SHARE, money.total(row.previous for row in rows))
    found = [_growth(name, quarters, families) for name, families in applications.items()]
    worth = [
        growth
        for growth in found
        if growth["aggregation"][0] >= floor and growth["change"].get("ratio", ZERO) >= GROWTH
    ]
    worth.sort(key=lambda growth: (-growth["change"]["amount"], growth["project"]))
    return [{"kind": "projectGrowth", "data": growth} for growth in worth[:MAX_ALERTS]]


def _aggregation(series: Series, intervals: Intervals) -> list[schemas.DateAggregation]:
    """The points of a series as JSON: a dictionary for each of thousands takes more time than all else."""
    points = [
        f'{{"date":"{day}","amount":{digits(amount)},"spread":{digits(spread)}}}'
        if spread
        else f'{{"date":"{day}","amount":{digits(amount)}}}'
        for day, amount, spread in zip(intervals.days, series.amounts, series.spread, strict=True)
    ]
    return cast("list[schemas.DateAggregation]", orjson.Fragment(f"[{','.join(points)}]"))


def _parts(parts: Mapping[str, Series], intervals: Intervals) -> list[schemas.CostPart]:
    kept = largest(parts, MAX_PARTS)
    return [{"id": name, "aggregation": _aggregation(series, intervals)} for name, series in kept.items()]


def _change(series: Series, intervals: Intervals, previous: date) -> schemas.ChangeStatistic:
    middle = intervals.number(intervals.middle)
    return _statistic((series.total(intervals.number(previous), middle), series.total(middle)))


def _statistic(amounts: tuple[Decimal, Decimal]) -> schemas.ChangeStatistic:
    amount, ratio = money.change(*amounts)
    return {"amount": amount} if ratio is None else {"ratio": ratio, "amount": amount}


def _entity(
    identifier: str | None, amounts: tuple[Decimal, Decimal], entities: dict[str, list[schemas.Entity]] | None = None
) -> schemas.Entity:
    return {"id": identifier, "aggregation": amounts, "entities": entities or {}, "change": _statistic(amounts)}


def _sum(identifier: str | None, name: str, children: list[schemas.Entity]) -> schemas.Entity:
    """An entity that is the sum of its children, most expensive first; of nothing, without a kind of children."""
    children.sort(key=lambda child: (-sum(child["aggregation"]), child["id"] or ""))
    amounts = _totals(child["aggregation"] for child in children)
    return _entity(identifier, amounts, {name: children} if children else {})


def _totals(pairs: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """The sums of both periods."""
    listed = list(pairs)
    return money.total(previous for previous, _ in listed), money.total(current for _, current in listed)


def _growth(
    application: str, quarters: Intervals, families: Mapping[str, Sequence[ComparedCosts]]
) -> schemas.ProjectGrowthData:
    products: list[schemas.AlertCost] = [
        {"id": family, "aggregation": _totals((row.previous, row.current) for row in rows)}
        for family, rows in families.items()
    ]
    products.sort(key=lambda found: (-sum(found["aggregation"]), found["id"]))
    amounts = _totals(found["aggregation"] for found in products)
    return {
        "project": application,
        "periodStart": quarter_name(quarters.start),
        "periodEnd": quarter_name(quarters.middle),
        "aggregation": amounts,
        "change": _statistic(amounts),
        "products": products,
    }
