"""A finding of the doctor: one line, with a remedy if something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

GOOD, DOUBT, BAD = "✓", "!", "✗"
# Prices, rates and days go by the clock, and so do tokens and the signatures of buckets: those allow 5 minutes or so.
NOTED_SKEW, WORST_SKEW = timedelta(seconds=30), timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """One line of the report: `✓` good; `!` a warning; `✗` a problem that makes a nightly, or a part of it, fail.

    The remedy is shown where something is wrong.
    """

    sign: str
    what: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n    → {self.remedy}" if self.remedy and self.sign != GOOD else ""
        return f"{self.sign} {self.what}: {self.found}{remedy}"


def clock(what: str, skew: timedelta | None) -> list[Finding]:
    """Return a finding if another clock differs from ours; `skew`: how far it is ahead, None if unknown."""
    if skew is None or abs(skew) < NOTED_SKEW:
        return []
    direction = "ahead of" if skew > timedelta() else "behind"
    found = f"its clock is {round(abs(skew).total_seconds())} seconds {direction} this machine's"
    remedy = "set both by NTP (`timedatectl` shows whether one is)"
    return [Finding(BAD if abs(skew) >= WORST_SKEW else DOUBT, what, found, remedy)]
