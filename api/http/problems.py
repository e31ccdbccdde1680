"""Every error is a problem of RFC 9457, and this is the one table of what becomes which.

What the caller can mend names the parameter and what it allows; what it can't, says when to come back. Nothing of
PostgreSQL's own messages goes out: they are logged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

LOG = logging.getLogger("finops.api")
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5  # seconds
SHOWN_FAULTS = 20
SHOWN_CHARACTERS = 80  # of what was sent, in an answer
CHOICE = re.compile(r"'([^']*)'")


class Fault(BaseModel):
    """One parameter that is wrong."""

    parameter: str = Field(examples=["from"])
    detail: str = Field(examples=["'2026-13' is not a month: write YYYY-MM"])
    allowed: list[str] | None = Field(default=None, examples=[["month", "quarter"]])


class Problem(BaseModel):
    """The body of an error (RFC 9457); `type` is `about:blank`, so that `title` is the status's own phrase."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "there is no application 'SHOP-WEBB' that you may see",
                    "instance": "/v1/applications/SHOP-WEBB/costs",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] | None = None


class ProblemError(Exception):
    """Raised by whoever finds that a request can't be answered."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = list(faults)
        self.headers = dict(headers or {})


def unavailable(detail: str) -> ProblemError:
    """A 503 that says when to come back."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER)})


def responses(*statuses: int, probe: bool = False) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for the OpenAPI document: these, and those that any route may give.

    A probe asks for no token.
    """
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, 503} | (set() if probe else {401}))
    }


def install(app: FastAPI) -> None:
    """Answer every error with a problem, and say so in the OpenAPI document."""
    specification = app.openapi

    def with_problems() -> dict[str, Any]:
        if app.openapi_schema is None:
            _describe(specification())
        return specification()

    vars(app)["openapi"] = with_problems
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)
    for error in (psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests):
        app.add_exception_handler(error, _database)


def answer(request: Request, error: ProblemError) -> JSONResponse:
    """The response of a problem."""
    problem = Problem(
        title=error.status.phrase,
        status=error.status,
        detail=error.detail,
        instance=request.url.path,
        errors=error.faults or None,
    )
    body = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, error.status, headers=error.headers, media_type=MEDIA_TYPE)


def of_database(error: Exception) -> ProblemError:
    """What an error of PostgreSQL or of its pool is to the caller."""
    match error:
        case psycopg.errors.QueryCanceled():
            return unavailable("the query took longer than this API allows: ask for fewer months, or group by less")
        case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName():
            return unavailable("the database holds no aggregates yet: run `finops nightly` on it")
        case psycopg.errors.InsufficientPrivilege():
            return unavailable("the API's role may not read the aggregates: see 'Who sees what' in docs/api.md")
        case TooManyRequests():
            return unavailable("too many requests are waiting for the database")
        case psycopg.OperationalError() | PoolTimeout() | PoolClosed():
            return unavailable("the database does not answer")
        case _:
            return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the request failed here, and was logged")


def _describe(specification: dict[str, Any]) -> None:
    """FastAPI describes errors under the media type of answers, and its own body for a 422."""
    for path in specification["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST:
                    response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for replaced in ("HTTPValidationError", "ValidationError"):
        specification["components"]["schemas"].pop(replaced, None)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - what it was registered for
    return answer(request, error)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    detail = f"there is no {request.url.path}" if error.status_code == HTTPStatus.NOT_FOUND else str(error.detail)
    return answer(request, ProblemError(HTTPStatus(error.status_code), detail, headers=error.headers))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    faults = [_fault(request, found) for found in error.errors()]
    detail = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults[:SHOWN_FAULTS])
    return answer(request, ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=faults[:SHOWN_FAULTS]))


def _fault(request: Request, found: Mapping[str, Any]) -> Fault:
    """What pydantic found, by the name of the parameter: ("query", "group_by", 0) is group_by."""
    name = str(next((part for part in found["loc"][1:] if isinstance(part, str)), found["loc"][-1]))
    allowed = None
    detail = str(found["msg"])
    match found["type"]:
        case "literal_error":
            allowed = CHOICE.findall(found["ctx"]["expected"])
            detail = f"'{_shortened(found['input'])}' is not one of its values"
        case "extra_forbidden":
            allowed = _parameters(request)
            detail = "there is no such parameter"
        case "month":
            detail = f"'{_shortened(found['input'])}' is {detail}"
    return Fault(parameter=_shortened(name), detail=detail, allowed=allowed)


def _parameters(request: Request) -> list[str]:
    """What the route takes, as its own description has it."""
    template = getattr(request.scope.get("route"), "path_format", "")
    operation = request.app.openapi()["paths"].get(template, {}).get("get", {})
    return [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]


def _shortened(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


async def _database(request: Request, error: Exception) -> JSONResponse:
    problem = of_database(error)
    LOG.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error)
    return answer(request, problem)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, of_database(error))
