"""How the company's figures move from day to day: by the name of a thing and the day, and by nothing else.

A generator that is drawn from in sequence would give other figures when a day is asked for alone, or twice.
"""

from datetime import date
from random import Random

GROWTH_ORIGIN = date(2026, 1, 1)
GROWTH_A_DAY = 0.0008
WEEKEND = 5


def noise(name: str, day: date) -> Random:
    """A generator seeded by `name` and `day`: the same figures whatever was asked before."""
    return Random(f"{name}/{day.isoformat()}")


def grown(name: str, amount: float, day: date) -> float:
    """A stock that grows a little every day (about 2.5 % a month), in the unit of `amount`."""
    elapsed = (day - GROWTH_ORIGIN).days
    return amount * (1 + GROWTH_A_DAY * elapsed + noise(name, day).uniform(0, GROWTH_A_DAY / 2))


def activity(name: str, amount: float, day: date) -> float:
    """A flow: a fifth up or down, and a third of it at the weekend, in the unit of `amount`."""
    weekend = 0.35 if day.weekday() >= WEEKEND else 1.0
    return amount * weekend * noise(name, day).uniform(0.8, 1.2)
