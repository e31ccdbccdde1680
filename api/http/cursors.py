"""Cursors of keyset pagination: the values that the page before ended with, for the same request on the same data.

They are neither secret nor signed: their values are only compared with rows that the caller may see anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from finops.api.http.paging import Paging
from finops.api.http.problems import ProblemError, invalid


@dataclass(frozen=True)
class Cursors:
    """The cursors of one request, on one version of the data."""

    request: str
    version: int | None

    @classmethod
    def of(cls, path: str, parameters: Paging, version: int | None) -> Cursors:
        """Those of a path and of everything that was asked but the page."""
        asked = parameters.model_dump(exclude={*Paging.model_fields})
        content = json.dumps([path, asked], sort_keys=True, default=str)
        return cls(hashlib.sha256(content.encode()).hexdigest()[:16], version)

    def encode(self, values: Sequence[str]) -> str:
        """The cursor of the page after the line with these values."""
        content = json.dumps([self.request, self.version, *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    def decode(self, cursor: str | None, count: int) -> list[str] | None:
        """The values that the page before ended with, `count` of them; None on the first page.

        Raises:
            ProblemError: 422 for a cursor of another request, 409 where the data has changed since.
        """
        if cursor is None:
            return None
        try:
            content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            content = None
        if not isinstance(content, list) or len(content) != count + 2 or content[0] != self.request:
            raise invalid("cursor", "it belongs to another request: take `next` of the page before, unchanged")
        _, version, *values = content
        if not all(map(_is_text, values)):
            raise damaged()
        if version != self.version:
            raise ProblemError(
                HTTPStatus.CONFLICT, "the data was refreshed since the first page: start again without `cursor`"
            )
        return values


def damaged() -> ProblemError:
    """A 422 for a cursor that was not made here."""
    return invalid("cursor", "it is damaged: start again without it")


def _is_text(value: object) -> bool:
    """Text that PostgreSQL can compare with."""
    return isinstance(value, str) and not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value)
