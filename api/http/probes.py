"""What whoever runs the API asks, without a token: does it live, can it answer, how does it do? No cost is shown."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from starlette.datastructures import State

from finops.api.auth.caller import Identity
from finops.api.database import Reader, data_version
from finops.api.http.metrics import FRESH
from finops.api.http.problems import DATABASE_ERRORS, ProblemError, of_database, responses, unavailable

LOG = logging.getLogger("finops.api")
router = APIRouter(tags=["probes"])
NOBODY = Identity("probe", frozenset())
METRICS = 'finops_api_request_seconds_count{method="GET",route="/v1/costs",status="200"} 42.0\n'


class Health(BaseModel):
    """All is well; anything else is a problem."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers whatever the database does: for a liveness probe, which must not restart the API for it."""
    return Health()


class Readiness:
    """Whether the database can be read: asked at most once a second, however many want to know."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._asking = asyncio.Lock()
        self._asked_at = -float("inf")
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """Why it can't be read; None where it can."""
        async with self._asking:
            if time.monotonic() - self._asked_at > FRESH:
                self._problem = await self._ask()
                self._asked_at = time.monotonic()
            return self._problem

    async def _ask(self) -> str | None:
        try:
            async with Reader(self._state.pool, NOBODY, self._state.claims_key).transaction() as connection:
                await data_version(connection)
                await connection.execute("select finops_api.caller_keys()")
        except ProblemError as problem:
            return problem.detail
        except DATABASE_ERRORS as error:
            LOG.error("not ready: %s: %s", type(error).__name__, error)  # noqa: TRY400 - the message says it all
            return of_database(error).detail
        return None


@router.get("/readyz", summary="Can it answer?", responses=responses(probe=True))
async def readyz(request: Request) -> Health:
    """503 while the database does not answer, holds no aggregates yet, or does not know the key of the claims."""
    problem = await request.app.state.readiness.problem()
    if problem:
        raise unavailable(problem)
    return Health()


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": METRICS}}}},
)
async def metrics(request: Request) -> Response:
    """Requests by route and status, the pool of connections, and how fresh the data is."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
