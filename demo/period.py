"""The demo's days: the last three months, the current one up to `as_of`.

It covers whole months, because starting 90 days ago would show a first month that looks cheap.
"""

from collections.abc import Sequence
from datetime import date, timedelta

MONTHS_SHOWN = 3
DAY_WITHOUT_DUMP = 17


def months_before(month: date, count: int) -> date:
    """Return the first day of the month that is `count` months before `month`'s."""
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def days(as_of: date) -> list[date]:
    """Return every day of the demo, oldest first, including `as_of`."""
    first = months_before(as_of, MONTHS_SHOWN - 1)
    return [first + timedelta(days=offset) for offset in range((as_of - first).days + 1)]


def period_range(as_of: date) -> str:
    """Return the demo's months in the command line's format, such as `2026-09..2026-11`."""
    return f"{months_before(as_of, MONTHS_SHOWN - 1):%Y-%m}..{as_of:%Y-%m}"


def day_without_dump(shown: Sequence[date]) -> date:
    """Return the day without a CMDB dump, in the month before the last day's."""
    return months_before(max(shown), 1).replace(day=DAY_WITHOUT_DUMP)
