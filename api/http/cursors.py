"""Cursors of keyset pagination: where the page before ended, for the same question on the same data.

They are not secret and grant nothing: what they hold is compared with rows that the caller may see anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from finops.api.http.problems import Fault, ProblemError

RANK = re.compile(r"-?(\d{1,100}(\.\d{1,100})?|Infinity)", re.ASCII)
PAGING = ("cursor", "limit")


@dataclass(frozen=True)
class Position:
    """The last line of a page: what it is ordered by, then its keys."""

    rank: str
    keys: Sequence[str]


def request_fingerprint(path: str, parameters: Mapping[str, object]) -> str:
    """What a cursor belongs to: all that was asked but the page."""
    asked = {name: value for name, value in parameters.items() if name not in PAGING}
    return hashlib.sha256(json.dumps([path, asked], sort_keys=True, default=str).encode()).hexdigest()[:16]


def encode(asked: str, version: int, position: Position) -> str:
    """The cursor of the page after this position."""
    content = json.dumps([asked, version, position.rank, *position.keys], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(cursor: str, asked: str, version: int, key_count: int) -> Position:
    """Where to go on.

    Raises:
        ProblemError: 422 for what is not a cursor of this question, 409 when the data has changed since.
    """
    try:
        content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        content = None
    if not isinstance(content, list) or len(content) != key_count + 3 or content[0] != asked:
        raise _wrong("it is none of this request: take `next` of the page before, and change nothing else")
    _, then, rank, *keys = content
    if not isinstance(rank, str) or not RANK.fullmatch(rank) or not all(map(_is_key, keys)):
        raise _wrong("it is damaged: start again without it")
    if then != version:
        raise ProblemError(
            HTTPStatus.CONFLICT, "the data was refreshed since the first page: start again without `cursor`"
        )
    return Position(rank, keys)


def _is_key(key: object) -> bool:
    """Text that PostgreSQL can compare with."""
    return isinstance(key, str) and not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in key)


def _wrong(detail: str) -> ProblemError:
    fault = Fault(parameter="cursor", detail=detail)
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"cursor: {detail}", faults=[fault])
