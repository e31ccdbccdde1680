"""Costs of all that the caller may see, of an application, a group, a domain or a family: by what, when, how much."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from finops.api.costs import service
from finops.api.costs.days import DayQuery, SourceDays, days, days_table
from finops.api.costs.dimensions import DailyCosts, ScopeDimension
from finops.api.costs.filters import Scope, base, check, filters, last_month, months
from finops.api.costs.parameters import (
    TEXT,
    CostParameters,
    DayParameters,
    HistoryParameters,
    SeriesParameters,
    UsageParameters,
)
from finops.api.costs.query import CostQuery
from finops.api.costs.schemas import Costs, Days, History, Series, Usage
from finops.api.costs.series import Cell, SeriesQuery, series, series_table
from finops.api.costs.usage import DIMENSIONS, UsageQuery, UsageRow, usage
from finops.api.database import Connection
from finops.api.http.cursors import Cursors, damaged
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.problems import responses
from finops.api.http.responses import DataRequestDep
from finops.api.months import DataVersion, quarter, shifted

router = APIRouter(prefix="/v1", tags=["costs"], responses=DATA_RESPONSES)
RANK = re.compile(r"-?(\d{1,100}(\.\d{1,100})?|Infinity)", re.ASCII)
EXAMPLES = json.loads(resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8"))
COSTS_COLUMNS = "product,cost,currency,estimated,previous,delta,ratio"
COSTS = csv_of(COSTS_COLUMNS, "vm.vcpu,1234.56,EUR,0,1200,34.56,0.0288", EXAMPLES["costs"])
HISTORY = csv_of(
    ",".join(service.HISTORY_COLUMNS), "2026-09,1234.56,EUR,0,1200,34.56,0.0288,false", EXAMPLES["history"]
)
SERIES = csv_of("period,domain,cost,currency,estimated,folded", "2026-09,native,12.5,EUR,0,", EXAMPLES["series"])
DAYS = csv_of("date,family,cost,currency", "2026-10-01,Compute,12.5,EUR", EXAMPLES["days"])
USAGE = csv_of(
    "period,product,product_name,family,domain,source,charge_category,unit,quantity,cost,currency,estimated,unit_price",
    "2026-10,vm.vcpu,Virtual machine vCPU,Compute,open_legacy,cmdb.vm,Usage,vCPU-month,96,1152,EUR,0,12",
    EXAMPLES["usage"],
)


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
        after = _after(cursors, parameters.cursor, len(parameters.group_by))
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
    return data_request.json(
        service.costs(rows, query, parameters.group_by, version, scope.shown, following), following
    )


@router.get("/history", summary="History of all that you may see", response_model=History, responses=HISTORY)
async def history(data_request: DataRequestDep, parameters: Annotated[HistoryParameters, Query()]) -> Response:
    """A point for each month or quarter published, zeros included, each with the change from the one before it."""
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        query = await _over_time(connection, parameters, scope, version)
        rows = await connection.rows(service.CostRow, query.page(), query.parameters)
    body = service.history(rows, query, parameters.granularity, version, scope.shown)
    return data_request.table(*service.table(body)) if data_request.media_type == CSV else data_request.json(body)


@router.get("/series", summary="Costs over time, by what", response_model=Series, responses=SERIES)
async def costs_over_time(data_request: DataRequestDep, parameters: Annotated[SeriesParameters, Query()]) -> Response:
    """A series for each of the most expensive, and one for all others: at each point their sum is that of the total."""
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        query = await _over_time(connection, parameters, scope, version)
        rows = await connection.rows(service.CostRow, query.page(), query.parameters)
        dimensions = [*parameters.group_by, parameters.granularity]
        by_series = SeriesQuery(query.first, query.last, dimensions, query.filters, top=parameters.top)
        cells = await connection.rows(Cell, by_series.cells(), by_series.parameters, prepare=by_series.prepare)
    body = series(rows, cells, query, parameters, version, scope.shown)
    return data_request.table(*series_table(body)) if data_request.media_type == CSV else data_request.json(body)


@router.get("/days", summary="A month day by day, by what", response_model=Days, responses=DAYS)
async def costs_by_day(data_request: DataRequestDep, parameters: Annotated[DayParameters, Query()]) -> Response:
    """The days of one month: of the most expensive, of all others, and of the total, which is their sum."""
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        month = parameters.month or last_month(version)
        only = await filters(connection, parameters, scope)
        query = CostQuery(month, month, parameters.group_by, only, order="-cost", top=parameters.top)
        rows = await connection.rows(service.CostRow, query.page(), query.parameters, prepare=query.prepare)
        by_day = DayQuery(query, [row.k0 for row in rows if row.cost is not None and not row.folded])
        parts = await connection.rows(DailyCosts, by_day.parts(), by_day.parameters, prepare=query.prepare)
        is_all = len(by_day.shown) == rows[0].line_count
        whole = parts if is_all else await connection.rows(DailyCosts, by_day.whole(), by_day.parameters)
        sources = await connection.rows(SourceDays, by_day.sources(), by_day.parameters)
    body = days(rows, whole, parts, sources, query, parameters.group_by[0], version, scope.shown)
    return data_request.table(*days_table(body)) if data_request.media_type == CSV else data_request.json(body)


@router.get("/usage", summary="What was consumed, and at what price", response_model=Usage, responses=USAGE)
async def consumption(data_request: DataRequestDep, parameters: Annotated[UsageParameters, Query()]) -> Response:
    """A line for each month, product, source, charge category and unit, with its quantity, cost and unit price.

    A product whose bills name several families or domains has a line for each of them. As CSV: all lines.
    """
    async with data_request.snapshot() as (connection, version):
        scope = await _scope(data_request.request).found(connection)
        first, last = months(parameters, version)
        cursors = Cursors.of(data_request.path, parameters, version.version)
        query = UsageQuery(
            first,
            last,
            DIMENSIONS,
            await filters(connection, parameters, scope),
            order=parameters.order,
            after=_after(cursors, parameters.cursor, len(DIMENSIONS)),
            limit=parameters.limit + 1,
        )
        if data_request.media_type == CSV:
            everything = replace(query, after=None, limit=None)
            return await data_request.csv(connection, everything.listing(), everything.parameters)
        rows = await connection.rows(UsageRow, query.page(), query.parameters, prepare=query.prepare)
    following = None
    if len(rows) > parameters.limit:
        rows = rows[: parameters.limit]
        following = cursors.encode([f"{rows[-1].rank:f}", *rows[-1].keys])
    return data_request.json(usage(rows, query, version, scope.shown, following), following)


def serve(scope: ScopeDimension, path: str, parameter: str, meaning: str, example: str) -> None:
    """Add the routes of one thing that a path names; `parameter` is that of the path, with its meaning."""
    # A name may have a slash, as CI/CD does: it is written %2F, and arrives as a slash.
    in_path = Path(alias=parameter, description=meaning, examples=[example], **TEXT)

    async def named(request: Request, value: str = in_path) -> None:
        request.state.scope = Scope(scope, value)

    for what, endpoint, model, described in (
        ("costs", costs, Costs, COSTS),
        ("history", history, History, HISTORY),
        ("series", costs_over_time, Series, SERIES),
        ("days", costs_by_day, Days, DAYS),
        ("usage", consumption, Usage, USAGE),
    ):
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


def _after(cursors: Cursors, cursor: str | None, keys: int) -> list[str] | None:
    """The rank and the keys that the page before ended with.

    Raises:
        ProblemError: 422 for a cursor that is not one of them, 409 where the data has changed since.
    """
    after = cursors.decode(cursor, keys + 1)
    if after and not RANK.fullmatch(after[0]):
        raise damaged()
    return after


async def _over_time(
    connection: Connection, parameters: HistoryParameters, scope: Scope, version: DataVersion
) -> CostQuery:
    """The total of each step, compared with the step before."""
    first, last = months(parameters, version)
    if parameters.granularity == "quarter":
        first, last = quarter(first), shifted(quarter(last), 2)
    dimensions = [parameters.granularity]
    only = await filters(connection, parameters, scope)
    return CostQuery(first, last, dimensions, only, base(first, last, dimensions, version))
