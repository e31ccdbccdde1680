"""Who asks, and how the runs went."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, Path, Query, Response

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.database import Reader
from finops.api.http.cursors import Cursors
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of, json_of
from finops.api.http.paging import no_parameters
from finops.api.http.problems import responses
from finops.api.http.responses import DataRequestDep, JsonRequestDep
from finops.api.operations import runs as known_runs
from finops.api.operations.runs import TABLE_COLUMNS, RunParameters
from finops.api.operations.schemas import Me, OneRun, Runs

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


@router.get("/runs", summary="Runs", response_model=Runs, responses={**csv_of(TABLE_COLUMNS), **responses(403)})
async def runs(data_request: DataRequestDep, parameters: Annotated[RunParameters, Query()]) -> Response:
    """The runs, the newest first: what each changed, and what failed. For callers who may see everything.

    A run that fails publishes nothing, and is in the answer all the same: the ETag is of what the answer says.
    """
    cursors = Cursors.of(data_request.path, parameters, None)
    after = known_runs.position(cursors.decode(parameters.cursor, 2))
    async with data_request.reader.transaction() as connection:
        await known_runs.check_shown(connection)
        if data_request.media_type == CSV:
            return await data_request.csv(connection, *known_runs.listing(parameters, None, kind="table"))
        rows = await connection.rows(dict, *known_runs.listing(parameters, after, kind="page"))
        currency = await known_runs.currency(connection)
    following = None
    if len(rows) > parameters.limit:
        rows = rows[: parameters.limit]
        following = cursors.encode([rows[-1]["started_at"], rows[-1]["run_id"]])
    return data_request.json(
        Runs(currency=currency, next=following, data=[known_runs.run(row) for row in rows]), following
    )


@router.get(
    "/runs/{run_id}",
    summary="One run",
    response_model=OneRun,
    responses={**json_of(), **responses(403, 404)},
    dependencies=[Depends(no_parameters)],
)
async def one_run(
    data_request: JsonRequestDep,
    run_id: Annotated[
        UUID, Path(description="Its id, of `/v1/runs`", examples=["86a7b04b-43e8-4dca-8e68-01d9e96b0222"])
    ],
) -> Response:
    """A run with its steps, and the sources and months that it had to publish. For callers who may see everything."""
    async with data_request.reader.transaction() as connection:
        await known_runs.check_shown(connection)
        found = await known_runs.one(connection, run_id)
    return data_request.json(found)
