"""The days that the demonstration shows: the last three months, the current one up to `as_of`.

Whole months, because a relevé is a month's: starting 90 days ago would show a first month that looks cheap.
"""

from collections.abc import Sequence
from datetime import date, timedelta

MONTHS_SHOWN = 3
DAY_WITHOUT_DUMP = 17


def months_before(month: date, count: int) -> date:
    """First day of the month `count` months before the one `month` is in."""
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def days(as_of: date) -> list[date]:
    """Every day shown, oldest first, `as_of` included."""
    first = months_before(as_of, MONTHS_SHOWN - 1)
    return [first + timedelta(days=offset) for offset in range((as_of - first).days + 1)]


def period_range(as_of: date) -> str:
    """The months shown as the command line takes them, e.g. `2026-09..2026-11`."""
    return f"{months_before(as_of, MONTHS_SHOWN - 1):%Y-%m}..{as_of:%Y-%m}"


def day_without_dump(shown: Sequence[date]) -> date:
    """The one day that the CMDB team missed, in the month before the last day shown."""
    return months_before(max(shown), 1).replace(day=DAY_WITHOUT_DUMP)
