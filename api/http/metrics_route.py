"""What Prometheus reads, without a caller: how the API does, and no cost."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

router = APIRouter(tags=["probes"])
EXAMPLE = 'finops_api_request_seconds_count{method="GET",route="/v1/costs",status="200"} 42.0\n'


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}}}},
)
async def metrics(request: Request) -> Response:
    """Requests by route and status, the pool of connections, and how fresh the data is."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
