"""What there is to ask about, as it goes out. A field without a value is left out, never null."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

from finops.api.http.paging import AsOf, NextPage
from finops.api.money import Estimated, EstimatedShare, Money
from finops.api.months import MonthText

FirstMonth = Annotated[MonthText | None, Field(description="First month with a cost; absent: it never had one")]
LastMonth = Annotated[MonthText | None, Field(description="Last month with a cost")]
T = TypeVar("T", bound=BaseModel)


class Application(BaseModel):
    """Who consumes: a Component or System of Backstage."""

    application_id: str = Field(examples=["SHOP-WEB"])
    application_name: str = Field(examples=["Online shop"])
    group_id: str = Field(examples=["storefront"], description="The team that owns it; a Group of Backstage")
    group_name: str = Field(examples=["Storefront"])
    first_period: FirstMonth = None
    last_period: LastMonth = None


class Group(BaseModel):
    """Who owns applications, or stands above who does: a Group of Backstage."""

    group_id: str = Field(examples=["storefront"])
    group_name: str = Field(examples=["Storefront"])
    parent_group_id: str | None = Field(default=None, examples=["digital"], description="The group above it")
    application_count: int = Field(examples=[3], description="Applications of its own")
    total_application_count: int = Field(examples=[3], description="With those of all groups below it")
    first_period: FirstMonth = None
    last_period: LastMonth = None


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
    estimated: Estimated
    estimated_share: EstimatedShare = None
    is_open: bool = Field(description="The nightly still re-reads it, and may change it")


class Price(BaseModel):
    """A price of the catalogue, while it is valid: valid_from ≤ day < valid_to."""

    product_id: str = Field(examples=["vm.vcpu"])
    product_name: str = Field(examples=["Virtual machine vCPU"])
    family: str = Field(examples=["Compute"])
    domain: str = Field(examples=["open_legacy"])
    unit: str | None = Field(default=None, examples=["vCPU-month"], description="What the price is of")
    unit_price: Money = Field(examples=["7.95"], description="Of one unit; exact decimal, as text")
    currency: str = Field(examples=["EUR"])
    valid_from: str = Field(examples=["2026-01-01"], description="The first day that is valued at it")
    valid_to: str | None = Field(
        default=None, examples=["2026-10-15"], description="The first day that is not any more; absent: it holds on"
    )


class Rate(BaseModel):
    """What one unit of a currency is worth, for the costs of a month."""

    period: MonthText
    currency: str = Field(examples=["USD"])
    to_currency: str = Field(examples=["EUR"])
    rate: Money = Field(examples=["0.925"], description="What one unit of `currency` is worth; exact decimal, as text")
    is_assumed: bool = Field(description="It is an earlier month's, since this one has none: its costs are estimated")


class Owner(BaseModel):
    """A group that owned an application for a time: valid_from ≤ day < valid_to."""

    group_id: str = Field(examples=["storefront"])
    group_name: str = Field(examples=["Storefront"])
    valid_from: str | None = Field(
        default=None, examples=["2026-04-01"], description="Its first day; absent: no earlier owner is known"
    )
    valid_to: str | None = Field(
        default=None, examples=["2026-10-15"], description="The first day of the next owner; absent: it owns it today"
    )


class Listing(BaseModel, Generic[T]):
    """A page of a list."""

    as_of: AsOf = None
    next: NextPage = None
    data: list[T]


class Applications(Listing[Application]):
    """The applications that the caller may see, by id."""


class Groups(Listing[Group]):
    """The groups that the caller may see, by id."""


class Domains(Listing[Domain]):
    """The domains of the caller's costs."""


class Families(Listing[Family]):
    """The product families of the caller's costs."""


class Products(Listing[Product]):
    """The products of the caller's costs, by id."""


class Sources(Listing[Source]):
    """The sources of the caller's costs."""


class Periods(Listing[PeriodOfCosts]):
    """The months with costs, the earliest first."""


class Prices(Listing[Price]):
    """The prices of the caller's products, by product and day."""


class Rates(Listing[Rate]):
    """The rates of the months published, the earliest first."""


class Owners(BaseModel):
    """The groups that owned an application, the earliest first, as far as the caller may see them."""

    as_of: AsOf = None
    data: list[Owner]
