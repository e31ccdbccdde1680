"""Coverage and gaps as they go out. A field without a value is left out of an answer, never null."""

from __future__ import annotations

from pydantic import BaseModel, Field

from finops.api.costs.parameters import Span, Text, Values
from finops.api.costs.schemas import CoveredAmounts, Months
from finops.api.http.paging import AsOf, NextPage, Paging
from finops.api.money import Day, Estimated, Money
from finops.api.months import MonthText, Period


class CoverageParameters(Span):
    """Which sources and months."""

    domain: Values = Field(default_factory=list, description="Only these domains; repeat it for several")
    source: Values = Field(default_factory=list, description="Only these sources; repeat it for several")
    currency: list[Text] = Field(
        default_factory=list, max_length=1, description="Needed only where the months have more than one"
    )


class GapParameters(Span, Paging):
    """Which sources and months, and how many lines."""

    domain: Values = Field(default_factory=list, description="Only these domains; repeat it for several")
    source: Values = Field(default_factory=list, description="Only these sources; repeat it for several")


class Amounts(CoveredAmounts):
    """A cost, and what is known of it."""

    cost: Money
    estimated: Estimated


class CoverageLine(Amounts):
    """What is known of a source's month; nothing of its days where the caller has no cost of the source."""

    source: str = Field(examples=["cmdb.vm"])
    domain: str = Field(examples=["open_legacy"])
    period: MonthText
    currency: str | None = Field(default=None, examples=["EUR"], description="Of every amount of the line")
    measured_days: int | None = Field(default=None, examples=[22])
    estimated_days: int | None = Field(
        default=None, description="Days that are based on an earlier day's snapshot", examples=[2]
    )
    missing_days: int | None = Field(
        default=None, description="Days that are over and were not measured: they are in no cost", examples=[1]
    )
    days_to_come: int | None = Field(default=None, examples=[5])
    missing_dates: list[Day] | None = Field(default=None, description="Which days are missing")
    complete_until: Day | None = Field(
        default=None, description="The last day before the first that is missing or to come; of no day, the day before"
    )


class SourceCoverage(Months):
    """The coverage of each source and month."""

    currency: str | None = Field(
        default=None, description="Of every amount here; absent where there is none", examples=["EUR"]
    )
    as_of: AsOf = None
    open_months: list[Period] = Field(description="Months that the nightly still re-reads, and may change")
    total: Amounts
    data: list[CoverageLine]


class Gap(BaseModel):
    """Something to mend: a code that no application claims, or what keeps usage from being valued."""

    source: str = Field(examples=["focus.aws"])
    domain: str = Field(examples=["public_cloud"])
    reason: str = Field(
        examples=["UNALLOCATED"],
        description="`UNALLOCATED`: in a cost, and no application claims it; else why the usage lines were rejected",
    )
    subject: str | None = Field(
        default=None,
        examples=["code GHOST"],
        description="The code, account or resource that nobody claims, or the remedy; absent: all others, see `folded`",
    )
    amount: Money | None = Field(default=None, description="Absent where not even that is known")
    currency: str | None = Field(
        default=None, examples=["EUR"], description="Of `amount`: that of the costs, or the source's if it has no rate"
    )
    lines: int = Field(examples=[31], description="Usage lines")
    group: str = Field(examples=["unallocated"], description="The group that owns the application")
    first_period: MonthText
    last_period: MonthText
    folded: int | None = Field(
        default=None,
        examples=[12],
        description="How many smaller subjects, counted in each month, the line of all others stands for",
    )


class Gaps(Months):
    """What to mend, the largest first."""

    as_of: AsOf = None
    next: NextPage = None
    data: list[Gap]
