"""How many requests a caller may make: a sliding window in this process; each replica counts for itself."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from finops.api.auth.caller import Identity
from finops.api.http.problems import ProblemError


class RateLimit:
    """Counts requests, and refuses those above a limit such as `600/minute`; an empty limit refuses none."""

    def __init__(self, limit: str) -> None:
        self._limit = parse(limit) if limit else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, identity: Identity) -> None:
        """Count a request.

        Raises:
            ProblemError: 429, with when to come back.
        """
        if self._limit is None or self._limiter.hit(self._limit, identity.name):
            return
        resets = self._limiter.get_window_stats(self._limit, identity.name).reset_time
        wait = max(1, math.ceil(resets - time.time()))
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"more than {self._limit} from one caller: come back in {wait} s",
            headers={"Retry-After": str(wait)},
        )
