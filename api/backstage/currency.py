"""One currency for a whole answer: the plugins add up whatever they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from finops.api.backstage.queries import ComparedCosts, ReportedCosts
from finops.api.costs.dimensions import DailyCosts
from finops.api.http.problems import invalid

Row = TypeVar("Row", DailyCosts, ComparedCosts, ReportedCosts)
Currency = Annotated[
    str | None, Query(pattern="^[A-Z]{3}$", description="Needed only where costs are in several", examples=["EUR"])
]


def one_currency(rows: Sequence[Row], asked: str | None) -> tuple[list[Row], str | None]:
    """The rows of the currency that was asked for, or of the only one; and which it is.

    Raises:
        ProblemError: (422) when there are several and none was asked for.
    """
    currencies = [asked] if asked else sorted({row.currency for row in rows})
    if len(currencies) > 1:
        detail = f"these costs are in {' and '.join(currencies)}, which do not add up: choose one"
        raise invalid("currency", detail, currencies)
    return [row for row in rows if row.currency in currencies], currencies[0] if currencies else None
