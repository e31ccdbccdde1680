"""Intervals as Cost Insights asks for them, such as `R2/P30D/2026-11-01`.

Two periods of 30 days, the last of which ends before 2026-11-01. An ISO 8601 repeating interval, say the plugin's types
(https://github.com/backstage/community-plugins/tree/main/workspaces/cost-insights).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Query

from finops.api.http.problems import Fault, ProblemError

PATTERN = r"R([1-9][0-9]?)/P([1-9][0-9]{0,3})([DM])/([0-9]{4}-[0-9]{2}-[0-9]{2})"
FORM = "R<number of periods>/P<length>D or M/<first day after the last period>, such as R2/P30D/2026-11-01"
MAX_DAYS = 1100  # three years


@dataclass(frozen=True)
class Intervals:
    """Periods that follow each other: `bounds` are their first days, then the day after the last one."""

    bounds: tuple[date, ...]

    @property
    def start(self) -> date:
        """First day."""
        return self.bounds[0]

    @property
    def end(self) -> date:
        """The day after the last."""
        return self.bounds[-1]

    @property
    def middle(self) -> date:
        """First day of the last period, which is compared with the one before."""
        return self.bounds[-2]

    @property
    def previous(self) -> date | None:
        """First day of the period before the last; None where there is none."""
        return self.bounds[-3] if len(self.bounds) > 2 else None  # noqa: PLR2004 - two periods have three bounds

    def days(self) -> Iterator[date]:
        """Every day, from the first to the last."""
        for number in range((self.end - self.start).days):
            yield self.start + timedelta(days=number)


def parse(text: str) -> Intervals:
    """Read `R2/P30D/2026-11-01`.

    Raises:
        ProblemError: (422) when it is something else, or longer than three years.
    """
    found = re.fullmatch(PATTERN, text, re.ASCII)
    if not found:
        raise _invalid_intervals(f"'{text}' is not a repeating interval")
    count, length, unit, last = int(found[1]), int(found[2]), found[3], found[4]
    try:
        end = date.fromisoformat(last)
        bounds = tuple(_before(end, length * number, unit) for number in range(count, -1, -1))
    except (ValueError, OverflowError) as error:
        raise _invalid_intervals(f"'{text}' has no such days") from error
    if (bounds[-1] - bounds[0]).days > MAX_DAYS:
        raise _invalid_intervals(f"'{text}' is longer than {MAX_DAYS} days")
    return Intervals(bounds)


def _before(end: date, length: int, unit: str) -> date:
    """So many days or months earlier; the 31st of a month without one is its last day."""
    if unit == "D":
        return end - timedelta(days=length)
    year, month = divmod(end.year * 12 + end.month - 1 - length, 12)
    date(year, month + 1, 1)  # a year that exists
    return date(year, month + 1, min(end.day, calendar.monthrange(year, month + 1)[1]))


def _invalid_intervals(what: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"intervals: {what}: write {FORM}",
        faults=[Fault(parameter="intervals", detail=what, allowed=[FORM])],
    )


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
    """The same, of two periods exactly: what is compared is one with the other."""
    if len(intervals.bounds) != 3:  # noqa: PLR2004 - two periods have three bounds
        raise _invalid_intervals("this compares two periods, R2")
    return intervals


AnyIntervals = Annotated[Intervals, Depends(asked)]
TwoIntervals = Annotated[Intervals, Depends(asked_two)]
