"""Documents as exact JSON text: what MongoDB or an API sends can be read back as the same value.

BSON types become MongoDB's relaxed Extended JSON v2, integers and decimals keep every digit, and NaN stays NaN
(`{"$numberDouble": "NaN"}`) instead of becoming null. A NUL, which PostgreSQL can't store, becomes U+FFFD.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import simplejson
from bson import Code, json_util

MASK = "***"
_SUSPECT = re.compile(r"\\u(0000|d[89a-f])")  # in JSON text: a NUL, or half of a surrogate pair


@dataclass(frozen=True)
class Record:
    """One record of a source, ready to land: `payload` is JSON text."""

    record_id: str
    window_date: date
    payload: str


def encode(document: Mapping[str, Any], mask_fields: frozenset[str]) -> str:
    """Return the document as JSON text, with the values of masked fields replaced."""
    masked = mask(document, mask_fields)
    try:
        text = _dumps(masked)
    except ValueError:  # it holds a NaN or an infinity
        return _dumps(_storable(masked))
    return _dumps(_storable(masked)) if _SUSPECT.search(text) else text


def _dumps(value: Any) -> str:  # noqa: ANN401 any JSON or BSON value
    text: str = simplejson.dumps(value, use_decimal=True, allow_nan=False, encoding=None, default=json_util.default)
    return text


def mask(value: Any, mask_fields: frozenset[str]) -> Any:  # noqa: ANN401 any JSON or BSON value
    """Return the value with the masked fields replaced at any depth; names are compared without case."""
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in mask_fields else mask(item, mask_fields) for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask(item, mask_fields) for item in value]
    return json_util.default(value) if isinstance(value, Code) else value  # a str in Python


def content_hash(payload: str) -> str:
    """Return an identity for a record that has none of its own."""
    return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _storable(value: Any) -> Any:  # noqa: ANN401 any JSON or BSON value
    """The value without what PostgreSQL or JSON can't store: NaN, NUL, half of a surrogate pair."""
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    finite = value.is_finite() if isinstance(value, Decimal) else not isinstance(value, float) or math.isfinite(value)
    if not finite:
        return {"$numberDouble": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(float(value), "NaN")}
    return value
