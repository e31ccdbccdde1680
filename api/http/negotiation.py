"""What the caller's headers want: JSON or CSV, and whether it has the answer already. Starlette does neither."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import Request, Response

from finops.api.http.problems import ProblemError

JSON = "application/json"
CSV = "text/csv"
WEIGHT = re.compile(r";\s*q\s*=\s*([^;\s]*)")


class Prepared:
    """An answer that is the same for everybody as long as the process lives: compressed once, not for every request."""

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._contents = {"": content, "gzip": gzip.compress(content, mtime=0)}
        self._media_type = media_type
        tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
        self._headers = {**headers, "ETag": tag, "Vary": "Accept-Encoding"}

    def answer(self, request: Request) -> Response:
        """The answer, or 304 where the caller has it."""
        if matches(request.headers.get("if-none-match", ""), self._headers["ETag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=self._headers)
        encoding = "gzip" if "gzip" in request.headers.get("accept-encoding", "") else ""
        headers = {**self._headers, **({"Content-Encoding": encoding} if encoding else {})}
        return Response(self._contents[encoding], headers=headers, media_type=self._media_type)


def media_type(accept: str, served: Sequence[str] = (JSON, CSV)) -> str:
    """JSON unless CSV is served and preferred; the most specific range counts (RFC 9110, 12.5.1).

    Raises:
        ProblemError: 406 where the caller takes nothing that is served.
    """
    ranges = dict(_range(part) for part in accept.lower().split(",") if part.strip()) or {"*/*": 1.0}
    best = max(served, key=lambda name: _weight(name, ranges))
    if not _weight(best, ranges):
        raise ProblemError(HTTPStatus.NOT_ACCEPTABLE, f"there is {' and '.join(served)} here: name it in Accept")
    return best


def matches(if_none_match: str, tag: str) -> bool:
    """Whether the caller has the answer of this ETag, by weak comparison (RFC 9110, 8.8.3.2)."""
    listed = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in listed or tag.removeprefix("W/") in listed


def _weight(name: str, ranges: dict[str, float]) -> float:
    matching = (name, f"{name.partition('/')[0]}/*", "*/*")
    return next((ranges[found] for found in matching if found in ranges), 0.0)


def _range(part: str) -> tuple[str, float]:
    """A range and its weight; 0 where the weight can't be read."""
    found = WEIGHT.search(part)
    try:
        weight = float(found[1]) if found else 1.0
    except ValueError:
        weight = 0.0
    return part.partition(";")[0].strip(), min(max(weight, 0.0), 1.0)
