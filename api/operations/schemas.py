"""Who asks, and the runs, as they go out. A field without a value is left out, never null."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from finops.api.http.paging import AsOf, NextPage
from finops.api.money import Money
from finops.api.months import MonthText

Kind = Literal["nightly", "reprocess", "adhoc"]
Status = Literal["RUNNING", "SUCCESS", "FAILED"]
RunId = Annotated[str, Field(examples=["86a7b04b-43e8-4dca-8e68-01d9e96b0222"])]
Seconds = Annotated[float | None, Field(examples=[41.183], description="How long it took; absent while it runs")]
Why = Annotated[str | None, Field(description="What failed, and the remedy")]
SourceName = Annotated[str, Field(examples=["cmdb.vm"])]
Currency = Annotated[
    str | None,
    Field(examples=["EUR"], description="The reporting currency, which amounts are in unless it was changed"),
]


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


class Change(BaseModel):
    """By how much a run changed the cost of a month."""

    period: MonthText
    amount: Money = Field(examples=["-12.5"], description="Cost after less cost before; exact decimal, as text")


class Waiting(BaseModel):
    """A published month of a source whose reference data has changed since."""

    source: SourceName
    period: MonthText


class Run(BaseModel):
    """A run of the loader, or of dbt by hand."""

    run_id: RunId
    kind: Kind = Field(description="`adhoc` is `finops extract`, or dbt by hand")
    status: Status
    started_at: datetime = Field(examples=["2026-11-22T03:00:01Z"])
    ended_at: datetime | None = Field(
        default=None, examples=["2026-11-22T03:12:45Z"], description="Absent while it runs"
    )
    seconds: Seconds = None
    records: int = Field(examples=[99960], description="Records behind what it published")
    from_: MonthText | None = Field(default=None, alias="from", description="The first month that it is about")
    to: MonthText | None = Field(default=None, description="The last month that it is about")
    reason: str | None = Field(default=None, examples=["price of vm.vcpu corrected"], description="Why it was started")
    error: Why = None
    started_by: str = Field(examples=["finops@nightly-1"])
    changes: list[Change] = Field(description="The months whose cost it changed, and by how much")
    waiting: list[Waiting] = Field(
        description="What was published from reference data that has changed since, and waits for `finops reprocess`"
    )


class Step(BaseModel):
    """What a run did, and when."""

    step: str = Field(examples=["extract"])
    source: SourceName | None = None
    status: Literal["RUNNING", "SUCCESS", "FAILED", "SKIPPED"]
    seconds: Seconds = None
    rows: int | None = Field(default=None, examples=[1200], description="Rows that it wrote, where that is counted")
    error: Why = None


class RunScope(BaseModel):
    """A month of a source that a run had to publish."""

    source: SourceName
    period: MonthText
    attempt: int = Field(
        examples=[1], description="Above 1 where the run was resumed, and published it once more: each has its change"
    )
    status: Literal["PENDING", "PUBLISHED", "BLOCKED", "REFUSED"] = Field(
        description="BLOCKED: it did not add up; REFUSED: it would change by too much. What was published before stays"
    )
    refusal: str | None = Field(default=None, description="Why it was refused or blocked")
    records_landed: int | None = Field(default=None, examples=[1200], description="That the source said it sent")
    records_released: int | None = Field(default=None, examples=[1190], description="In relevés")
    records_rejected: int | None = Field(default=None, examples=[10], description="That could not be valued")
    records_set_apart: int | None = Field(default=None, examples=[0], description="Kept beside the cost, such as tax")
    records_duplicate: int | None = Field(default=None, examples=[0], description="Exact copies of others")
    cost_before: Money | None = Field(default=None, description="What was published before; absent: nothing was")
    cost_after: Money | None = Field(default=None, description="What this run published, or refused to")


class Runs(BaseModel):
    """The runs, the newest first."""

    currency: Currency = None
    next: NextPage = None
    data: list[Run]


class OneRun(Run):
    """A run with its steps and scopes."""

    currency: Currency = None
    steps: list[Step] = Field(description="In their order")
    scopes: list[RunScope] = Field(description="What it had to publish, by month and source")
