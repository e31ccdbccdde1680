"""What there is to ask about, by path: a page of a list, or all of it as CSV."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from finops.api.catalogue.lists import LISTS, List
from finops.api.database import DataVersion
from finops.api.http.cursors import Cursors
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.paging import Paging
from finops.api.http.responses import DataRequestDep
from finops.api.money import share
from finops.api.months import is_open, parse

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=DATA_RESPONSES)


def serve(listed: List) -> None:
    """Add the route of a list."""

    async def page(data_request: DataRequestDep, paging: Annotated[Paging, Query()]) -> Response:
        async with data_request.snapshot() as (connection, version):
            if data_request.media_type == CSV:
                return await data_request.csv(connection, listed.page(), {})
            cursors = Cursors.of(data_request.path, paging, version.version)
            after = cursors.decode(paging.cursor, len(listed.keys))
            values = {f"after_{number}": key for number, key in enumerate(after or ())}
            query = listed.page(after=after is not None, limited=True)
            rows = await connection.rows(dict, query, {"limit": paging.limit + 1, **values})
        following = None
        if len(rows) > paging.limit:
            rows = rows[: paging.limit]
            following = cursors.encode([rows[-1][key] for key in listed.keys])
        data = [_completed(row, version) for row in rows]
        body = listed.model.model_validate({"as_of": version.as_of, "next": following, "data": data})
        return data_request.json(body, following)

    router.add_api_route(
        f"/{listed.name}",
        page,
        name=listed.name,
        summary=listed.summary,
        description=listed.description,
        response_model=listed.model,
        responses=csv_of(",".join(listed.columns)),
    )


def _completed(row: dict[str, Any], version: DataVersion) -> dict[str, Any]:
    """A row of costs, with the share that is estimated and whether it may still change; any other as it is."""
    if "estimated" not in row:
        return row
    estimated_share = share(row["estimated"], row["cost"])
    return {**row, "estimated_share": estimated_share, "is_open": is_open(parse(row["period"]), version.as_of)}


for listed in LISTS:
    serve(listed)
