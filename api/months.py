"""Months: how they are read, written and counted, and which of them are still open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

PATTERN = r"^(19[7-9]|20\d|21\d)\d-(0[1-9]|1[0-2])$"
# The nightly reads a month again until the 5th of the next: as ingest/periods.py has it.
DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN = 5
MONTHS_OF = {"month": 1, "quarter": 3}


@dataclass(frozen=True)
class DataVersion:
    """The refresh that the aggregates of a snapshot come from, and the months that they hold."""

    version: int | None
    refreshed_at: datetime
    as_of: datetime | None
    first_period: date | None
    last_period: date | None


def parse(text: object) -> date:
    """The first day of a month that is written YYYY-MM."""
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text, re.ASCII):
        raise PydanticCustomError("month", "not a month: write YYYY-MM, from 1970-01 to 2199-12")
    return date(int(text[:4]), int(text[5:]), 1)


# A month as a parameter; as text that PostgreSQL wrote; as a date that is written here.
Month = Annotated[
    date,
    BeforeValidator(parse),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["2026-09"]}),
]
MonthText = Annotated[str, Field(examples=["2026-09"], description="A month, YYYY-MM")]
Period = Annotated[
    date,
    PlainSerializer(lambda day: f"{day:%Y-%m}", return_type=str),
    Field(examples=["2026-09"], description="A month"),
]


def shifted(month: date, months: int) -> date:
    """The first day of the month so many months later, or earlier."""
    years, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(years, index + 1, 1)


def distance(first: date, last: date) -> int:
    """How many months later the last one is."""
    return (last.year - first.year) * 12 + last.month - first.month


def quarter(month: date) -> date:
    """The first day of its quarter."""
    return date(month.year, (month.month - 1) // 3 * 3 + 1, 1)


def quarter_name(month: date) -> str:
    """Its quarter, such as 2026-Q3."""
    return f"{month.year}-Q{(month.month + 2) // 3}"


def span(first: date, last: date, step: int = 1) -> list[date]:
    """Every month from the first to the last, both included, or every third."""
    return [shifted(first, months) for months in range(0, distance(first, last) + 1, step)]


def is_open(month: date, as_of: datetime | None) -> bool:
    """Whether the nightly may still change it: the last successful run came before it was closed."""
    closes = shifted(month, 1) + timedelta(days=DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN)
    return as_of is None or as_of.astimezone(UTC).date() < closes
