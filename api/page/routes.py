"""Where the page, its files and the API's documentation are. They hold no cost, and ask for no token.

All addresses in them are relative, so that a proxy may put the API below a path, whose last character is a `/`.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Request, Response

from finops.api.page.files import files

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/docs", methods=["GET", "HEAD"])
@router.api_route("/page/{digest}/{path:path}", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """A file as it was read at the start; what another version of this program had is not here."""
    found = files().get(request.scope["path"])
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found.answer(request)
