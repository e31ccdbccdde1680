"""What Backstage's InfraWallet plugin takes in, as its own types define it.

https://github.com/electrolux-oss/infrawallet/blob/main/plugins/infrawallet/src/api/types.ts
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from finops.api.money import Number


def _is_none(value: object) -> bool:
    return value is None


class Report(BaseModel):
    """What one thing cost, by month or day; the keys that the reports are not grouped by are absent."""

    id: str
    provider: str | None = Field(default=None, exclude_if=_is_none, examples=["native"], description="A domain")
    account: str | None = Field(default=None, exclude_if=_is_none, examples=["storefront"], description="A group")
    project: str | None = Field(default=None, exclude_if=_is_none, examples=["SHOP-WEB"], description="An application")
    service: str | None = Field(default=None, exclude_if=_is_none, examples=["gitlab.lfs_gib"], description="A product")
    category: str | None = Field(default=None, exclude_if=_is_none, examples=["CI/CD"], description="A family")
    reports: dict[str, Number] = Field(
        examples=[{"2026-09": 100.5, "2026-10": 102}], description="By `YYYY-MM`, or `YYYY-MM-DD` where daily"
    )


class CloudProviderError(BaseModel):
    """Never sent: a feed that failed keeps its last published costs."""

    provider: str
    name: str
    error: str


class CostReports(BaseModel):
    """The body."""

    data: list[Report]
    errors: list[CloudProviderError] = []
    status: Literal[200] = 200
    currency: str | None = Field(examples=["EUR"], description="Ours; null where there is no cost")
