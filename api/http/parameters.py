"""What may be asked: the query parameters, their meaning and their bounds. An unknown one is an error, not a guess."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from finops.api.months import Month

Domain = Literal["open_legacy", "private_cloud", "public_cloud", "native"]
Dimension = Literal[
    "application", "group", "domain", "family", "product", "source", "charge_category", "month", "quarter"
]
Order = Literal["-cost", "cost", "-delta", "delta", "key", "-key"]
Granularity = Literal["month", "quarter"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]

DOMAINS: tuple[str, ...] = get_args(Domain)
MAX_LIMIT = 1000
MAX_MONTHS = 120
MAX_VALUES = 50


class Paging(BaseModel):
    """A list, page by page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="Lines a page has at most; CSV has no pages")
    cursor: str | None = Field(
        default=None, max_length=2000, description="The `next` of the page before; all else as it was"
    )


class Selection(BaseModel):
    """Which costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_: Month | None = Field(
        default=None,
        alias="from",
        description="First month; by default eleven months before `to`, where there are costs",
    )
    to: Month | None = Field(default=None, description="Last month, included; by default the last one published")
    domain: list[Domain] = Field(default_factory=list, description="Only these domains; repeat it for several")
    family: list[Text] = Field(
        default_factory=list, max_length=MAX_VALUES, description="Only these families, of `/v1/families`"
    )
    product: list[Text] = Field(
        default_factory=list, max_length=MAX_VALUES, description="Only these products, of `/v1/products`"
    )
    source: list[Text] = Field(
        default_factory=list, max_length=MAX_VALUES, description="Only these sources, of `/v1/sources`"
    )
    charge_category: list[Text] = Field(
        default_factory=list,
        max_length=MAX_VALUES,
        description="Only these charge categories, as FOCUS has them: Usage, Purchase, Tax, Credit, Adjustment",
    )
    currency: list[Text] = Field(
        default_factory=list, max_length=1, description="Needed only where the months have more than one"
    )


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
