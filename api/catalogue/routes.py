"""What there is to ask about: applications, groups, domains, families, products, sources and periods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from finops.api import schemas
from finops.api.catalogue import queries
from finops.api.catalogue.queries import List
from finops.api.http import cursors
from finops.api.http.cursors import Position
from finops.api.http.openapi import DATA_RESPONSES, csv_of, link
from finops.api.http.parameters import Paging
from finops.api.http.responses import CSV, DataRequest, DataRequestDep, DataVersion
from finops.api.money import share
from finops.api.months import is_open, parse

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=DATA_RESPONSES)
Page = Annotated[Paging, Query()]
Row = dict[str, Any]


@router.get(
    "/applications",
    summary="Applications that you may see",
    response_model=schemas.Applications,
    responses=csv_of("application_id,application_name,group_id,group_name,first_period,last_period"),
)
async def applications(data_request: DataRequestDep, paging: Page) -> Response:
    """Every application of your groups, whether it ever cost anything or not."""
    return await _list(data_request, paging, queries.APPLICATIONS, schemas.Applications)


@router.get(
    "/groups",
    summary="Groups that you may see",
    response_model=schemas.Groups,
    responses=csv_of("group_id,group_name,application_count,first_period,last_period"),
)
async def groups(data_request: DataRequestDep, paging: Page) -> Response:
    """The owners of those applications; `unallocated` owns what nobody claims."""
    return await _list(data_request, paging, queries.GROUPS, schemas.Groups)


@router.get(
    "/domains",
    summary="Domains of your costs",
    response_model=schemas.Domains,
    responses=csv_of("domain,first_period,last_period"),
)
async def domains(data_request: DataRequestDep, paging: Page) -> Response:
    """Where costs come from, at large."""
    return await _list(data_request, paging, queries.DOMAINS, schemas.Domains)


@router.get(
    "/families",
    summary="Product families of your costs",
    response_model=schemas.Families,
    responses=csv_of("family,domain,first_period,last_period"),
)
async def families(data_request: DataRequestDep, paging: Page) -> Response:
    """Kinds of products, such as Compute: those of a bill are its `ServiceCategory`."""
    return await _list(data_request, paging, queries.FAMILIES, schemas.Families)


@router.get(
    "/products",
    summary="Products of your costs",
    response_model=schemas.Products,
    responses=csv_of("product_id,product_name,domain,family,source,first_period,last_period"),
)
async def products(data_request: DataRequestDep, paging: Page) -> Response:
    """Products of the price catalogue, and services that a bill names."""
    return await _list(data_request, paging, queries.PRODUCTS, schemas.Products)


@router.get(
    "/sources",
    summary="Sources of your costs",
    response_model=schemas.Sources,
    responses=csv_of("source,domain,first_period,last_period"),
)
async def sources(data_request: DataRequestDep, paging: Page) -> Response:
    """The feeds that costs were made of, such as `cmdb.vm`."""
    return await _list(data_request, paging, queries.SOURCES, schemas.Sources)


@router.get(
    "/periods",
    summary="Months with costs",
    response_model=schemas.Periods,
    responses=csv_of("period,currency,cost,estimated"),
)
async def periods(data_request: DataRequestDep, paging: Page) -> Response:
    """Each month of your costs: what it cost, what part of that is estimated, and whether it may still change."""
    return await _list(data_request, paging, queries.PERIODS, schemas.Periods, _as_period)


def _as_period(row: Row, version: DataVersion) -> Row:
    """A month's row, with what follows from it."""
    row["estimated_share"] = share(row["estimated"], row["cost"])
    row["is_open"] = is_open(parse(row["period"]), version.as_of)
    return row


async def _list(
    data_request: DataRequest,
    paging: Paging,
    listed: List,
    model: type[BaseModel],
    complete: Callable[[Row, DataVersion], Mapping[str, Any]] = lambda row, _: row,
) -> Response:
    """A page of a list, or all of it as CSV."""
    path = data_request.request.url.path
    async with data_request.snapshot() as (connection, version):
        if data_request.media_type == CSV:
            return await data_request.csv(connection, listed.page(), {})
        question = cursors.request_fingerprint(path, {})
        parameters: dict[str, Any] = {"limit": paging.limit + 1}
        if paging.cursor is not None:
            position = cursors.decode(paging.cursor, question, version.version, len(listed.keys))
            parameters |= {f"after_{number}": key for number, key in enumerate(position.keys)}
        query = listed.page(after=paging.cursor is not None, limited=True)
        rows = await (await connection.execute(query, parameters)).fetchall()
    following = None
    if len(rows) > paging.limit:
        end = rows[paging.limit - 1]
        following = cursors.encode(question, version.version, Position("0", [end[key] for key in listed.keys]))
    data = [complete(row, version) for row in rows[: paging.limit]]
    body = model.model_validate({"as_of": version.as_of, "next": following, "data": data})
    return data_request.json(body, link(data_request.request, following))
