"""What the doctor finds: one line a check, with what to do where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from finops.ingest.errors import FinopsError

GOOD, DOUBT, BAD = "✓", "!", "✗"
# Prices, rates and days go by the clock, and so do tokens and the signatures of buckets: those allow 5 minutes or so.
NOTED_SKEW, WORST_SKEW = timedelta(seconds=30), timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """A line: `✓` well, `!` to look at, `✗` to mend before a nightly can succeed."""

    sign: str
    what: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}: {self.found}" + (f"\n    → {self.remedy}" if self.remedy else "")


def good(what: str, found: str) -> Finding:
    """All is well."""
    return Finding(GOOD, what, found)


def doubt(what: str, found: str, remedy: str) -> Finding:
    """A nightly may well succeed, and somebody should look at it."""
    return Finding(DOUBT, what, found, remedy)


def bad(what: str, found: str, remedy: str) -> Finding:
    """A nightly, or a part of it, fails."""
    return Finding(BAD, what, found, remedy)


def failed(what: str, error: FinopsError) -> Finding:
    """An error of ours: what it says after its last colon is the remedy already."""
    return Finding(BAD, what, str(error))


def clock(what: str, clock_skew: timedelta) -> Finding | None:
    """How another clock compares with ours; nothing where they agree."""
    if abs(clock_skew) < NOTED_SKEW:
        return None
    seconds = round(abs(clock_skew).total_seconds())
    found = f"its clock is {seconds} seconds {'ahead of' if clock_skew > timedelta() else 'behind'} this machine's"
    remedy = "set both by NTP (`timedatectl` shows whether one is)"
    return bad(what, found, remedy) if abs(clock_skew) >= WORST_SKEW else doubt(what, found, remedy)
