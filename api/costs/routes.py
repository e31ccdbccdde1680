"""Costs of all that the caller may see, of an application, a group, a domain or a family; and their history."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from finops.api.costs import service
from finops.api.costs.dimensions import ScopeDimension
from finops.api.costs.filters import Scope, base, check, filters, months
from finops.api.costs.parameters import TEXT, CostParameters, HistoryParameters
from finops.api.costs.query import CostQuery
from finops.api.costs.schemas import Costs, History
from finops.api.http.cursors import Cursors, damaged
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.problems import responses
from finops.api.http.responses import DataRequestDep
from finops.api.months import quarter, shifted

router = APIRouter(prefix="/v1", tags=["costs"], responses=DATA_RESPONSES)
RANK = re.compile(r"-?(\d{1,100}(\.\d{1,100})?|Infinity)", re.ASCII)
EXAMPLES = json.loads(resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8"))
COSTS_COLUMNS = "product,cost,currency,estimated,previous,delta,ratio"
HISTORY_COLUMNS = ("period", "cost", "currency", "estimated", "previous", "delta", "ratio", "is_open")
COSTS = csv_of(COSTS_COLUMNS, "vm.vcpu,1234.56,EUR,0,1200,34.56,0.0288", EXAMPLES["costs"])
HISTORY = csv_of(",".join(HISTORY_COLUMNS), "2026-09,1234.56,EUR,0,1200,34.56,0.0288,false", EXAMPLES["history"])


@router.get("/costs", summary="Costs of all that you may see", response_model=Costs, responses=COSTS)
async def costs(data_request: DataRequestDep, parameters: Annotated[CostParameters, Query()]) -> Response:
    """Lines by up to three dimensions, their total, and how fresh and complete both are.

    Without `from` and `to`: the last twelve months published. As CSV: the lines alone, all of them.
    """
    check(parameters)
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        first, last = months(parameters, version)
        cursors = Cursors.of(data_request.path, parameters, version.version)
        after = cursors.decode(parameters.cursor, len(parameters.group_by) + 1)
        if after and not RANK.fullmatch(after[0]):
            raise damaged()
        query = CostQuery(
            first,
            last,
            parameters.group_by,
            await filters(connection, parameters, scope),
            base(first, last, parameters.group_by, version) if parameters.compare == "previous" else None,
            parameters.order,
            parameters.top,
            after,
            parameters.limit + 1,
        )
        if data_request.media_type == CSV:
            everything = replace(query, after=None, limit=None)
            return await data_request.csv(connection, everything.listing(), everything.parameters)
        rows = await connection.rows(service.CostRow, query.page(), query.parameters, prepare=query.prepare)
    following = None
    if not query.top and len(rows) > parameters.limit:
        rows = rows[: parameters.limit]
        following = cursors.encode([f"{rows[-1].rank:f}", *rows[-1].keys[: len(query.dimensions)]])
    return data_request.json(service.costs(rows, query, version, scope.shown, following), following)


@router.get("/history", summary="History of all that you may see", response_model=History, responses=HISTORY)
async def history(data_request: DataRequestDep, parameters: Annotated[HistoryParameters, Query()]) -> Response:
    """A point for each month or quarter published, zeros included, each with the change from the one before it."""
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        first, last = months(parameters, version)
        if parameters.granularity == "quarter":
            first, last = quarter(first), shifted(quarter(last), 2)
        dimensions = [parameters.granularity]
        query = CostQuery(
            first,
            last,
            dimensions,
            await filters(connection, parameters, scope),
            base(first, last, dimensions, version),
        )
        rows = await connection.rows(service.CostRow, query.page(), query.parameters)
    body = service.history(rows, query, parameters.granularity, version, scope.shown)
    return data_request.text(_csv(body)) if data_request.media_type == CSV else data_request.json(body)


def serve(scope: ScopeDimension, path: str, parameter: str, meaning: str, example: str) -> None:
    """Add the routes of one thing that a path names; `parameter` is that of the path, with its meaning."""
    # A name may have a slash, as CI/CD does: it is written %2F, and arrives as a slash.
    in_path = Path(alias=parameter, description=meaning, examples=[example], **TEXT)

    async def named(request: Request, value: str = in_path) -> None:
        request.state.scope = Scope(scope, value)

    for what, endpoint, model, described in (("costs", costs, Costs, COSTS), ("history", history, History, HISTORY)):
        router.add_api_route(
            f"/{path}/{{{parameter}:path}}/{what}",
            endpoint,
            name=f"{scope}_{what}",
            summary=f"{what.capitalize()} of one {scope}",
            description=f"As `/v1/{what}`, of one {scope} that you may see.",
            response_model=model,
            responses={**described, **responses(404)},
            dependencies=[Depends(named)],
        )


serve("application", "applications", "application_id", "Its id; a `/` is written `%2F`", "SHOP-WEB")
serve(
    "group",
    "groups",
    "group_id",
    "Its id or reference, in any case; a `/` is written `%2F`. Its costs are its own and those of all groups below it",
    "storefront",
)
serve("domain", "domains", "domain", "One of `/v1/domains`", "public_cloud")
serve("family", "families", "family", "Its name; a `/` is written `%2F`", "CI/CD")


def _scope(request: Request) -> Scope:
    """What the path names; nothing, where it names nothing."""
    found: Scope = getattr(request.state, "scope", Scope())
    return found


def _csv(history: History) -> str:
    """At most a line a month: too little for PostgreSQL to write it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HISTORY_COLUMNS)
    for point in history.model_dump()["data"]:
        delta = point["delta"] or {"amount": None, "ratio": None}
        amounts = (point["cost"], history.currency, point["estimated"], point["previous"], *delta.values())
        writer.writerow([point["period"], *amounts, str(point["is_open"]).lower()])
    return file.getvalue()
