"""What everything with pages takes, and what it says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

MAX_LIMIT = 1000
NextPage = Annotated[str | None, Field(description="The `cursor` of the next page; absent on the last one")]
AsOf = Annotated[
    datetime | None,
    Field(description="End of the last successful run: how fresh all of this is", examples=["2026-11-22T03:12:45Z"]),
]


class Paging(BaseModel):
    """A list, page by page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="Lines a page has at most; CSV has no pages")
    cursor: str | None = Field(
        default=None, max_length=2000, description="The `next` of the page before; all else as it was"
    )


async def no_parameters(request: Request) -> None:
    """The dependency of a route without query parameters: an unknown one is an error, here too.

    Raises:
        RequestValidationError: which http/problems.py turns into a 422 that names them.
    """
    if unknown := [{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in request.query_params]:
        raise RequestValidationError(unknown)
