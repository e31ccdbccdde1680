"""How complete the costs of each source and month are, and what to mend for them to become so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from finops.api.costs.coverage import queries
from finops.api.costs.coverage.schemas import Amounts, CoverageParameters, GapParameters, Gaps, SourceCoverage
from finops.api.costs.filters import MAX_ALLOWED, months
from finops.api.database import Connection
from finops.api.http.cursors import Cursors, damaged
from finops.api.http.negotiation import CSV
from finops.api.http.openapi import DATA_RESPONSES, csv_of
from finops.api.http.problems import Fault, all_invalid, invalid
from finops.api.http.responses import DataRequestDep
from finops.api.money import total
from finops.api.months import is_open, span

router = APIRouter(prefix="/v1", tags=["coverage"], responses=DATA_RESPONSES)
RANKS = re.compile(r"-?(\d{1,1000}(\.\d{1,1000})?|Infinity)", re.ASCII)
EXAMPLES = json.loads(resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8"))
COVERAGE = csv_of(
    queries.COVERAGE_COLUMNS,
    "cmdb.vm,open_legacy,2026-10,EUR,1234.56,1200,34.56,0,0,3,3,0,29,1,1,0,2026-10-31,2026-10-30",
    EXAMPLES["coverage"],
)
GAPS = csv_of(
    queries.GAP_COLUMNS,
    "focus.aws,public_cloud,UNALLOCATED,code GHOST,34.56,EUR,31,unallocated,2026-09,2026-10,",
    EXAMPLES["gaps"],
)


@router.get("/coverage", summary="Coverage of each source and month", response_model=SourceCoverage, responses=COVERAGE)
async def coverage(data_request: DataRequestDep, parameters: Annotated[CoverageParameters, Query()]) -> Response:
    """What is allocated, estimated, rejected and set apart, and which days are missing: of your groups.

    Without `from` and `to`: the last twelve months published. The days are those of the source, whoever has its costs.
    """
    async with data_request.snapshot() as (connection, version):
        first, last = months(parameters, version)
        wanted = await _filters(connection, parameters)
        values = {"first": first, "last": last, **wanted}
        if data_request.media_type == CSV:
            return await data_request.csv(connection, queries.coverage(*wanted, text=True), values)
        rows = await connection.rows(dict, queries.coverage(*wanted), values)
    currencies = sorted({row["currency"] for row in rows if row["currency"]})
    if len(currencies) > 1:
        detail = f"from {first:%Y-%m} to {last:%Y-%m} costs are in {' and '.join(currencies)}: choose one"
        raise invalid("currency", detail, currencies)
    body = {
        "from": first,
        "to": last,
        "currency": next(iter(currencies), None),
        "as_of": version.as_of,
        "open_months": [month for month in span(first, last) if is_open(month, version.as_of)],
        "total": {name: total(Decimal(row[name]) for row in rows) for name in Amounts.model_fields},
        "data": rows,
    }
    return data_request.json(SourceCoverage.model_validate(body))


@router.get("/gaps", summary="What to mend", response_model=Gaps, responses=GAPS)
async def gaps(data_request: DataRequestDep, parameters: Annotated[GapParameters, Query()]) -> Response:
    """What no application claims, and what keeps usage from being valued; the largest first.

    Of each month, group, source and reason, the 200 largest subjects, and one line with the sum of all others.
    """
    async with data_request.snapshot() as (connection, version):
        first, last = months(parameters, version)
        wanted = await _filters(connection, parameters)
        values = {"first": first, "last": last, **wanted}
        if data_request.media_type == CSV:
            return await data_request.csv(connection, queries.gaps(*wanted), values)
        cursors = Cursors.of(data_request.path, parameters, version.version)
        after = cursors.decode(parameters.cursor, len(queries.POSITION))
        if after and not all(map(RANKS.fullmatch, after[:2])):
            raise damaged()
        values |= {"limit": parameters.limit + 1, **{f"after_{number}": key for number, key in enumerate(after or ())}}
        rows = await connection.rows(dict, queries.gaps(*wanted, after=after is not None, limited=True), values)
    following = None
    if len(rows) > parameters.limit:
        rows = rows[: parameters.limit]
        following = cursors.encode(_position(rows[-1]))
    body = {"from": first, "to": last, "as_of": version.as_of, "next": following, "data": rows}
    return data_request.json(Gaps.model_validate(body), following)


def _position(row: Mapping[str, Any]) -> list[str]:
    """Where a gap stands among all, as queries.POSITION has it."""
    keys = (row[name] or "" for name in ("source", "domain", "reason", "subject", "group", "currency"))
    return [f"{row['rank']:f}", str(-row["lines"]), *keys]


async def _filters(connection: Connection, parameters: CoverageParameters | GapParameters) -> dict[str, Sequence[str]]:
    """The sources, domains and currency that were asked for.

    Raises:
        ProblemError: 422 for one that the caller has nothing of: a typing error must not look like zero.
    """
    wanted = parameters.model_dump(include={"domain", "source", "currency"}, exclude_defaults=True)
    faults = []
    for name, values in wanted.items():
        query = queries.CURRENCIES if name == "currency" else queries.SOURCES
        allowed = sorted({row[name] for row in await connection.rows(dict, query)})
        faults += [
            Fault(parameter=name, detail=f"'{value}' is not a {name} that you may see", allowed=allowed[:MAX_ALLOWED])
            for value in values
            if value not in allowed
        ]
    if faults:
        raise all_invalid(faults)
    return wanted
