"""Documents as exact JSON text: what MongoDB or an API sends can be read back as the same value.

BSON types become MongoDB's relaxed Extended JSON v2, integers and decimals keep every digit, and NaN stays NaN
(`{"$numberDouble": "NaN"}`) instead of becoming null. A NUL, which PostgreSQL can't store, becomes U+FFFD. A number
beyond its numbers, and what is nested deeper than orjson writes, lands as its text, and is rejected where it is used.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import simplejson
from bson import Code, DBRef, Decimal128, Int64, ObjectId, json_util

MASK = "***"
# MongoDB stores 100, and orjson writes 254.
LEVELS = 200
TOO_DEEP = f"it is nested deeper than can be read: write at most {LEVELS} levels"
# PostgreSQL's numeric has more; the longest number that dbt reads (finops.to_numeric) has no more.
LONGEST_NUMBER = 1000
_EPOCH = 1970  # an earlier date is a number in Extended JSON
# What neither holds other values nor may have to be replaced: most of a document, so told apart at a look.
_LEAVES = frozenset({str, int, bool, type(None), Decimal, Int64, ObjectId, datetime, Decimal128})


class Record(NamedTuple):
    """One record of a source, ready to land: `payload` is JSON text."""

    record_id: str
    window_date: date
    payload: str


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


def encode(document: dict[str, Any], mask_fields: frozenset[str]) -> str:
    """Return the document as JSON text, with the values of masked fields replaced, in the document itself too.

    Names are compared without case, at any depth. A date without a zone is in UTC.

    Raises:
        ValueError: when it is nested deeper than can be read.
    """
    try:
        _prepare(document, mask_fields)
        try:
            text = _dumps(document)
        except orjson.JSONEncodeError:  # half of a surrogate pair, an integer of more than 64 bits, a deep nesting
            _flatten(document)
            text = _spell(document)
        return (_spell(document) if rb"\u0000" in text else text).decode()
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error


def content_hash(payload: str) -> str:
    """Return an identity for a record that comes without one."""
    return hashlib.sha256(payload.encode()).hexdigest()[:32]


def identity(template: str, record: Mapping[str, Any]) -> str:
    """Return the identity of a record, by a format string over its values.

    Raises:
        LookupError: for a value that is missing or null, by its name.
        TypeError: for a part of something that has no parts.
    """
    return template.format_map(_Known(record))


class _Known:
    """The values of a record that are not null, for a format string."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __getitem__(self, key: str) -> object:
        """Return a value.

        Raises:
            KeyError: when it is missing or null.
        """
        if (value := self._record[key]) is None:
            raise KeyError(key)
        return value


def _prepare(value: Any, mask_fields: frozenset[str]) -> Any:  # noqa: ANN401 any JSON or BSON value
    """Mask, and replace what orjson would write as something else, in place; return what stands for the value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower() in mask_fields:
                value[key] = MASK
            elif type(item) not in _LEAVES:
                value[key] = _prepare(item, mask_fields)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if type(item) not in _LEAVES:
                value[index] = _prepare(item, mask_fields)
    elif isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    elif isinstance(value, Code | DBRef):  # a str in Python; both hold documents
        return _prepare(json_util.default(value), mask_fields)
    return value


def _flatten(document: dict[str, Any]) -> None:
    """Replace what is nested too deep by its JSON text, in place; not by recursion, which it may be too deep for."""
    level: list[Any] = [document]
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
            return _not_finite(float(value))
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


def _not_finite(value: float) -> dict[str, str]:
    return {"$numberDouble": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
