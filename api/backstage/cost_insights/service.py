"""From rows of the database to what Cost Insights takes in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from http import HTTPStatus
from typing import Any, Literal

from finops.api.backstage.cost_insights.schemas import (
    Alert,
    AlertCost,
    ChangeStatistic,
    Cost,
    CostPart,
    DateAggregation,
    Entity,
    MetricData,
    ProjectGrowthData,
    Trendline,
)
from finops.api.backstage.daily_series import ZERO, Series, change, largest, total, trendline
from finops.api.backstage.intervals import Intervals
from finops.api.http.problems import Fault, ProblemError
from finops.api.money import EXACT

Row = Mapping[str, Any]
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


def one_currency(rows: Sequence[Row], asked: str | None) -> tuple[list[Row], str | None]:
    """The rows of the currency that was asked for, or of the only one.

    Raises:
        ProblemError: (422) when there are several and none was asked for.
    """
    if asked:
        return [row for row in rows if row["currency"] == asked], asked
    currencies = sorted({row["currency"] for row in rows})
    if len(currencies) > 1:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"these costs are in {' and '.join(currencies)}, which do not add up: choose one with currency",
            faults=[Fault(parameter="currency", detail="several currencies", allowed=currencies)],
        )
    return list(rows), currencies[0] if currencies else None


def by_part(rows: Iterable[Row]) -> dict[str, Series]:
    """The series of each part, of rows of months."""
    parts: dict[str, Series] = defaultdict(Series)
    for row in rows:
        parts[row["part"]].add(row["period"], row["days"], is_spread=row["is_spread"])
    return dict(parts)


def cost(
    identifier: str, intervals: Intervals, breakdowns: Mapping[Kind, Mapping[str, Series]], currency: str | None
) -> Cost:
    """A daily cost from its breakdowns, each of which is the whole of it."""
    whole = total(next(iter(breakdowns.values())).values())
    aggregation = _aggregation(whole, intervals)
    slope, intercept = trendline([point.amount for point in aggregation], intervals.start)
    return Cost(
        id=identifier,
        aggregation=aggregation,
        change=_change(whole, intervals),
        trendline=Trendline(slope=slope, intercept=intercept),
        grouped_costs={name: _parts(parts, intervals) for name, parts in breakdowns.items()},
        currency=currency,
    )


def metric(identifier: str, intervals: Intervals, parts: Mapping[str, Series]) -> MetricData:
    """A daily amount of money as a metric."""
    whole = total(parts.values())
    return MetricData(
        id=identifier,
        format="currency",
        aggregation=_aggregation(whole, intervals),
        change=_change(whole, intervals) or ChangeStatistic(amount=ZERO),
    )


def product(identifier: str, rows: Iterable[Row], *, of_application: bool) -> Entity:
    """What a family cost in two periods, by application and product, or by product alone."""
    leaves: dict[str | None, list[Entity]] = defaultdict(list)
    for row in rows:
        if row["previous"] or row["current"]:
            application = None if row["application_id"] == UNALLOCATED else row["application_id"]
            leaves[application].append(_entity(row["product_id"], row["previous"], row["current"]))
    if of_application:
        return _sum(identifier, "product", [leaf for found in leaves.values() for leaf in found])
    return _sum(identifier, "application", [_sum(name, "product", found) for name, found in leaves.items()])


def alerts(quarters: Intervals, rows: Sequence[Row]) -> list[Alert]:
    """The applications that grew from a quarter to the next, the largest growth first."""
    applications: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        applications[row["application_id"]][row["family"]].append(row)
    with localcontext(EXACT):
        floor = SHARE * sum((row["previous"] for row in rows), ZERO)
    found = [_growth(name, quarters, families) for name, families in applications.items()]
    worth = [
        growth
        for growth in found
        if growth.aggregation[0] >= floor and growth.change.ratio is not None and growth.change.ratio >= GROWTH
    ]
    worth.sort(key=lambda growth: (-growth.change.amount, growth.project))
    return [Alert(data=growth) for growth in worth[:MAX_ALERTS]]


def _aggregation(series: Series, intervals: Intervals) -> list[DateAggregation]:
    return [
        DateAggregation(date=day, amount=series.amounts.get(day, ZERO), spread=series.spread.get(day) or None)
        for day in intervals.days()
    ]


def _parts(parts: Mapping[str, Series], intervals: Intervals) -> list[CostPart]:
    kept = largest(parts, intervals, MAX_PARTS)
    return [CostPart(id=name, aggregation=_aggregation(series, intervals)) for name, series in kept.items()]


def _change(series: Series, intervals: Intervals) -> ChangeStatistic | None:
    if intervals.previous is None:
        return None
    return _statistic(series.total(intervals.previous, intervals.middle), series.total(intervals.middle, intervals.end))


def _statistic(previous: Decimal, current: Decimal) -> ChangeStatistic:
    amount, ratio = change(previous, current)
    return ChangeStatistic(amount=amount, ratio=ratio)


def _entity(
    identifier: str | None, previous: Decimal, current: Decimal, entities: dict[str, list[Entity]] | None = None
) -> Entity:
    return Entity(
        id=identifier,
        aggregation=(previous, current),
        entities=entities or {},
        change=_statistic(previous, current),
    )


def _sum(identifier: str | None, name: str, children: list[Entity]) -> Entity:
    """An entity that is the sum of its children, most expensive first; of nothing, without a kind of children."""
    children.sort(key=lambda child: (-sum(child.aggregation), child.id or ""))
    with localcontext(EXACT):
        previous = sum((child.aggregation[0] for child in children), ZERO)
        current = sum((child.aggregation[1] for child in children), ZERO)
    return _entity(identifier, previous, current, {name: children} if children else {})


def _growth(application: str, quarters: Intervals, families: Mapping[str, Sequence[Row]]) -> ProjectGrowthData:
    with localcontext(EXACT):
        products = [
            AlertCost(
                id=family,
                aggregation=(sum((row["previous"] for row in rows), ZERO), sum((row["current"] for row in rows), ZERO)),
            )
            for family, rows in families.items()
        ]
        previous = sum((found.aggregation[0] for found in products), ZERO)
        current = sum((found.aggregation[1] for found in products), ZERO)
    products.sort(key=lambda found: (-sum(found.aggregation), found.id))
    return ProjectGrowthData(
        project=application,
        period_start=_quarter(quarters.start),
        period_end=_quarter(quarters.middle),
        aggregation=(previous, current),
        change=_statistic(previous, current),
        products=products,
    )


def _quarter(first: date) -> str:
    return f"{first.year}-Q{(first.month + 2) // 3}"
