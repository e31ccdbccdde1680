"""What there is to ask about, by path: a page of a list, or all of it as CSV."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from finops.api.catalogue.lists import LISTS, List
from finops.api.costs.parameters import Text
from finops.api.http.cursors import Cursors
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.paging import Paging
from finops.api.http.responses import DataRequest, DataRequestDep
from finops.api.money import share
from finops.api.months import DataVersion, is_open, parse

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=DATA_RESPONSES)


class Search(Paging):
    """Those of a list that have a text."""

    q: Text | None = Field(
        default=None,
        description="Only those whose id or name has this text in it, in any case; `%` and `_` mean themselves",
        examples=["shop"],
    )


def serve(listed: List) -> None:
    """Add the route of a list."""

    async def page(data_request: DataRequestDep, parameters: Annotated[Paging, Query()]) -> Response:
        return await _page(listed, data_request, parameters, {})

    async def search(data_request: DataRequestDep, parameters: Annotated[Search, Query()]) -> Response:
        return await _page(listed, data_request, parameters, {"q": parameters.q} if parameters.q is not None else {})

    router.add_api_route(
        f"/{listed.name}",
        search if listed.searched else page,
        name=listed.name,
        summary=listed.summary,
        description=listed.description,
        response_model=listed.model,
        responses=csv_of(",".join(listed.columns)),
    )


async def _page(listed: List, data_request: DataRequest, paging: Paging, search: dict[str, str]) -> Response:
    """A page of a list, or all of it as CSV."""
    async with data_request.snapshot() as (connection, version):
        if data_request.media_type == CSV:
            return await data_request.csv(connection, listed.page(search=bool(search)), search)
        cursors = Cursors.of(data_request.path, paging, version.version)
        after = cursors.decode(paging.cursor, len(listed.keys))
        values = {f"after_{number}": key for number, key in enumerate(after or ())}
        query = listed.page(search=bool(search), after=after is not None, limited=True)
        rows = await connection.rows(dict, query, {"limit": paging.limit + 1, **values, **search})
    following = None
    if len(rows) > paging.limit:
        rows = rows[: paging.limit]
        following = cursors.encode([rows[-1][key] for key in listed.keys])
    data = [_completed(row, version) for row in rows]
    body = listed.model.model_validate({"as_of": version.as_of, "next": following, "data": data})
    return data_request.json(body, following)


def _completed(row: dict[str, Any], version: DataVersion) -> dict[str, Any]:
    """A row of costs, with the share that is estimated and whether it may still change; any other as it is."""
    if "estimated" not in row:
        return row
    estimated_share = share(row["estimated"], row["cost"])
    return {**row, "estimated_share": estimated_share, "is_open": is_open(parse(row["period"]), version.as_of)}


for listed in LISTS:
    serve(listed)
