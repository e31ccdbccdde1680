"""The query parameters of costs, their meaning and their bounds. An unknown one is an error, not a guess."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from finops.api.costs.dimensions import DailyDimension, Dimension, Granularity, SeriesDimension
from finops.api.http.paging import Paging
from finops.api.months import Month

Order = Literal["-cost", "cost", "-delta", "delta", "key", "-key"]
TEXT: dict[str, Any] = {"min_length": 1, "max_length": 200, "pattern": r"^[^\x00]+$"}
Text = Annotated[str, StringConstraints(**TEXT)]
Values = Annotated[list[Text], Field(max_length=50)]


Top = Annotated[int, Field(ge=1, le=20, description="Only the most expensive, and one more with the sum of all others")]


class Span(BaseModel):
    """Which months."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_: Month | None = Field(
        default=None,
        alias="from",
        description="First month; by default eleven months before `to`, where there are costs",
    )
    to: Month | None = Field(default=None, description="Last month, included; by default the last one published")


class Filters(BaseModel):
    """Of what; with several, costs that all of them hold for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: Values = Field(
        default_factory=list, description="Only these domains, of `/v1/domains`; repeat it for several"
    )
    family: Values = Field(default_factory=list, description="Only these families, of `/v1/families`")
    product: Values = Field(default_factory=list, description="Only these products, of `/v1/products`")
    source: Values = Field(default_factory=list, description="Only these sources, of `/v1/sources`")
    charge_category: Values = Field(
        default_factory=list,
        description="Only these charge categories, as FOCUS has them: Usage, Purchase, Tax, Credit, Adjustment",
    )
    currency: list[Text] = Field(
        default_factory=list, max_length=1, description="Needed only where the months have more than one"
    )


class Selection(Filters, Span):
    """Which costs."""


class CostParameters(Selection, Paging):
    """Which costs, and how they are laid out."""

    group_by: list[Dimension] = Field(
        default=["product"],
        min_length=1,
        max_length=3,
        description="What a line is of, up to three; repeat it for several. The sum of the lines is the same for all",
    )
    order: Order = Field(
        default="-cost", description="`-` is the largest first; `delta` needs `compare=previous`; `key` is by name"
    )
    compare: Literal["none", "previous"] = Field(
        default="none",
        description="`previous`: with as many months just before; by month or quarter, each with the one before",
    )
    top: int | None = Field(
        default=None, ge=1, le=100, description="Only the first lines, and one more with the sum of all others"
    )


class HistoryParameters(Selection):
    """Which costs, over which steps."""

    granularity: Granularity = Field(default="month", description="`quarter` widens `from` and `to` to whole quarters")


class SeriesParameters(HistoryParameters):
    """Which costs, over which steps, and what each series is of."""

    group_by: list[SeriesDimension] = Field(
        default=["domain"], min_length=1, max_length=1, description="What a series is of: one"
    )
    top: int = Field(
        default=8, ge=1, le=20, description="Only the most expensive, and one more with the sum of all others"
    )


class DayParameters(Filters):
    """Which month, day by day, and what each line is of."""

    month: Month | None = Field(default=None, description="By default the last one published")
    group_by: list[DailyDimension] = Field(
        default=["family"], min_length=1, max_length=1, description="What a line is of: one"
    )
    top: int = Field(
        default=8, ge=1, le=20, description="Only the most expensive, and one more with the sum of all others"
    )


class UsageParameters(Selection, Paging):
    """Whose consumption, and in which order."""

    order: Literal["-cost", "key"] = Field(
        default="-cost", description="The most expensive first; or by month, product, source and unit"
    )
