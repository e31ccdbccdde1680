"""Probes, without a caller: is the process alive, and can it answer?"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from finops.api.auth.caller import Identity
from finops.api.catalogue.queries import DATA_VERSION
from finops.api.database import Reader
from finops.api.http.problems import responses, unavailable

router = APIRouter(tags=["probes"])
NOBODY = Identity("probe", frozenset())


class Health(BaseModel):
    """All is well; anything else is a problem."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers whatever the database does: for a liveness probe, which must not restart the API for it."""
    return Health()


@router.get("/readyz", summary="Can it answer?", responses=responses(probe=True))
async def readyz(request: Request) -> Health:
    """503 while the database does not answer, or holds no aggregates yet."""
    rows = await Reader(request.app.state.pool, NOBODY).rows(DATA_VERSION)
    if rows[0]["version"] is None:
        raise unavailable("the database holds no aggregates yet: run `finops nightly` on it")
    return Health()
