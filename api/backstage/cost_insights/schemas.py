"""What Backstage's Cost Insights plugin takes in, name by name, as its own types define it.

https://github.com/backstage/community-plugins/tree/main/workspaces/cost-insights/plugins/cost-insights-common. Its
amounts are JSON numbers, here exact ones; what it calls a project is an application here, what it calls a product a
family. `spread` and `currency` are ours: the plugin ignores unknown fields.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from finops.api.money import Day, Number

Group = Annotated[str, Field(examples=["storefront"])]
Application = Annotated[str, Field(examples=["SHOP-WEB"])]
Family = Annotated[str, Field(examples=["Compute"])]


class InsightsGroup(TypedDict):
    """A team."""

    id: Group
    name: Annotated[str, Field(examples=["Storefront"])]


class Project(TypedDict):
    """An application."""

    id: Application
    name: Annotated[str, Field(examples=["Online shop"])]


class InsightsProduct(TypedDict):
    """A family of products, as `costInsights.products` of app-config names it."""

    kind: Annotated[str, Field(examples=["ciCd"])]
    name: Annotated[str, Field(examples=["CI/CD"])]


class ChangeStatistic(TypedDict):
    """From one period to the next."""

    ratio: NotRequired[
        Annotated[
            Number,
            Field(
                description="(new - old) / old; absent where old is 0 or a credit, and the plugin then shows ∞ or -∞."
            ),
        ]
    ]
    amount: Number


class DateAggregation(TypedDict):
    """One day."""

    date: Day
    amount: Number
    spread: NotRequired[
        Annotated[
            Number,
            Field(
                description="The part of the amount that is only a month's, spread over its days; absent where every"
                " source knows the day itself."
            ),
        ]
    ]


class Trendline(TypedDict):
    """Least squares over unix seconds: slope × seconds + intercept."""

    slope: Number
    intercept: Number


class CostPart(TypedDict):
    """One part of a cost, day by day."""

    id: Family
    aggregation: list[DateAggregation]


class Cost(CostPart):
    """A daily cost: every day of the intervals, zeros included."""

    change: NotRequired[
        Annotated[ChangeStatistic, Field(description="From the last period but one to the last; absent with R1.")]
    ]
    trendline: Trendline
    groupedCosts: Annotated[
        dict[Literal["product", "project"], list[CostPart]],
        Field(description="The largest parts, the rest as `Other`: each list sums to the whole."),
    ]
    currency: Annotated[str | None, Field(examples=["EUR"], description="null where nothing was ever spent")]


class MetricData(TypedDict):
    """A daily figure to compare a cost with."""

    id: Annotated[str, Field(examples=["totalCost"])]
    format: Literal["number", "currency"]
    aggregation: list[DateAggregation]
    change: ChangeStatistic


class Entity(TypedDict):
    """What something cost in two periods, and what that is made of."""

    id: Annotated[
        str | None, Field(examples=["SHOP-WEB"], description="null: costs that nothing attributes to an application")
    ]
    aggregation: Annotated[tuple[Number, Number], Field(description="The previous period, then this one")]
    entities: Annotated[
        dict[str, list[Entity]], Field(description="By kind, most expensive first; each list sums to the whole")
    ]
    change: ChangeStatistic


class AlertCost(TypedDict):
    """What one product of an alert cost in two periods."""

    id: Family
    aggregation: tuple[Number, Number]


class ProjectGrowthData(TypedDict):
    """What the plugin's `ProjectGrowthAlert` is made from: a quarter and the one before."""

    project: Application
    periodStart: Annotated[str, Field(examples=["2026-Q2"])]
    periodEnd: Annotated[str, Field(examples=["2026-Q3"])]
    aggregation: tuple[Number, Number]
    change: ChangeStatistic
    products: list[AlertCost]


class Alert(TypedDict):
    """Something to look into, as data: the client makes the plugin's alert of it."""

    kind: Literal["projectGrowth"]
    data: ProjectGrowthData
