"""A finding of the doctor: one line, with details below it, and a remedy if something is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

GOOD, DOUBT, BAD = "✓", "!", "✗"
# Prices, rates and days go by the clock, and so do tokens and the signatures of buckets: those allow 5 minutes or so.
NOTED_SKEW, WORST_SKEW = timedelta(seconds=30), timedelta(minutes=5)
INDENT = "    "


@dataclass(frozen=True)
class Finding:
    """One line of the report: `✓` good; `!` a warning; `✗` a problem that makes a nightly, or a part of it, fail.

    The details are shown below it, one a line; the remedy, where something is wrong.
    """

    sign: str
    what: str
    found: str
    remedy: str = ""
    details: Sequence[str] = ()

    def lines(self, width: int | None = None) -> list[str]:
        """The finding as it is printed, folded at a width if there is one."""
        lines = [f"{self.sign} {self.what}: {self.found}", *(f"{INDENT}{detail}" for detail in self.details)]
        if self.remedy and self.sign != GOOD:
            lines.append(f"{INDENT}→ {self.remedy}")
        return [part for line in lines for part in _folded(line, width)]


def _folded(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width:
        return [line]
    indent = INDENT + "  " * line.startswith(INDENT)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def counted(number: int, what: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def clock(what: str, skew: timedelta | None) -> list[Finding]:
    """Return a finding if another clock differs from ours; `skew`: how far it is ahead, None if unknown."""
    if skew is None or abs(skew) < NOTED_SKEW:
        return []
    direction = "ahead of" if skew > timedelta() else "behind"
    found = f"its clock is {round(abs(skew).total_seconds())} seconds {direction} this machine's"
    remedy = "set both by NTP (`timedatectl` shows whether one is)"
    return [Finding(BAD if abs(skew) >= WORST_SKEW else DOUBT, what, found, remedy)]
