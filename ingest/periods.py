"""Calendar months, as a person types them (`2026-09`) and as the database keeps them (their first day)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from finops.ingest.errors import ConfigurationError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

# A nightly still works on the previous month while this one is younger than that: late usage, closing bills.
DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN = 5


@dataclass(frozen=True, order=True)
class Period:
    """A calendar month; `first` is its first day."""

    first: date

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `2026-09`.

        Raises:
            ConfigurationError: when the text is not a month.
        """
        if not _MONTH.fullmatch(text) or text.startswith("0000"):
            raise ConfigurationError(f"'{text}' is not a month: write it as YYYY-MM, for example 2026-09")
        return cls(date.fromisoformat(f"{text}-01"))

    @classmethod
    def of(cls, day: date) -> Period:
        """The month of a day."""
        return cls(day.replace(day=1))

    @property
    def next(self) -> Period:
        """The month after."""
        return Period.of(self.first + timedelta(days=31))

    def days(self) -> Iterator[date]:
        """Every day of the month."""
        day = self.first
        while day < self.next.first:
            yield day
            day += timedelta(days=1)

    def __str__(self) -> str:
        return self.first.strftime("%Y-%m")


def parse_range(text: str) -> list[Period]:
    """The months of `2026-09` or `2026-07..2026-09`, earliest first.

    Raises:
        ConfigurationError: when a bound is not a month, or the range ends before it begins.
    """
    start, dots, end = text.partition("..")
    periods, last = [Period.parse(start)], Period.parse(end if dots else start)
    if last < periods[0]:
        raise ConfigurationError(f"'{text}' ends before it begins: write the earlier month first")
    while periods[-1] < last:
        periods.append(periods[-1].next)
    return periods


def listed(periods: Iterable[Period]) -> str:
    """Name months in order, those that follow each other as one range: `2024-09, 2025-01..2025-03`."""
    spans: list[tuple[Period, Period]] = []
    for period in sorted(set(periods)):
        if spans and spans[-1][1].next == period:
            spans[-1] = (spans[-1][0], period)
        else:
            spans.append((period, period))
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in spans)


def to_read(periods: Collection[Period]) -> str:
    """Name the command that reads months which an export holds and nobody has asked for."""
    months = "..".join(dict.fromkeys(map(str, (min(periods), max(periods)))))
    return f"`finops nightly --period {months}` reads {'it' if len(periods) == 1 else 'them'}"


def refuse_future(periods: Sequence[Period]) -> None:
    """Refuse a month that has not begun.

    Raises:
        ConfigurationError: names the last of these months, and the latest that there can be.
    """
    if periods[-1].first > today():
        raise ConfigurationError(f"{periods[-1]} is in the future: the latest month is {Period.of(today())} (UTC)")


def open_periods(as_of: date) -> list[Period]:
    """What a nightly works on by default: the month of `as_of`, and the one before while it is young."""
    current = Period.of(as_of)
    if as_of.day < DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN + 1:
        return [Period.of(current.first - timedelta(days=1)), current]
    return [current]


def today() -> date:
    """Today in UTC, the zone of every date in the module."""
    return datetime.now(UTC).date()
