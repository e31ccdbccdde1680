"""Documents to JSON text, exactly: whatever MongoDB or an API sends can be read back as the same value.

BSON types become relaxed Extended JSON v2 (a specification of MongoDB's), integers keep every digit, decimals too, NaN
stays NaN (`{"$numberDouble": "NaN"}`) and does not turn into null. A NUL, which PostgreSQL can't keep, becomes U+FFFD.
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
    """The document as JSON text, with the values of masked fields replaced."""
    masked = mask(document, mask_fields)
    try:
        text = _dumps(masked)
    except ValueError:  # NaN or an infinity, somewhere
        return _dumps(_storable(masked))
    return _dumps(_storable(masked)) if _SUSPECT.search(text) else text


def _dumps(value: Any) -> str:  # noqa: ANN401 any JSON or BSON value
    text: str = simplejson.dumps(value, use_decimal=True, allow_nan=False, encoding=None, default=json_util.default)
    return text


def mask(value: Any, mask_fields: frozenset[str]) -> Any:  # noqa: ANN401 any JSON or BSON value
    """The value with every masked field's value replaced, at any depth; names are compared without case."""
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in mask_fields else mask(item, mask_fields) for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask(item, mask_fields) for item in value]
    return json_util.default(value) if isinstance(value, Code) else value  # a str to Python, code with scope to BSON


def content_hash(payload: str) -> str:
    """An identity for a record whose product gives it none."""
    return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _storable(value: Any) -> Any:  # noqa: ANN401 any JSON or BSON value
    """The value without what PostgreSQL or JSON can't hold: NaN, NUL, half a surrogate pair."""
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
