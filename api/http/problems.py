"""Every error is a problem of RFC 9457, and this is the one table of what becomes which.

A caller's mistake names the parameter and what it allows; anything else says when to come back. PostgreSQL's own
messages are logged, and never sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

LOG = logging.getLogger("finops.api")
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5  # seconds
MAX_FAULTS = 20
MAX_CHARACTERS = 80  # of what was sent, in an answer
MAX_INSTANCE = 1000
CHOICE = re.compile(r"'([^']*)'")
DATABASE_ERRORS = (psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests)
NOTHING_PUBLISHED = "the database holds no aggregates yet: run `finops nightly` on it"


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


class ProblemError(HTTPException):
    """A request that can't be answered: the status, the reason, and which parameters are wrong."""

    def __init__(
        self, status: HTTPStatus, detail: str, *faults: Fault, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.faults = faults


def invalid(
    parameter: str,
    detail: str,
    allowed: list[str] | None = None,
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> ProblemError:
    """A 422, or this status, that names the parameter that is wrong, and what it allows."""
    return all_invalid([Fault(parameter=parameter, detail=detail, allowed=allowed)], status)


def all_invalid(faults: Sequence[Fault], status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY) -> ProblemError:
    """A 422, or this status, that names every parameter that is wrong."""
    shown = faults[:MAX_FAULTS]
    return ProblemError(status, "; ".join(f"{fault.parameter}: {fault.detail}" for fault in shown), *shown)


def not_found(detail: str) -> ProblemError:
    """A 404: it is not there, or not for this caller."""
    return ProblemError(HTTPStatus.NOT_FOUND, detail)


def unavailable(detail: str) -> ProblemError:
    """A 503 that says when to come back."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER)})


def responses(*statuses: int, probe: bool = False) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document: these, 503, and 401 unless it is a probe."""
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, 503} | (set() if probe else {401}))
    }


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
    for error in DATABASE_ERRORS:
        app.add_exception_handler(error, _failed)


def of_database(error: Exception) -> ProblemError:
    """What an error of PostgreSQL, of its pool, or of our own code is to the caller."""
    match error:
        case psycopg.errors.QueryCanceled():
            detail = "the query took longer than this API allows: ask for fewer months, or group by less"
        case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedFunction() | psycopg.errors.InvalidSchemaName():
            detail = NOTHING_PUBLISHED
        case psycopg.errors.UndefinedColumn():
            detail = "the aggregates are of an older version than this API: run `finops nightly` on the database"
        case psycopg.errors.InsufficientPrivilege():
            detail = "the API's role may not read the aggregates: see 'Who sees what' in docs/api.md"
        case psycopg.errors.InvalidAuthorizationSpecification():
            detail = "the database does not accept what this API says of its callers: see the API's log"
        case TooManyRequests():
            detail = "too many requests are waiting for the database"
        case psycopg.OperationalError() | PoolTimeout() | PoolClosed():
            detail = "the database does not answer"
        case _:
            return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the request failed here, and was logged")
    return unavailable(detail)


def answer(request: Request, error: ProblemError) -> Response:
    """The answer to a request that can't be answered; a long path is cut."""
    status = HTTPStatus(error.status_code)
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=error.detail,
        instance=request.scope["path"][:MAX_INSTANCE],
        errors=list(error.faults) or None,
    )
    body = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, status, headers=error.headers, media_type=MEDIA_TYPE)


async def _http(request: Request, error: Exception) -> Response:
    """Ours, those of Starlette (an unknown path, another method), and 304 Not Modified, which has no body."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=status, headers=error.headers)
    if not isinstance(error, ProblemError):
        detail = (
            f"there is no {request.scope['path'][:MAX_INSTANCE]}" if status == HTTPStatus.NOT_FOUND else error.detail
        )
        error = ProblemError(status, detail, headers=error.headers)
    return answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    return answer(request, all_invalid([_fault(request, found) for found in error.errors()]))


async def _failed(request: Request, error: Exception) -> Response:
    """The database, which needs no traceback, or a mistake of ours, which does."""
    problem = of_database(error)
    mistake = problem.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    LOG.error(
        "%s %s: %s: %s",
        request.method,
        request.url.path,
        type(error).__name__,
        error,
        exc_info=error if mistake else None,
    )
    return answer(request, problem)


def _fault(request: Request, found: Mapping[str, Any]) -> Fault:
    """What pydantic found, by the name of the parameter: ("query", "group_by", 0) is group_by."""
    name = str(next((part for part in found["loc"][1:] if isinstance(part, str)), found["loc"][-1]))
    allowed = None
    detail = str(found["msg"])
    match found["type"]:
        case "literal_error":
            allowed = CHOICE.findall(found["ctx"]["expected"])
            detail = f"'{_shortened(found['input'])}' is not one of: {', '.join(allowed)}"
        case "extra_forbidden":
            allowed = _parameters(request)
            detail = "there is no such parameter"
        case "month":
            detail = f"'{_shortened(found['input'])}' is {detail}"
    return Fault(parameter=_shortened(name), detail=detail, allowed=allowed)


def _parameters(request: Request) -> list[str]:
    """The names of the route's query parameters."""
    template = getattr(request.scope.get("route"), "path_format", "")
    operation = request.app.openapi()["paths"].get(template, {}).get("get", {})
    return [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]


def _shortened(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"
