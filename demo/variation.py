"""Variation of the company's figures from day to day, derived from a name and a day only.

A sequential random generator would give other figures for a day that is requested alone, or twice.
"""

from datetime import date
from random import Random

from finops.demo.story import Story

GROWTH_ORIGIN = date(2026, 1, 1)
GROWTH_A_DAY = 0.0008
WEEKEND = 5

BUSINESS_GREW_UNTIL = date(2026, 9, 1)
BUSINESS_A_DAY = 0.0006
SHOPS = ("SHOP", "WEBSHOP", "PAYMENTS", "FRAUD", "ORDERS")
# From a day to a day of each year, as month and day: Black Friday to Christmas, and the sales; holidays of the others.
SHOP_SEASONS = (((11, 23), (12, 24), 1.6), ((1, 7), (2, 3), 1.25), ((6, 24), (7, 21), 1.25))
OFFICE_SEASONS = (((12, 24), (12, 31), 0.6), ((8, 1), (8, 23), 0.7))


def noise(name: str, day: date) -> Random:
    """Return a generator seeded by `name` and `day`, independent of earlier calls."""
    return Random(f"{name}/{day.isoformat()}")


def grown(name: str, amount: float, day: date, story: Story) -> float:
    """Return a stock that grows a little every day (about 2.5 % per month), in the unit of `amount`."""
    elapsed = (day - story.moved(GROWTH_ORIGIN)).days
    return amount * (1 + GROWTH_A_DAY * elapsed + noise(name, day).uniform(0, GROWTH_A_DAY / 2))


def activity(name: str, amount: float, day: date) -> float:
    """Return a flow that varies by a fifth, and drops to a third at weekends, in the unit of `amount`."""
    weekend = 0.35 if day.weekday() >= WEEKEND else 1.0
    return amount * weekend * noise(name, day).uniform(0.8, 1.2)


def pace(user: str | None, day: date, story: Story) -> float:
    """Return how busy an application (or what is named after it) was: 1 is an ordinary day of the last months.

    Business grew until then. Shops have their seasons by the calendar, others their holidays.
    """
    seasons = SHOP_SEASONS if (user or "").strip().upper().startswith(SHOPS) else OFFICE_SEASONS
    factors = (factor for first, last, factor in seasons if first <= (day.month, day.day) <= last)
    before = max((story.moved(BUSINESS_GREW_UNTIL) - day).days, 0)
    return next(factors, 1.0) * (1 - BUSINESS_A_DAY * before)
