"""Costs of all that the caller may see, of an application, a group, a domain or a family; and their history."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from finops.api.costs import service as asking
from finops.api.costs.filters import Scope
from finops.api.http.openapi import COSTS_EXAMPLE, DATA_RESPONSES, HISTORY_EXAMPLE, csv_of, link
from finops.api.http.parameters import DOMAINS, CostParameters, HistoryParameters, Text
from finops.api.http.problems import responses
from finops.api.http.responses import CSV, DataRequest, DataRequestDep
from finops.api.schemas import Costs, History

router = APIRouter(prefix="/v1", tags=["costs"], responses=DATA_RESPONSES)
CostQuery = Annotated[CostParameters, Query()]
HistoryQuery = Annotated[HistoryParameters, Query()]
HISTORY_COLUMNS = ("period", "cost", "currency", "estimated", "previous", "delta", "ratio", "is_open")

# A name may have a slash, as CI/CD does: it is written %2F, and is a slash again when a route is looked for.
Application = Annotated[Text, Path(description="Its id; a `/` is written `%2F`", examples=["SHOP-WEB"])]
Group = Annotated[Text, Path(description="Its id; a `/` is written `%2F`", examples=["storefront"])]
Domain = Annotated[Text, Path(description=f"One of {', '.join(DOMAINS)}", examples=["public_cloud"])]
Family = Annotated[Text, Path(description="Its name; a `/` is written `%2F`", examples=["CI/CD"])]

COSTS = csv_of(
    "product,cost,currency,estimated,previous,delta,ratio", "vm.vcpu,1234.56,EUR,0,1200,34.56,0.0288", COSTS_EXAMPLE
)
HISTORY = csv_of(",".join(HISTORY_COLUMNS), "2026-09,1234.56,EUR,0,1200,34.56,0.0288,false", HISTORY_EXAMPLE)
ALL_COSTS: dict[str, Any] = {"response_model": Costs, "responses": COSTS}
ALL_HISTORY: dict[str, Any] = {"response_model": History, "responses": HISTORY}
ONE_S_COSTS: dict[str, Any] = {"response_model": Costs, "responses": {**COSTS, **responses(404)}}
ONE_S_HISTORY: dict[str, Any] = {"response_model": History, "responses": {**HISTORY, **responses(404)}}


@router.get("/costs", summary="Costs of all that you may see", **ALL_COSTS)
async def costs(data_request: DataRequestDep, parameters: CostQuery) -> Response:
    """Lines by up to three dimensions, their total, and how fresh and whole both are.

    Without `from` and `to`: the last twelve months published. As CSV: the lines alone, all of them.
    """
    return await _costs(data_request, parameters, Scope())


@router.get("/history", summary="History of all that you may see", **ALL_HISTORY)
async def history(data_request: DataRequestDep, parameters: HistoryQuery) -> Response:
    """A point for each month or quarter published, zeros included, each with the change from the one before it."""
    return await _history(data_request, parameters, Scope())


@router.get("/applications/{application_id:path}/costs", summary="Costs of one application", **ONE_S_COSTS)
async def application_costs(
    data_request: DataRequestDep, application_id: Application, parameters: CostQuery
) -> Response:
    """As `/v1/costs`, of one application that you may see."""
    return await _costs(data_request, parameters, Scope("application", application_id))


@router.get("/applications/{application_id:path}/history", summary="History of one application", **ONE_S_HISTORY)
async def application_history(
    data_request: DataRequestDep, application_id: Application, parameters: HistoryQuery
) -> Response:
    """As `/v1/history`, of one application that you may see."""
    return await _history(data_request, parameters, Scope("application", application_id))


@router.get("/groups/{group_id:path}/costs", summary="Costs of one group", **ONE_S_COSTS)
async def group_costs(data_request: DataRequestDep, group_id: Group, parameters: CostQuery) -> Response:
    """As `/v1/costs`, of one group that you may see."""
    return await _costs(data_request, parameters, Scope("group", group_id))


@router.get("/groups/{group_id:path}/history", summary="History of one group", **ONE_S_HISTORY)
async def group_history(data_request: DataRequestDep, group_id: Group, parameters: HistoryQuery) -> Response:
    """As `/v1/history`, of one group that you may see."""
    return await _history(data_request, parameters, Scope("group", group_id))


@router.get("/domains/{domain:path}/costs", summary="Costs of one domain", **ONE_S_COSTS)
async def domain_costs(data_request: DataRequestDep, domain: Domain, parameters: CostQuery) -> Response:
    """As `/v1/costs`, of one domain that you may see."""
    return await _costs(data_request, parameters, Scope("domain", domain))


@router.get("/domains/{domain:path}/history", summary="History of one domain", **ONE_S_HISTORY)
async def domain_history(data_request: DataRequestDep, domain: Domain, parameters: HistoryQuery) -> Response:
    """As `/v1/history`, of one domain that you may see."""
    return await _history(data_request, parameters, Scope("domain", domain))


@router.get("/families/{family:path}/costs", summary="Costs of one family", **ONE_S_COSTS)
async def family_costs(data_request: DataRequestDep, family: Family, parameters: CostQuery) -> Response:
    """As `/v1/costs`, of one family that you may see."""
    return await _costs(data_request, parameters, Scope("family", family))


@router.get("/families/{family:path}/history", summary="History of one family", **ONE_S_HISTORY)
async def family_history(data_request: DataRequestDep, family: Family, parameters: HistoryQuery) -> Response:
    """As `/v1/history`, of one family that you may see."""
    return await _history(data_request, parameters, Scope("family", family))


async def _costs(data_request: DataRequest, parameters: CostParameters, scope: Scope) -> Response:
    async with data_request.snapshot() as (connection, version):
        path = data_request.request.url.path
        asked = await asking.ask(connection, version, parameters, scope, path)
        if data_request.media_type == CSV:
            whole = replace(asked.query, after=None, limit=None)
            return await data_request.csv(connection, whole.listing(), whole.parameters)
        body = await asking.costs(connection, version, asked)
    return data_request.json(body, link(data_request.request, body.next))


async def _history(data_request: DataRequest, parameters: HistoryParameters, scope: Scope) -> Response:
    async with data_request.snapshot() as (connection, version):
        body = await asking.history(connection, version, parameters, scope)
    return data_request.text(_written(body)) if data_request.media_type == CSV else data_request.json(body)


def _written(history: History) -> str:
    """At most a line a month: no need of PostgreSQL to write it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HISTORY_COLUMNS)
    for point in history.model_dump()["data"]:
        delta = point["delta"] or {"amount": None, "ratio": None}
        amounts = (point["cost"], history.currency, point["estimated"], point["previous"], *delta.values())
        writer.writerow([point["period"], *amounts, str(point["is_open"]).lower()])
    return file.getvalue()
