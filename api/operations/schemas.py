"""Who asks, as it goes out. A field without a value is left out, never null."""

from __future__ import annotations

from pydantic import BaseModel, Field

from finops.api.http.paging import AsOf
from finops.api.months import MonthText


class Me(BaseModel):
    """A caller, and what there is for it to ask about."""

    name: str = Field(examples=["storefront"], description="The caller's name, as tokens or the issuer have it")
    everything: bool = Field(description="Whether it may see every group, and the runs")
    groups: list[str] = Field(
        examples=[["storefront"]],
        description="Keys of the groups that it may see, with all groups below them; empty for one that may see all",
    )
    as_of: AsOf = None
    first_period: MonthText | None = Field(default=None, description="First month published, of anybody's costs")
    last_period: MonthText | None = Field(
        default=None, description="Last month published, of anybody's costs; absent: nothing was published yet"
    )
    currencies: list[str] = Field(examples=[["EUR"]], description="Those of the costs that it may see")
    reporting_currency: str | None = Field(
        default=None, examples=["EUR"], description="The currency that costs are converted to today"
    )
