"""How hard the hostile tests try: once in `make test`, ten times as hard in `make torture`."""

from __future__ import annotations

import os

TIMES = int(os.environ.get("TORTURE", "1"))


def times(count: int) -> int:
    """How many attempts a test makes that makes `count` of them in `make test`."""
    return count * TIMES
