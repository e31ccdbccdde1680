"""Exact money: the types that it has in answers, and its arithmetic; never through a float.

Our own answers carry money as text (`Money`); clients whose types want JSON numbers get exact ones (`Number`). `1E-12`
is as exact as `0.000000000001`, and JSON has both. What a client makes of a number of more than 17 digits is up to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, localcontext
from typing import Annotated

import orjson
from fastapi.responses import JSONResponse
from pydantic import Field, PlainSerializer, WithJsonSchema

# A sum that would have to be rounded is an error: Python's own context rounds to 28 digits without a word.
EXACT = Context(prec=1000, traps=[Inexact])
# Quotients have no exact decimal: shares are rounded where they are shown, ratios to more digits than a double has.
SHARES = Context(prec=1000, rounding=ROUND_HALF_UP)
DIVISION = Context(prec=60)
RATIOS = Context(prec=20)
SHARE_PLACES = Decimal("0.000001")
ZERO = Decimal()

Money = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:f}", return_type=str),
    Field(examples=["1234.56"], description="Exact decimal, as text"),
]
Ratio = Annotated[
    Decimal,
    PlainSerializer(lambda ratio: f"{ratio:f}", return_type=str),
    Field(examples=["0.0425"], description="Decimal as text, rounded to 6 places: 0.0425 is 4.25 %"),
]


Quantity = Annotated[Money, Field(examples=["744"])]
Estimated = Annotated[
    Money,
    Field(description="The part of it that is estimated: days without a snapshot of their own, months without a rate"),
]
EstimatedShare = Annotated[Ratio | None, Field(description="`estimated` ÷ `cost`; absent where that is zero")]


Number = Annotated[
    Decimal, WithJsonSchema({"type": "number", "examples": [1234.56], "description": "Exact decimal, as a JSON number"})
]
Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-10-31"]})]


class ExactResponse(JSONResponse):
    """Dictionaries and lists, whose decimals go out as JSON numbers."""

    def render(self, content: object) -> bytes:
        """The body."""
        return orjson.dumps(content, default=_number)


def digits(amount: Decimal) -> str:
    """A JSON number without sign of zero, zeros at the end of its decimals, or exponent of a large one."""
    if not amount:
        return "0"
    text = str(EXACT.normalize(amount))
    return f"{Decimal(text):f}" if "E+" in text else text


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(digits(value))
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum, without zeros at the end."""
    with localcontext(EXACT):
        return sum(amounts, ZERO).normalize()


def difference(amount: Decimal, other: Decimal) -> Decimal:
    """The first less the second, without zeros at the end."""
    return EXACT.normalize(EXACT.subtract(amount, other))


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """The part ÷ the whole, to 6 places without zeros at the end; None where the whole is zero."""
    if not whole:
        return None
    rounded = SHARES.quantize(SHARES.divide(part, whole), SHARE_PLACES)
    return SHARES.normalize(SHARES.plus(rounded))  # plus: a zero has no sign


def change(previous: Decimal, current: Decimal) -> tuple[Decimal, Decimal | None]:
    """The amount of a change and its ratio; no ratio where the base is 0 or a credit: it would point the wrong way."""
    amount = difference(current, previous)
    return amount, RATIOS.create_decimal(DIVISION.divide(amount, previous)) if previous > 0 else None
