"""What Backstage's InfraWallet plugin takes in, as its own types define it.

https://github.com/electrolux-oss/infrawallet/blob/main/plugins/infrawallet/src/api/types.ts
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from finops.api.money import Number


class Report(TypedDict):
    """What one thing cost, by month or day; the keys that the reports are not grouped by are absent."""

    id: str
    provider: NotRequired[Annotated[str, Field(examples=["native"], description="A domain")]]
    account: NotRequired[Annotated[str, Field(examples=["storefront"], description="A group")]]
    project: NotRequired[Annotated[str, Field(examples=["SHOP-WEB"], description="An application")]]
    service: NotRequired[Annotated[str, Field(examples=["gitlab.lfs_gib"], description="A product")]]
    category: NotRequired[Annotated[str, Field(examples=["CI/CD"], description="A family")]]
    reports: Annotated[
        dict[str, Number],
        Field(examples=[{"2026-09": 100.5, "2026-10": 102}], description="By `YYYY-MM`, or `YYYY-MM-DD` where daily"),
    ]


class CloudProviderError(TypedDict):
    """Never sent: a feed that failed keeps its last published costs."""

    provider: str
    name: str
    error: str


class CostReports(TypedDict):
    """The body."""

    data: list[Report]
    errors: list[CloudProviderError]
    status: Literal[200]
    currency: Annotated[str | None, Field(examples=["EUR"], description="Unknown to the plugin; null without a cost")]
