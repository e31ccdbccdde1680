"""Who asks."""

from __future__ import annotations

import psycopg
from fastapi import APIRouter, Depends, Response

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.database import Reader
from finops.api.http.openapi import DATA_RESPONSES, json_of
from finops.api.http.paging import no_parameters
from finops.api.http.responses import JsonRequestDep
from finops.api.operations.schemas import Me

router = APIRouter(prefix="/v1", tags=["operations"], responses=DATA_RESPONSES)
# The keys are those that the views go by: without authentication, what the API's login may see.
ME = """
    select finops_api.caller_keys() as keys, version.as_of, version.reporting_currency,
        to_char(version.first_period, 'YYYY-MM') as first_period,
        to_char(version.last_period, 'YYYY-MM') as last_period,
        array(select distinct currency from finops_api.visible_group_periods order by currency) as currencies
    from finops_api.data_version as version
"""
NOTHING_YET = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
)


@router.get(
    "/me", summary="Who you are here", response_model=Me, responses=json_of(), dependencies=[Depends(no_parameters)]
)
async def me(data_request: JsonRequestDep) -> Response:
    """Your name, the groups that you may see, and the months and currencies that there are to ask about.

    It answers before the first nightly, too, without `last_period`.
    """
    reader = data_request.reader
    try:
        return data_request.json(await _known(reader))
    except NOTHING_YET:
        return data_request.json(_me(reader.identity, _keys(reader.identity), {}))


async def _known(reader: Reader) -> Me:
    """A caller of a database with the API's views."""
    async with reader.transaction() as connection:
        [row] = await connection.rows(dict, ME)
    return _me(reader.identity, row.pop("keys"), row)


def _me(identity: Identity, keys: list[str], known: dict[str, object]) -> Me:
    everything = keys == [EVERYTHING]
    groups = [] if everything else sorted(keys)
    return Me.model_validate(
        {"name": identity.name, "everything": everything, "groups": groups, "currencies": [], **known}
    )


def _keys(identity: Identity) -> list[str]:
    return [EVERYTHING] if identity.groups == EVERYTHING else list(identity.groups)
