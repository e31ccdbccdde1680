"""Costs as they go out. Money is an exact decimal as text, with its currency beside it.

A field without a value is left out of an answer, never null: no base to compare with, no next page, no cost ever.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from finops.api.costs.dimensions import DailyDimension, Dimension, Granularity, ScopeDimension, SeriesDimension
from finops.api.http.paging import AsOf, NextPage
from finops.api.money import Day, Estimated, EstimatedShare, Money, Quantity, Ratio
from finops.api.months import MonthText, Period

LineCount = Annotated[int, Field(description="Lines in all, on all pages and before `top`", examples=[2])]


class Delta(BaseModel):
    """How a cost differs from what it is compared with."""

    amount: Money = Field(description="Cost less the previous one")
    ratio: Ratio | None = Field(default=None, description="`amount` ÷ |previous|; absent where that is zero")


class Compared(BaseModel):
    """A cost, and the one that it is compared with."""

    cost: Money
    estimated: Estimated
    previous: Money | None = Field(
        default=None, description="0 where there was no cost; absent where nothing is compared, or there is no base"
    )
    delta: Delta | None = Field(default=None, description="Absent where there is no base to compare with")


class Total(Compared):
    """The sum of all lines, whatever the page."""

    estimated_share: EstimatedShare = None


class Keyed(BaseModel):
    """What a line is of."""

    keys: dict[Dimension, str] = Field(
        description="By dimension; empty for the line of all others", examples=[{"product": "vm.vcpu"}]
    )
    folded: int | None = Field(
        default=None, description="How many lines the line of all others stands for", examples=[12]
    )


class CostLine(Compared, Keyed):
    """The cost of one combination of the dimensions asked for."""


class Step(BaseModel):
    """What a point is of."""

    period: str = Field(examples=["2026-09"], description="YYYY-MM, or YYYY-Qn")


class Point(Compared, Step):
    """The cost of one month or quarter."""

    estimated_share: EstimatedShare = None
    is_open: bool = Field(description="The nightly still re-reads it, and may change it")


class SourceMonth(BaseModel):
    """What is known of the days of a source's month."""

    source: str = Field(examples=["cmdb.vm"])
    period: MonthText
    measured_days: int = Field(examples=[1])
    estimated_days: int = Field(description="Days that are based on an earlier day's snapshot", examples=[0])
    missing_days: int = Field(description="Days that are over and were not measured", examples=[23])
    days_to_come: int = Field(examples=[6])


class CoveredAmounts(BaseModel):
    """How much is in a cost, and under whose name."""

    allocated: Money = Field(description="Of the cost: what an application claims")
    unallocated: Money = Field(description="Of the cost: what none does, under the application `UNALLOCATED`")
    rejected: Money = Field(description="Not in the cost: the known amount of what could not be valued")
    rejected_lines: int = Field(description="Usage lines that could not be valued", examples=[83])
    unpriced_lines: int = Field(description="Those of them of which not even the amount is known", examples=[83])
    set_apart: Money = Field(description="Not in the cost: what is kept beside it, such as tax that is not a cost")


class Coverage(CoveredAmounts):
    """How much of what these months hold is in the total, and under whose name."""

    incomplete: list[SourceMonth] = Field(
        description="The sources and months with days that were not measured: those days are not in the total"
    )


class Months(BaseModel):
    """From a month to a month, both included."""

    from_: Period = Field(alias="from")
    to: Period


class Envelope(Months):
    """What is around the lines: what they are of, how fresh and how whole they are, and their sum."""

    scope: dict[ScopeDimension, str] = Field(
        description="What the path names; empty for all that the caller may see", examples=[{"application": "SHOP-WEB"}]
    )
    currency: str | None = Field(
        default=None, description="Of every amount here; absent where there is none", examples=["EUR"]
    )
    as_of: AsOf = None
    is_open: bool = Field(description="The nightly still re-reads one of these months, and may change it")
    open_months: list[Period] = Field(description="Which of them")
    total: Total
    coverage: Coverage


class Costs(Envelope):
    """Costs, laid out by up to three dimensions."""

    compared_with: Months | None = Field(
        default=None,
        description="The months of `previous`; absent where none are wholly published, or each line has its own",
    )
    group_by: list[Dimension]
    line_count: LineCount
    data: list[CostLine]
    next: NextPage = None


class History(Envelope):
    """Costs month by month or quarter by quarter, zeros included, within the months published."""

    granularity: Granularity
    data: list[Point]


class SeriesPoint(Step):
    """A part of the cost of one month or quarter."""

    cost: Money
    estimated: Estimated


class SeriesLine(Keyed):
    """The costs of one thing, month by month or quarter by quarter."""

    cost: Money = Field(description="The sum of its points")
    estimated: Estimated
    points: list[SeriesPoint] = Field(description="One for each of the total's, zeros included")


class Series(Envelope):
    """Costs over time of the most expensive, of all others together, and of the total, which is their sum."""

    granularity: Granularity
    group_by: SeriesDimension
    line_count: LineCount
    points: list[Point] = Field(description="Of the total, within the months published")
    data: list[SeriesLine] = Field(description="The most expensive first, all others last")


class DayTotal(BaseModel):
    """The cost of one day."""

    date: Day
    cost: Money


class DailyLine(Keyed):
    """The days of one thing's month."""

    cost: Money = Field(description="The sum of its days")
    days: list[Money] = Field(description="One for each of the total's days")


class MissingDays(BaseModel):
    """Days of a source that are over, were not measured, and are in no cost."""

    source: str = Field(examples=["cmdb.vm"])
    dates: list[Day]


class Days(Envelope):
    """A month day by day: of the most expensive, of all others together, and of the total."""

    group_by: DailyDimension
    line_count: LineCount
    days: list[DayTotal] = Field(description="Of the whole month, also those to come")
    data: list[DailyLine] = Field(description="The most expensive first, all others last")
    complete_until: Day | None = Field(
        default=None,
        description="The last day up to which every source has delivered; absent where even the first is missing",
    )
    missing: list[MissingDays]
    spread: list[str] = Field(description="Sources whose days are only an even share of the month", examples=[[]])


class UsageLine(BaseModel):
    """What was consumed of a product in a month, in one unit and charge category, and what that cost."""

    period: MonthText
    product: str = Field(examples=["vm.vcpu"])
    product_name: str = Field(examples=["Virtual machine vCPU"])
    family: str = Field(examples=["Compute"])
    domain: str = Field(examples=["open_legacy"])
    source: str = Field(examples=["cmdb.vm"])
    charge_category: str = Field(examples=["Usage"])
    unit: str | None = Field(
        default=None, examples=["vCPU-month"], description="Of `quantity`; absent where a bill states none"
    )
    quantity: Quantity | None = Field(default=None, description="Absent where a bill states none, as for a tax")
    cost: Money
    estimated: Estimated
    unit_price: Money | None = Field(
        default=None,
        description="`cost` ÷ `quantity`, rounded to 12 decimals or digits; absent where `quantity` is 0 or not known",
    )


class Usage(Envelope):
    """Consumption by month, product, source, charge category and unit: what is in two units does not add up."""

    line_count: LineCount
    data: list[UsageLine]
    next: NextPage = None
