"""What goes out. Money is an exact decimal as text, with its currency beside it: a JSON number would become a float.

What has no value is left out of an answer, never null: no base to compare with, no next page, no cost ever.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PlainSerializer

from finops.api.http.parameters import Dimension, Granularity

Money = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:f}", return_type=str),
    Field(examples=["1234.56"], description="Exact decimal, as text"),
]
Ratio = Annotated[
    Decimal,
    PlainSerializer(lambda ratio: f"{ratio:f}", return_type=str),
    Field(examples=["0.0425"], description="Decimal as text, rounded to 6 places: 0.0425 is 4.25 %"),
]
MonthText = Annotated[str, Field(examples=["2026-09"], description="A month, YYYY-MM")]
Period = Annotated[
    date,
    PlainSerializer(lambda day: f"{day:%Y-%m}", return_type=str),
    Field(examples=["2026-09"], description="A month"),
]


class Application(BaseModel):
    """Who consumes: a Component or System of Backstage."""

    application_id: str = Field(examples=["SHOP-WEB"])
    application_name: str = Field(examples=["Online shop"])
    group_id: str = Field(examples=["storefront"], description="The team that owns it; a Group of Backstage")
    group_name: str = Field(examples=["Storefront"])
    first_period: MonthText | None = Field(
        default=None, description="First month with a cost; absent: it never had one"
    )
    last_period: MonthText | None = Field(default=None, description="Last month with a cost")


class Group(BaseModel):
    """Who owns applications: a Group of Backstage."""

    group_id: str = Field(examples=["storefront"])
    group_name: str = Field(examples=["Storefront"])
    application_count: int = Field(examples=[3])
    first_period: MonthText | None = Field(
        default=None, description="First month with a cost; absent: it never had one"
    )
    last_period: MonthText | None = Field(default=None, description="Last month with a cost")


class Domain(BaseModel):
    """Where costs come from, at large."""

    domain: str = Field(examples=["public_cloud"])
    first_period: MonthText
    last_period: MonthText


class Family(BaseModel):
    """A kind of product, in one of its domains."""

    family: str = Field(examples=["Compute"])
    domain: str = Field(examples=["open_legacy"])
    first_period: MonthText
    last_period: MonthText


class Product(BaseModel):
    """A line of the price catalogue, or a service of a bill, in one of its sources."""

    product_id: str = Field(examples=["vm.vcpu"])
    product_name: str = Field(examples=["Virtual machine vCPU"])
    domain: str = Field(examples=["open_legacy"])
    family: str = Field(examples=["Compute"])
    source: str = Field(examples=["cmdb.vm"])
    first_period: MonthText
    last_period: MonthText


class Source(BaseModel):
    """One feed of a domain."""

    source: str = Field(examples=["cmdb.vm"])
    domain: str = Field(examples=["open_legacy"])
    first_period: MonthText
    last_period: MonthText


class PeriodOfCosts(BaseModel):
    """A month with costs."""

    period: MonthText
    currency: str = Field(examples=["EUR"])
    cost: Money
    estimated: Money = Field(
        description="The part of it that is estimated: days without a snapshot of their own, months without a rate"
    )
    estimated_share: Ratio | None = Field(default=None, description="`estimated` ÷ `cost`; absent where that is zero")
    is_open: bool = Field(description="The nightly still re-reads it, and may change it")


class Listing(BaseModel):
    """A page of a list."""

    as_of: datetime | None = Field(
        default=None,
        description="End of the last successful run: how fresh all of this is",
        examples=["2026-11-22T03:12:45Z"],
    )
    next: str | None = Field(default=None, description="The `cursor` of the next page; absent on the last one")


class Applications(Listing):
    """The applications that the caller may see, by id."""

    data: list[Application]


class Groups(Listing):
    """The groups that the caller may see, by id."""

    data: list[Group]


class Domains(Listing):
    """The domains of the caller's costs."""

    data: list[Domain]


class Families(Listing):
    """The product families of the caller's costs."""

    data: list[Family]


class Products(Listing):
    """The products of the caller's costs, by id."""

    data: list[Product]


