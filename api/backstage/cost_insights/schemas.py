"""What Backstage's Cost Insights plugin takes in, name by name, as its own types define it.

https://github.com/backstage/community-plugins/tree/main/workspaces/cost-insights/plugins/cost-insights-common. Its
amounts are JSON numbers, here exact ones; what it calls a project is an application here, what it calls a product a
family. `spread` and `currency` are ours: the plugin ignores unknown fields.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from finops.api.money import Day, Number


class CostInsightsModel(BaseModel):
    """Keys in camel case, as TypeScript has them."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


def _is_none(value: object) -> bool:
    return value is None


class InsightsGroup(CostInsightsModel):
    """A team."""

    id: str = Field(examples=["storefront"])
    name: str = Field(examples=["Storefront"])


class Project(CostInsightsModel):
    """An application."""

    id: str = Field(examples=["SHOP-WEB"])
    name: str = Field(examples=["Online shop"])


class InsightsProduct(CostInsightsModel):
    """A family of products, as `costInsights.products` of app-config names it."""

    kind: str = Field(examples=["ciCd"])
    name: str = Field(examples=["CI/CD"])


class ChangeStatistic(CostInsightsModel):
    """From one period to the next."""

    ratio: Number | None = Field(
        default=None,
        exclude_if=_is_none,
        description="(new - old) / old; absent where old is 0 or a credit, and the plugin then shows ∞ or -∞.",
    )
    amount: Number


class DateAggregation(CostInsightsModel):
    """One day."""

    date: Day
    amount: Number
    spread: Number | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The part of the amount that is only a month's, spread over its days; absent where every source"
        " knows the day itself.",
    )


class Trendline(CostInsightsModel):
    """Least squares over unix seconds: slope × seconds + intercept."""

    slope: Number
    intercept: Number


class CostPart(CostInsightsModel):
    """One part of a cost, day by day."""

    id: str = Field(examples=["Compute"])
    aggregation: list[DateAggregation]


class Cost(CostPart):
    """A daily cost: every day of the intervals, zeros included."""

    change: ChangeStatistic | None = Field(
        default=None, exclude_if=_is_none, description="From the last period but one to the last; absent with R1."
    )
    trendline: Trendline
    grouped_costs: dict[Literal["product", "project"], list[CostPart]] = Field(
        description="The largest parts, the rest as `Other`: each list sums to the whole."
    )
    currency: str | None = Field(examples=["EUR"], description="null where nothing was ever spent")


class MetricData(CostInsightsModel):
    """A daily figure to compare a cost with."""

    id: str = Field(examples=["totalCost"])
    format: Literal["number", "currency"]
    aggregation: list[DateAggregation]
    change: ChangeStatistic


class Entity(CostInsightsModel):
    """What something cost in two periods, and what that is made of."""

    id: str | None = Field(examples=["SHOP-WEB"], description="null: costs that nothing attributes to an application")
    aggregation: tuple[Number, Number] = Field(description="The previous period, then this one")
    entities: dict[str, list[Entity]] = Field(description="By kind, most expensive first; each list sums to the whole")
    change: ChangeStatistic


class AlertCost(CostInsightsModel):
    """What one product of an alert cost in two periods."""

    id: str = Field(examples=["Compute"])
    aggregation: tuple[Number, Number]


class ProjectGrowthData(CostInsightsModel):
    """What the plugin's `ProjectGrowthAlert` is made from: a quarter and the one before."""

    project: str = Field(examples=["SHOP-WEB"])
    period_start: str = Field(examples=["2026-Q2"])
    period_end: str = Field(examples=["2026-Q3"])
    aggregation: tuple[Number, Number]
    change: ChangeStatistic
    products: list[AlertCost]


class Alert(CostInsightsModel):
    """Something to look into, as data: the client makes the plugin's alert of it."""

    kind: Literal["projectGrowth"] = "projectGrowth"
    data: ProjectGrowthData
