"""Who owned an application when, by path."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from finops.api.catalogue.schemas import Owner, Owners
from finops.api.costs.filters import Scope
from finops.api.costs.parameters import TEXT
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.paging import no_parameters
from finops.api.http.problems import responses
from finops.api.http.responses import DataRequestDep

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=DATA_RESPONSES)
# The first day of all is that of an owner before whom none is known.
OWNERS = """
    select group_id, group_name, to_char(nullif(valid_from, '0001-01-01'), 'YYYY-MM-DD') as valid_from,
        to_char(valid_to, 'YYYY-MM-DD') as valid_to
    from finops_api.visible_application_owners
    where application_id = %(application)s
    order by visible_application_owners.valid_from
"""


@router.get(
    "/applications/{application_id:path}/owners",
    summary="Owners of one application",
    response_model=Owners,
    responses={
        **csv_of("group_id,group_name,valid_from,valid_to", "storefront,Storefront,2026-04-01,"),
        **responses(404),
    },
    dependencies=[Depends(no_parameters)],
)
async def owners(
    data_request: DataRequestDep,
    application_id: Annotated[str, Path(description="Its id; a `/` is written `%2F`", examples=["SHOP-WEB"], **TEXT)],
) -> Response:
    """The groups that owned it, the earliest first: those that you may see. A month is the owner's of its last day."""
    async with data_request.snapshot() as (connection, version):
        scope = await Scope("application", application_id).found(connection)
        if data_request.media_type == CSV:
            return await data_request.csv(connection, OWNERS, {"application": scope.value})
        rows = await connection.rows(Owner, OWNERS, {"application": scope.value})
    return data_request.json(Owners(as_of=version.as_of, data=rows))
