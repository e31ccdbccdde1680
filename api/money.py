"""Exact money: arithmetic, and amounts as JSON numbers for clients whose types want numbers, never through a float.

`1E-12` is as exact as `0.000000000001`, and JSON has both. What the client makes of a number of more than 17 digits is
its own affair; everywhere else money goes out as text (schemas.py).
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, localcontext
from typing import Annotated

import simplejson
from fastapi.responses import JSONResponse
from pydantic import BaseModel, PlainSerializer, WithJsonSchema

# Sums that would have to be rounded are an error: Python's own context rounds to 28 digits without a word.
EXACT = Context(prec=1000, traps=[Inexact])
# Shares have no exact decimal: they are rounded where they are shown.
ROUNDED = Context(prec=1000, rounding=ROUND_HALF_UP)
PLACES = Decimal("0.000001")


def plain(amount: Decimal) -> Decimal:
    """The same amount without the zeros at the end of its decimals."""
    with localcontext(EXACT):
        stripped = (amount + 0).normalize()  # no -0
        return stripped if stripped.as_tuple().exponent <= 0 else stripped.quantize(Decimal(1))  # type: ignore[operator]


Number = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=Decimal),
    WithJsonSchema({"type": "number", "examples": [1234.56], "description": "Exact decimal, as a JSON number"}),
]
Day = Annotated[
    date,
    PlainSerializer(lambda day: day.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-10-31"]}),
]


class ExactResponse(JSONResponse):
    """A model, or a list of them, with its decimals as numbers."""

    def render(self, content: object) -> bytes:
        """The body."""
        return simplejson.dumps(
            content, use_decimal=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_dumped
        ).encode()


def _dumped(value: object) -> dict[str, object]:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")


def difference(amount: Decimal, other: Decimal) -> Decimal:
    """One less the other, without zeros at the end."""
    return EXACT.normalize(EXACT.subtract(amount, other))


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """One as a part of the other, to 6 places without zeros at the end; None where the other is zero."""
    if not whole:
        return None
    return ROUNDED.normalize(ROUNDED.quantize(ROUNDED.divide(part, whole), PLACES))
