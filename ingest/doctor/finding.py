"""What the doctor finds: one line a check, with what to do where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

GOOD, DOUBT, BAD = "✓", "!", "✗"
# Prices, rates and days go by the clock, and so do tokens and the signatures of buckets: those allow 5 minutes or so.
NOTED_SKEW, WORST_SKEW = timedelta(seconds=30), timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """A line: `✓` well; `!` a warning, a nightly may well succeed; `✗` a problem, a nightly or a part of it fails."""

    sign: str
    what: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}: {self.found}" + (f"\n    → {self.remedy}" if self.remedy else "")


def clock(what: str, skew: timedelta | None) -> list[Finding]:
    """A finding where another clock differs from ours; `skew`: by how much it is ahead, None where it is unknown."""
    if skew is None or abs(skew) < NOTED_SKEW:
        return []
    direction = "ahead of" if skew > timedelta() else "behind"
    found = f"its clock is {round(abs(skew).total_seconds())} seconds {direction} this machine's"
    remedy = "set both by NTP (`timedatectl` shows whether one is)"
    return [Finding(BAD if abs(skew) >= WORST_SKEW else DOUBT, what, found, remedy)]
