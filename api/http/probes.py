"""What whoever runs the API asks, without a token: does it live, can it answer, how does it do? No cost is shown."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel

from finops.api.auth.caller import Identity
from finops.api.database import Reader, data_version
from finops.api.http.problems import responses

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


@router.get("/readyz", summary="Can it answer?", responses=responses(probe=True))
async def readyz(request: Request) -> Health:
    """503 while the database does not answer, holds no aggregates yet, or does not know the key of the claims."""
    state = request.app.state
    async with Reader(state.pool, NOBODY, state.claims_key).transaction() as connection:
        await data_version(connection)
        await connection.execute("select finops_api.caller_keys()")
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
