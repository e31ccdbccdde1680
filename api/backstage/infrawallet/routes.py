"""Backstage's InfraWallet: the one path of its backend that shows costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query

from finops.api.backstage import queries
from finops.api.backstage.currency import one_currency
from finops.api.backstage.infrawallet import parameters
from finops.api.backstage.infrawallet.schemas import CostReports, Report
from finops.api.database import ReaderDep
from finops.api.http.problems import responses
from finops.api.money import ExactResponse

router = APIRouter(prefix="/api/infrawallet", tags=["Backstage: InfraWallet"], responses=responses(400, 422))

MAX_ROWS = 50_000  # of a report and month
Time = Annotated[int, Query(description="Milliseconds since 1970", examples=[1788220800000])]


@router.get(
    "/reports", response_model=CostReports, response_class=ExactResponse, summary="Costs as InfraWallet shows them"
)
async def reports(  # noqa: PLR0913, PLR0917 - the plugin's own parameters
    reader: ReaderDep,
    startTime: Time,  # noqa: N803 - as the plugin writes it
    endTime: Time,  # noqa: N803
    filters: Annotated[
        str, Query(max_length=4000, description=parameters.FORM, examples=["(category:(Compute|Storage))"])
    ] = "",
    tags: Annotated[str, Query(max_length=200, description="() only: relevés have no tags")] = "()",
    groups: Annotated[
        str,
        Query(max_length=200, description=f"Comma-separated, of {', '.join(parameters.COLUMNS)}; empty: all of them"),
    ] = "",
    granularity: Annotated[
        Literal["monthly", "daily"], Query(description="One amount a month, or one a day")
    ] = "monthly",
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", description="Needed only with several")] = None,
) -> ExactResponse:
    """Provider = domain, account = group, project = application, service = product, category = family.

    A filter on an account takes its id or reference, and includes all groups below it; lines name the owning group.
    Monthly reports are of whole months, daily ones of the days asked for that cost something.
    """
    wanted = parameters.filters(filters)
    keys = parameters.groups(groups)
    parameters.no_tags(tags)
    first, last = parameters.days(startTime, endTime)
    only = {parameters.COLUMNS[key]: values for key, values in wanted.items()}
    about = {**only, "first_period": first.replace(day=1), "last": last, "most": MAX_ROWS + 1}
    query = queries.reports([parameters.COLUMNS[key] for key in keys], only, daily=granularity == "daily")
    async with reader.transaction() as connection:
        rows = await connection.rows(queries.ReportedCosts, query, about)
    if len(rows) > MAX_ROWS:
        raise parameters.refused(
            "groups", f"more than {MAX_ROWS} lines: ask for fewer months, filter, or group by less"
        )
    kept, found = one_currency(rows, currency)
    data = list(_reports(kept, keys, granularity, first, last))
    body: CostReports = {"data": data, "errors": [], "status": 200, "currency": found}
    return ExactResponse(body)


def _reports(
    rows: list[queries.ReportedCosts], keys: list[str], granularity: str, first: date, last: date
) -> Iterator[Report]:
    by_identity: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        identity = tuple(getattr(row, parameters.COLUMNS[key]) for key in keys)
        by_identity[identity].update(_daily(row, first, last) if granularity == "daily" else _monthly(row))
    for identity, amounts in by_identity.items():
        if amounts:
            named = dict(zip(keys, identity, strict=True))
            yield cast("Report", {"id": "-".join(identity), **named, "reports": amounts})


def _monthly(row: queries.ReportedCosts) -> dict[str, Decimal]:
    return {f"{row.period:%Y-%m}": row.total_cost}


def _daily(row: queries.ReportedCosts, first: date, last: date) -> dict[str, Decimal]:
    days = ((row.period + timedelta(days=number), amount) for number, amount in enumerate(row.days))
    return {day.isoformat(): amount for day, amount in days if amount and first <= day <= last}
