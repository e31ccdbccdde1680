"""The demo's days, and the dates of what happened to the company.

The company's records tell a year that ends in November 2026. `moved` puts each date as many whole months later (or
earlier) as the demo's last day is from that month, so that every demo tells the same year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

TOLD_IN = date(2026, 11, 1)
MONTHS = 14  # thirteen whole ones, so that the last of them has one a year before, and the current one
DAY_WITHOUT_DUMP = 17
DAYS_OF_A_MONTH = 31

Day = TypeVar("Day", bound=date)


@dataclass(frozen=True)
class Story:
    """What the demo shows: `months` months, the last one up to `as_of`."""

    as_of: date
    months: int = MONTHS

    @property
    def first(self) -> date:
        """The first day: whole months, because a month that starts late looks cheap."""
        return self.month(self.months - 1)

    def month(self, before: int) -> date:
        """Return the first day of the month that is `before` months before the last one."""
        return _later(self.as_of.replace(day=1), -before)

    def days(self) -> list[date]:
        """Return every day, oldest first, including `as_of`."""
        return [self.first + timedelta(days=offset) for offset in range((self.as_of - self.first).days + 1)]

    def dumped(self) -> Iterator[date]:
        """Yield the days with a CMDB dump: all but one, in the month before the last."""
        missing = self.month(1).replace(day=DAY_WITHOUT_DUMP)
        return (day for day in self.days() if day != missing)

    def later(self, today: date) -> list[date]:
        """Return the days since: the last month of them at most, which is what a nightly of today may read."""
        first = max(self.as_of, today - timedelta(days=DAYS_OF_A_MONTH)) + timedelta(days=1)
        return [first + timedelta(days=offset) for offset in range((today - first).days + 1)]

    def period_range(self) -> str:
        """Return the months in the command line's format, such as `2025-11..2026-11`."""
        return f"{self.first:%Y-%m}..{self.as_of:%Y-%m}"

    def moved(self, recorded: Day) -> Day:
        """Return the date (or time) of the demo at which something happened that the records date `recorded`."""
        return _later(recorded, (self.as_of.year - TOLD_IN.year) * 12 + self.as_of.month - TOLD_IN.month)

    def holds(self, day: date, since: date | None, until: date | None) -> bool:
        """Return whether something that the records have from `since` up to but excluding `until` was there."""
        return (since is None or self.moved(since) <= day) and (until is None or day < self.moved(until))


def _later(day: Day, months: int) -> Day:
    index = day.year * 12 + day.month - 1 + months
    return day.replace(year=index // 12, month=index % 12 + 1)
