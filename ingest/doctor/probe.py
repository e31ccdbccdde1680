"""What a source says when it is asked as little as can be: the answer of its `probe`, for the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Probe:
    """What came.

    Attributes:
        found: in words.
        clock_skew: by how much the server's clock is ahead of ours, where it says the time.
        is_empty: whether it can be read and holds nothing.
    """

    found: str
    clock_skew: timedelta | None = None
    is_empty: bool = False
