"""The answer of a source to the smallest request that shows whether it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Probe:
    """A source's answer.

    Attributes:
        found: a phrase for the report.
        clock_skew: how far the server's clock is ahead of ours; None if it sends no time.
        is_empty: it can be read and holds nothing.
    """

    found: str
    clock_skew: timedelta | None = None
    is_empty: bool = False
