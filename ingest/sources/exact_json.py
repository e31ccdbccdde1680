"""JSON text of any JSON or BSON value, exact: integers and decimals keep every digit, and a NaN stays one.

BSON types become MongoDB's relaxed Extended JSON v2. A NUL, which PostgreSQL can't store, becomes U+FFFD. A number
beyond its numbers, and what is nested deeper than orjson writes, becomes its text, and is rejected where it is used.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import simplejson
from bson import ObjectId, json_util

# MongoDB stores 100, and orjson writes 254.
LEVELS = 200
TOO_DEEP = f"it is nested deeper than can be read: write at most {LEVELS} levels"
# PostgreSQL's numeric has more; the longest number that dbt reads (finops.to_numeric) has no more.
LONGEST_NUMBER = 1000
_EPOCH = 1970  # an earlier date is a number in Extended JSON


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 any JSON value
    """Return what a JSON text says, its numbers exact: a decimal, or the number's own text where it has no decimal.

    Raises:
        ValueError: says why the text can't be read.
    """
    try:
        try:
            return json.loads(text, parse_float=Decimal)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise
        except (ValueError, ArithmeticError):  # a number of thousands of digits, or with an exponent of 20
            return json.loads(text, parse_float=_number, parse_int=_number)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error


def _number(text: str) -> Decimal | int | str:
    try:
        value = Decimal(text)
    except ArithmeticError:
        return text
    if not _is_storable(value, text):
        return text
    return value if set(text) & set(".eE") else int(text)


def _is_storable(value: Decimal, text: str) -> bool:
    return len(text) <= LONGEST_NUMBER and -LONGEST_NUMBER < value.adjusted() < LONGEST_NUMBER


def write(value: Any) -> bytes:  # noqa: ANN401 any JSON or BSON value
    """Return a value as JSON text; its floats are finite. What is nested too deep is its text from then on.

    Raises:
        RecursionError: when it is nested deeper than can be read.
    """
    try:
        text = _dumps(value)
    except orjson.JSONEncodeError:  # half of a surrogate pair, an integer of more than 64 bits, a deep nesting
        _flatten(value)
        text = _spell(value)
    return _spell(value) if rb"\u0000" in text else text


def not_finite(value: float) -> dict[str, str]:
    """Return what stands for an infinity or a NaN, which JSON does not have."""
    return {"$numberDouble": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}


def _flatten(document: Any) -> None:  # noqa: ANN401 any JSON or BSON value
    """Replace what is nested too deep by its JSON text, in place; not by recursion, which it may be too deep for."""
    level: list[Any] = [document] if isinstance(document, dict | list) else []
    for depth in range(1, LEVELS + 1):
        following = []
        for container in level:
            for key, item in list(container.items() if isinstance(container, dict) else enumerate(container)):
                if not isinstance(item, dict | list):
                    continue
                if depth < LEVELS:
                    following.append(item)
                else:
                    container[key] = simplejson.dumps(item, use_decimal=True, allow_nan=True, default=json_util.default)
        level = following


def _dumps(value: Any) -> bytes:  # noqa: ANN401 any JSON or BSON value
    return orjson.dumps(value, _default, orjson.OPT_PASSTHROUGH_DATETIME)


def _default(value: Any) -> Any:  # noqa: ANN401 any BSON value
    """What orjson is to write for a type that it does not know; the frequent ones don't wait for `json_util`."""
    kind = type(value)
    if kind is Decimal:
        if not value.is_finite():
            return not_finite(float(value))
        text = str(value)
        return orjson.Fragment(text) if _is_storable(value, text) else text
    if kind is ObjectId:
        return {"$oid": str(value)}
    if kind is datetime and value.tzinfo is None and value.year >= _EPOCH:
        return {"$date": value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"}
    return json_util.default(value)


def _spell(value: Any) -> bytes:  # noqa: ANN401 any JSON or BSON value
    """JSON text of what orjson refuses or PostgreSQL can't store: a NUL, half of a surrogate pair, any integer."""
    if isinstance(value, dict):
        return b"{%b}" % b",".join(_spell(str(key)) + b":" + _spell(item) for key, item in value.items())
    if isinstance(value, list):
        return b"[%b]" % b",".join(_spell(item) for item in value)
    if isinstance(value, str):
        value = value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(int(value))
        return (text if len(text) <= LONGEST_NUMBER else f'"{text}"').encode()
    return _dumps(value)