class Sources(Listing):
    """The sources of the caller's costs."""

    data: list[Source]


class Periods(Listing):
    """The months with costs, the earliest first."""

    data: list[PeriodOfCosts]


class Delta(BaseModel):
    """How a cost differs from what it is compared with."""

    amount: Money = Field(description="Cost less the previous one")
    ratio: Ratio | None = Field(default=None, description="`amount` ÷ |previous|; absent where that is zero")


class Compared(BaseModel):
    """A cost, and the one that it is compared with."""

    cost: Money
    estimated: Money = Field(
        description="The part of it that is estimated: days without a snapshot of their own, months without a rate"
    )
    previous: Money | None = Field(default=None, description="Absent where nothing is compared, or there is no base")
    delta: Delta | None = Field(default=None, description="Absent where there is no base to compare with")


class Total(Compared):
    """The sum of all lines, whatever the page."""

    estimated_share: Ratio | None = Field(default=None, description="`estimated` ÷ `cost`; absent where that is zero")


class Keyed(BaseModel):
    """What a line is of."""

    keys: dict[Dimension, str] = Field(
        description="By dimension; empty for the line of all others", examples=[{"product": "vm.vcpu"}]
    )


class CostLine(Compared, Keyed):
    """The cost of one combination of the dimensions asked for."""

    folded: int | None = Field(
        default=None, description="How many lines the line of all others stands for", examples=[12]
    )


class Step(BaseModel):
    """What a point is of."""

    period: str = Field(examples=["2026-09"], description="YYYY-MM, or YYYY-Qn")


class Point(Compared, Step):
    """The cost of one month or quarter."""

    estimated_share: Ratio | None = Field(default=None, description="`estimated` ÷ `cost`; absent where that is zero")
    is_open: bool = Field(description="The nightly still re-reads it, and may change it")


class SourceMonth(BaseModel):
    """What is known of the days of a source's month."""

    source: str = Field(examples=["cmdb.vm"])
    period: MonthText
    measured_days: int = Field(examples=[1])
    estimated_days: int = Field(description="Days that stand on an earlier day's snapshot", examples=[0])
    missing_days: int = Field(description="Days that are over, and that nobody measured", examples=[23])
    days_to_come: int = Field(examples=[6])


class Coverage(BaseModel):
    """How much of what these months hold is in the total, and under whose name."""

    allocated: Money = Field(description="Of the total: what an application claims")
    unallocated: Money = Field(description="Of the total: what none does, under the application `UNALLOCATED`")
    rejected: Money = Field(description="Not in the total: the known amount of what could not be valued")
    rejected_lines: int = Field(description="Usage lines that could not be valued", examples=[83])
    unpriced_lines: int = Field(description="Those of them of which not even the amount is known", examples=[83])
    set_apart: Money = Field(description="Not in the total: what is kept beside it, such as tax that is not a cost")
    incomplete: list[SourceMonth] = Field(
        description="Sources and months of these that have days nobody measured: they are not in the total"
    )


class Months(BaseModel):
    """From a month to a month, both included."""

    from_: Period = Field(alias="from")
    to: Period


class Envelope(Months):
    """What is around the lines: what they are of, how fresh and how whole they are, and their sum."""

    scope: dict[Literal["application", "group", "domain", "family"], str] = Field(
        description="What the path names; empty for all that the caller may see", examples=[{"application": "SHOP-WEB"}]
    )
    currency: str | None = Field(
        default=None, description="Of every amount here; absent where there is none", examples=["EUR"]
    )
    as_of: datetime | None = Field(
        default=None,
        description="End of the last successful run: how fresh all of this is",
        examples=["2026-11-22T03:12:45Z"],
    )
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
    line_count: int = Field(description="Lines in all, on all pages and before `top`", examples=[2])
    data: list[CostLine]
    next: str | None = Field(default=None, description="The `cursor` of the next page; absent on the last one")


class History(Envelope):
    """Costs month by month or quarter by quarter, zeros included, within the months published."""

    granularity: Granularity
    data: list[Point]
