"""Arithmetic on money in Python: exact, as PostgreSQL's is. The default context would round at 28 digits."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

CONTEXT = Context(prec=1000, rounding=ROUND_HALF_UP)
PLACES = Decimal("0.000001")


def difference(amount: Decimal, other: Decimal) -> Decimal:
    """One less the other, without zeros at the end."""
    return CONTEXT.normalize(CONTEXT.subtract(amount, other))


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """One as a part of the other, to 6 places without zeros at the end; None where the other is zero."""
    if not whole:
        return None
    return CONTEXT.normalize(CONTEXT.quantize(CONTEXT.divide(part, whole), PLACES))
