"""What the OpenAPI document says of answers beyond their models: problems, CSV, 304 and headers."""

from __future__ import annotations

import json
from functools import cached_property
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response

from finops.api.http.negotiation import Prepared
from finops.api.http.problems import MEDIA_TYPE, responses

_HEADERS = {
    "ETag": {"description": "Of the data, the caller and the request", "schema": {"type": "string"}},
    "Cache-Control": {"description": "`private, no-cache`: keep it, and ask again", "schema": {"type": "string"}},
    "Vary": {"description": "`Accept, Authorization`", "schema": {"type": "string"}},
}
_LINK = {"description": "`rel=next`: the next page, where there is one", "schema": {"type": "string"}}
DATA_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing changed since the ETag of `If-None-Match`", "headers": _HEADERS},
    **responses(406, 409, 422, 429),
}


class DocumentedAPI(FastAPI):
    """FastAPI, whose OpenAPI document describes every error as a problem.

    FastAPI describes errors under the media type of answers, and a 422 by a body of its own. The document is written
    and compressed once: FastAPI would for every request.
    """

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            for path in document["paths"].values():
                for operation in path.values():
                    for status, response in operation["responses"].items():
                        if int(status) >= HTTPStatus.BAD_REQUEST:
                            response["content"] = problem
            for replaced in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(replaced, None)
        return super().openapi()

    @cached_property
    def _prepared(self) -> Prepared:
        content = json.dumps(self.openapi(), ensure_ascii=False, separators=(",", ":"))
        return Prepared(content.encode(), "application/json", {"Cache-Control": "no-cache"})

    def setup(self) -> None:
        """Serve the document."""
        self.add_api_route("/openapi.json", self._document, methods=["GET", "HEAD"], include_in_schema=False)

    async def _document(self, request: Request) -> Response:
        return self._prepared.answer(request)


def json_of(example: object = None) -> dict[int | str, dict[str, Any]]:
    """The 200 of a route that has no CSV, with an example."""
    content = {"application/json": {} if example is None else {"example": example}}
    return {200: {"description": "What is known now", "content": content, "headers": _HEADERS}}


def csv_of(header: str, line: str = "", example: object = None) -> dict[int | str, dict[str, Any]]:
    """The 200 of a route: the header and maybe a line of its CSV, and an example of its JSON."""
    content: dict[str, Any] = {
        "text/csv": {"schema": {"type": "string"}, "example": f"{header}\n{line}".strip() + "\n"}
    }
    if example is not None:
        content["application/json"] = {"example": example}
    return {200: {"description": "As `Accept` asks", "content": content, "headers": {**_HEADERS, "Link": _LINK}}}
