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
