"""Intervals as Cost Insights asks for them: `R2/P30D/2026-11-01` is two periods of 30 days, up to before 2026-11-01.

ISO 8601 repeating intervals, according to the plugin's types
(https://github.com/backstage/community-plugins/tree/main/workspaces/cost-insights).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Query

from finops.api.http.problems import ProblemError, invalid
from finops.api.months import quarter, shifted

PATTERN = r"R([1-9][0-9]?)/P([1-9][0-9]{0,3})([DM])/([0-9]{4}-[0-9]{2}-[0-9]{2})"
FORM = "R<number of periods>/P<length>D or M/<first day after the last period>, such as R2/P30D/2026-11-01"
MAX_DAYS = 1100  # three years


@dataclass(frozen=True)
class Intervals:
    """Days from `start` to before `end`; the last period begins at `middle`, the one before it at `previous`."""

    start: date
    previous: date | None
    middle: date
    end: date

    @property
    def parameters(self) -> dict[str, date]:
        """The parameters of the queries of days."""
        return {"first_period": self.start.replace(day=1), "start": self.start, "middle": self.middle, "end": self.end}

    @cached_property
    def days(self) -> list[str]:
        """Every day, from the first to the last, as YYYY-MM-DD."""
        return [(self.start + timedelta(days=number)).isoformat() for number in range(self.number(self.end))]

    def number(self, day: date) -> int:
        """How many days after `start` it is."""
        return (day - self.start).days


def parse(text: str) -> Intervals:
    """Read `R2/P30D/2026-11-01`.

    Raises:
        ProblemError: (422) when it is something else, or longer than three years.
    """
    found = re.fullmatch(PATTERN, text, re.ASCII)
    if not found:
        raise _invalid(f"'{text}' is not a repeating interval")
    count, length, unit, last = int(found[1]), int(found[2]), found[3], found[4]
    try:
        end = date.fromisoformat(last)
        bounds = tuple(_before(end, length * number, unit) for number in range(count, -1, -1))
    except (ValueError, OverflowError) as error:
        raise _invalid(f"'{text}' has days that do not exist") from error
    if (end - bounds[0]).days > MAX_DAYS:
        raise _invalid(f"'{text}' is longer than {MAX_DAYS} days")
    return Intervals(bounds[0], bounds[-3] if count > 1 else None, bounds[-2], end)


def last_quarters(last_complete: date) -> Intervals:
    """The last quarter that ended on this day or before, and the one before it."""
    end = quarter(last_complete + timedelta(days=1))
    return Intervals(shifted(end, -6), shifted(end, -6), shifted(end, -3), end)


def _before(end: date, length: int, unit: str) -> date:
    """The day so many days or months earlier; the 31st of a shorter month is its last day."""
    if unit == "D":
        return end - timedelta(days=length)
    month = shifted(end, -length)
    return month.replace(day=min(end.day, calendar.monthrange(month.year, month.month)[1]))


def _invalid(what: str) -> ProblemError:
    return invalid("intervals", f"{what}: write {FORM}", [FORM])


def asked(
    intervals: Annotated[
        str,
        Query(
            description=f"{FORM}; {MAX_DAYS} days at most",
            examples=["R2/P30D/2026-11-01"],
            json_schema_extra={"pattern": f"^{PATTERN}$"},
        ),
    ],
) -> Intervals:
    """The dependency of the routes that take intervals."""
    return parse(intervals)


def asked_two(intervals: Annotated[Intervals, Depends(asked)]) -> Intervals:
    """The same, of two periods exactly: one is compared with the other."""
    if intervals.previous != intervals.start:
        raise _invalid("this compares two periods, R2")
    return intervals


AnyIntervals = Annotated[Intervals, Depends(asked)]
TwoIntervals = Annotated[Intervals, Depends(asked_two)]
