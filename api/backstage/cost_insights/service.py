"""From rows of the database to the types of Cost Insights."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from finops.api import money
from finops.api.backstage.cost_insights import schemas
from finops.api.backstage.cost_insights.daily_series import Series, largest, total, trendline
from finops.api.backstage.cost_insights.intervals import Intervals
from finops.api.backstage.queries import ComparedCosts, DailyCosts
from finops.api.money import ZERO
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


def by_part(rows: Iterable[DailyCosts]) -> dict[str, Series]:
    """The series of each part."""
    parts: dict[str, Series] = defaultdict(Series)
    for row in rows:
        parts[row.part].add(row.period, row.days, is_spread=row.is_spread)
    return dict(parts)


def cost(
    identifier: str, intervals: Intervals, days: Mapping[Kind, Iterable[DailyCosts]], currency: str | None
) -> schemas.Cost:
    """A daily cost from the days of its breakdowns, each of which is the whole of it."""
    breakdowns = {name: by_part(rows) for name, rows in days.items()}
    whole = total(next(iter(breakdowns.values())).values())
    aggregation = _aggregation(whole, intervals)
    slope, intercept = trendline([point.amount for point in aggregation], intervals.start)
    return schemas.Cost(
        id=identifier,
        aggregation=aggregation,
        change=_change(whole, intervals),
        trendline=schemas.Trendline(slope=slope, intercept=intercept),
        grouped_costs={name: _parts(parts, intervals) for name, parts in breakdowns.items()},
        currency=currency,
    )


def metric(identifier: str, intervals: Intervals, parts: Mapping[str, Series]) -> schemas.MetricData:
    """A daily amount of money as a metric."""
    whole = total(parts.values())
    return schemas.MetricData(
        id=identifier,
        format="currency",
        aggregation=_aggregation(whole, intervals),
        change=_change(whole, intervals) or schemas.ChangeStatistic(amount=ZERO),
    )


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
        if growth.aggregation[0] >= floor and growth.change.ratio is not None and growth.change.ratio >= GROWTH
    ]
    worth.sort(key=lambda growth: (-growth.change.amount, growth.project))
    return [schemas.Alert(data=growth) for growth in worth[:MAX_ALERTS]]


def _aggregation(series: Series, intervals: Intervals) -> list[schemas.DateAggregation]:
    return [
        schemas.DateAggregation(date=day, amount=series.amounts.get(day, ZERO), spread=series.spread.get(day) or None)
        for day in intervals.days()
    ]


def _parts(parts: Mapping[str, Series], intervals: Intervals) -> list[schemas.CostPart]:
    kept = largest(parts, intervals.start, intervals.end, MAX_PARTS)
    return [schemas.CostPart(id=name, aggregation=_aggregation(series, intervals)) for name, series in kept.items()]


def _change(series: Series, intervals: Intervals) -> schemas.ChangeStatistic | None:
    if intervals.previous is None:
        return None
    previous = series.total(intervals.previous, intervals.middle)
    return _statistic((previous, series.total(intervals.middle, intervals.end)))


def _statistic(amounts: tuple[Decimal, Decimal]) -> schemas.ChangeStatistic:
    amount, ratio = money.change(*amounts)
    return schemas.ChangeStatistic(amount=amount, ratio=ratio)


def _entity(
    identifier: str | None, amounts: tuple[Decimal, Decimal], entities: dict[str, list[schemas.Entity]] | None = None
) -> schemas.Entity:
    return schemas.Entity(id=identifier, aggregation=amounts, entities=entities or {}, change=_statistic(amounts))


def _sum(identifier: str | None, name: str, children: list[schemas.Entity]) -> schemas.Entity:
    """An entity that is the sum of its children, most expensive first; of nothing, without a kind of children."""
    children.sort(key=lambda child: (-sum(child.aggregation), child.id or ""))
    amounts = _totals(child.aggregation for child in children)
    return _entity(identifier, amounts, {name: children} if children else {})


def _totals(pairs: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """The sums of both periods."""
    listed = list(pairs)
    return money.total(previous for previous, _ in listed), money.total(current for _, current in listed)


def _growth(
    application: str, quarters: Intervals, families: Mapping[str, Sequence[ComparedCosts]]
) -> schemas.ProjectGrowthData:
    products = [
        schemas.AlertCost(id=family, aggregation=_totals((row.previous, row.current) for row in rows))
        for family, rows in families.items()
    ]
    products.sort(key=lambda found: (-sum(found.aggregation), found.id))
    amounts = _totals(found.aggregation for found in products)
    return schemas.ProjectGrowthData(
        project=application,
        period_start=quarter_name(quarters.start),
        period_end=quarter_name(quarters.middle),
        aggregation=amounts,
        change=_statistic(amounts),
        products=products,
    )
