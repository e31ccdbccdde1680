"""Variation of the company's figures from day to day, derived from a name and a day only.

A sequential random generator would give other figures for a day that is requested alone, or twice.
"""

from datetime import date
from random import Random

GROWTH_ORIGIN = date(2026, 1, 1)
GROWTH_A_DAY = 0.0008
WEEKEND = 5


def noise(name: str, day: date) -> Random:
    """Return a generator seeded by `name` and `day`, independent of earlier calls."""
    return Random(f"{name}/{day.isoformat()}")


def grown(name: str, amount: float, day: date) -> float:
    """Return a stock that grows a little every day (about 2.5 % per month), in the unit of `amount`."""
    elapsed = (day - GROWTH_ORIGIN).days
    return amount * (1 + GROWTH_A_DAY * elapsed + noise(name, day).uniform(0, GROWTH_A_DAY / 2))


def activity(name: str, amount: float, day: date) -> float:
    """Return a flow that varies by a fifth, and drops to a third at weekends, in the unit of `amount`."""
    weekend = 0.35 if day.weekday() >= WEEKEND else 1.0
    return amount * weekend * noise(name, day).uniform(0.8, 1.2)
