"""Backstage's Cost Insights: one path a method of the plugin's `CostInsightsApi`, answered in the plugin's own types.

A project is an application, a product a family, the null entity what no application claims. Figures are of one
currency: where there are several, the caller has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from finops.api.backstage import queries
from finops.api.backstage.cost_insights import service as answers
from finops.api.backstage.cost_insights.schemas import (
    Alert,
    Cost,
    Entity,
    InsightsGroup,
    InsightsProduct,
    MetricData,
    Project,
)
from finops.api.backstage.cost_insights.service import Row, by_part, kind, one_currency
from finops.api.backstage.intervals import AnyIntervals, Intervals, TwoIntervals
from finops.api.database import Connection, ReaderDep
from finops.api.http.problems import ProblemError, responses, unavailable
from finops.api.money import Day, ExactResponse

router = APIRouter(prefix="/api/cost-insights", tags=["Backstage: Cost Insights"], responses=responses())

NO_NUL = "^[^\x00]+$"
GroupId = Annotated[str, Query(pattern=NO_NUL, max_length=255, description="A group", examples=["storefront"])]
ProjectId = Annotated[str, Query(pattern=NO_NUL, max_length=255, description="An application", examples=["SHOP-WEB"])]
Currency = Annotated[
    str | None, Query(pattern="^[A-Z]{3}$", description="Needed only where costs are in several", examples=["EUR"])
]

APPLICATION_KINDS = ("component", "system", "resource", "api")
# What is company-wide, by the group that it is of.
METRICS: Mapping[str, str | None] = {"totalCost": None, "unallocatedCost": "unallocated"}


@router.get(
    "/last-complete-billing-date",
    response_model=Day,
    response_class=ExactResponse,
    responses=responses(503),
    summary="Up to when costs are complete",
)
async def last_complete_billing_date(reader: ReaderDep) -> ExactResponse:
    """The last day that every source has accounted for: what was extracted and published says so, not the clock.

    A source that has said nothing for a month does not hold it back any more. Of a bill whose month is not over, or was
    over for less than three days when it was read, the last day that costs anything is taken.
    """
    async with reader.transaction() as connection:
        return ExactResponse((await _last_complete(connection)).isoformat())


@router.get(
    "/groups", response_model=list[InsightsGroup], response_class=ExactResponse, summary="Groups that you may see"
)
async def groups(
    reader: ReaderDep,
    user: Annotated[  # noqa: ARG001 - part of the contract
        str | None, Query(description="Whom the plugin asks for. Who you are is said by your token alone.")
    ] = None,
) -> ExactResponse:
    """The plugin shows the first one, and lets the user choose."""
    return ExactResponse([InsightsGroup.model_validate(row) for row in await reader.rows(queries.GROUPS)])


@router.get(
    "/products", response_model=list[InsightsProduct], response_class=ExactResponse, summary="Families, as products"
)
async def products(reader: ReaderDep) -> ExactResponse:
    """What `costInsights.products` of app-config may name."""
    rows = await reader.rows(queries.FAMILIES)
    return ExactResponse([InsightsProduct(kind=kind(row["family"]), name=row["family"]) for row in rows])


@router.get(
    "/projects",
    response_model=list[Project],
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="Applications of a group",
)
async def projects(reader: ReaderDep, group: GroupId) -> ExactResponse:
    """Whether they ever cost anything or not."""
    async with reader.transaction() as connection:
        await _known_group(connection, group)
        found = await _rows(connection, queries.APPLICATIONS_OF_GROUP, group=group)
    return ExactResponse([Project.model_validate(row) for row in found])


@router.get(
    "/group-daily-cost",
    response_model=Cost,
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="What a group costs, day by day",
)
async def group_daily_cost(
    reader: ReaderDep, group: GroupId, intervals: AnyIntervals, currency: Currency = None
) -> ExactResponse:
    """By family (`groupedCosts.product`) and by application (`groupedCosts.project`)."""
    async with reader.transaction() as connection:
        await _known_group(connection, group)
        return ExactResponse(await _group_cost(connection, group, group, intervals, currency))


@router.get(
    "/project-daily-cost",
    response_model=Cost,
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="What an application costs, day by day",
)
async def project_daily_cost(
    reader: ReaderDep, project: ProjectId, intervals: AnyIntervals, currency: Currency = None
) -> ExactResponse:
    """By family (`groupedCosts.product`)."""
    async with reader.transaction() as connection:
        await _known_application(connection, project)
        return ExactResponse(await _application_cost(connection, project, project, intervals, currency))


@router.get(
    "/catalog-entity-daily-cost",
    response_model=Cost,
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="What an entity of the catalogue costs, day by day",
)
async def catalog_entity_daily_cost(
    reader: ReaderDep,
    entity: Annotated[
        str,
        Query(
            pattern=NO_NUL,
            max_length=255,
            description="A reference (https://backstage.io/docs/features/software-catalog/references): the name of"
            f" a group, or of an application ({', '.join(APPLICATION_KINDS)}), in any case and namespace.",
            examples=["component:default/shop-web"],
        ),
    ],
    intervals: AnyIntervals,
    currency: Currency = None,
) -> ExactResponse:
    """A component, system, resource or API is the application of its name, a group the group."""
    unknown = ProblemError(HTTPStatus.NOT_FOUND, f"there is no cost of '{entity}' that you may see")
    found = re.fullmatch(r"(?:([^:/]+):)?(?:[^:/]+/)?([^:/]+)", entity)
    if not found:
        raise unknown
    entity_kind, name = (found[1] or "component").lower(), found[2]
    async with reader.transaction() as connection:
        if entity_kind == "group" and (rows := await _rows(connection, queries.GROUP_OF_ENTITY, name=name)):
            return ExactResponse(await _group_cost(connection, entity, rows[0]["group_id"], intervals, currency))
        if entity_kind in APPLICATION_KINDS and (
            rows := await _rows(connection, queries.APPLICATION_OF_ENTITY, name=name)
        ):
            application = rows[0]["application_id"]
            return ExactResponse(await _application_cost(connection, entity, application, intervals, currency))
    raise unknown


@router.get(
    "/metrics/{metric}",
    response_model=MetricData,
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="A daily figure to compare a cost with",
)
async def daily_metric_data(
    reader: ReaderDep,
    metric: Annotated[str, Path(description=" or ".join(METRICS), examples=list(METRICS))],
    intervals: TwoIntervals,
    currency: Currency = None,
) -> ExactResponse:
    """`totalCost`: all that you may see; `unallocatedCost`: what no application claims."""
    if metric not in METRICS:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no metric '{metric}': there are {', '.join(METRICS)}")
    async with reader.transaction() as connection:
        rows, _ = one_currency(
            await _rows(connection, queries.TOTAL_DAYS, **_months(intervals), group=METRICS[metric]), currency
        )
    return ExactResponse(answers.metric(metric, intervals, by_part(rows)))


@router.get(
    "/product-insights",
    response_model=Entity,
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="What a family cost in two periods, and who",
)
async def product_insights(  # noqa: PLR0913, PLR0917 - the plugin's own parameters
    reader: ReaderDep,
    product: Annotated[str, Query(max_length=255, description="A family's `kind`", examples=["compute"])],
    group: GroupId,
    intervals: TwoIntervals,
    project: Annotated[
        str | None, Query(max_length=255, description="One application; empty: all of the group")
    ] = None,
    currency: Currency = None,
) -> ExactResponse:
    """By application, then product; of one application, by product. Nothing spent: no entities."""
    async with reader.transaction() as connection:
        await _known_group(connection, group)
        if project:
            await _known_application(connection, project)
        about = {**_months(intervals), "group": group}
        known = await _rows(connection, queries.FAMILIES_OF_GROUP, **about)
        families = [row["family"] for row in known if kind(row["family"]) == product]
        query = queries.COMPARED_OF_APPLICATION if project else queries.COMPARED_OF_GROUP
        rows, _ = one_currency(
            await _rows(connection, query, **about, families=families, application=project), currency
        )
    return ExactResponse(answers.product(product, rows, of_application=bool(project)))


@router.get(
    "/alerts",
    response_model=list[Alert],
    response_class=ExactResponse,
    responses=responses(404, 422),
    summary="What a group should look into",
)
async def alerts(reader: ReaderDep, group: GroupId, currency: Currency = None) -> ExactResponse:
    """Applications that cost at least 5 % more in the last complete quarter than in the one before, five at most.

    Those that were there for both, and were at least 1 % of the group's cost.
    """
    async with reader.transaction() as connection:
        await _known_group(connection, group)
        quarters = _quarters(await _last_complete(connection))
        rows, _ = one_currency(
            await _rows(connection, queries.COMPARED_OF_SETTLED, **_months(quarters), group=group), currency
        )
    return ExactResponse(answers.alerts(quarters, rows))


async def _rows(connection: Connection, query: str, **parameters: object) -> list[Row]:
    cursor = await connection.execute(query.encode(), parameters)
    return list(await cursor.fetchall())


def _months(intervals: Intervals) -> dict[str, date | None]:
    """The parameters that every query of days takes."""
    return {
        "first_period": intervals.start.replace(day=1),
        "start": intervals.start,
        "middle": intervals.middle,
        "end": intervals.end,
    }


def _quarters(last_complete: date) -> Intervals:
    """The last quarter that ended by then, and the one before."""
    ended = last_complete.toordinal() + 1
    day = date.fromordinal(ended)
    year, quarter = day.year, (day.month - 1) // 3
    firsts = [divmod(year * 4 + quarter - back, 4) for back in (2, 1, 0)]
    return Intervals(tuple(date(year, 1 + 3 * number, 1) for year, number in firsts))


async def _last_complete(connection: Connection) -> date:
    [row] = await _rows(connection, queries.LAST_COMPLETE_DATE)
    found: date | None = row["complete_date"]
    if found is None:
        raise unavailable("nothing was published yet: run `finops nightly` on the database")
    return found


async def _known_group(connection: Connection, group: str) -> None:
    if not await _rows(connection, queries.GROUP, group=group):
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no group '{group}' that you may see")


async def _known_application(connection: Connection, application: str) -> None:
    if "\x00" in application or not await _rows(connection, queries.APPLICATION, application=application):
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no application '{application}' that you may see")


async def _group_cost(
    connection: Connection, identifier: str, group: str, intervals: Intervals, currency: str | None
) -> Cost:
    about = {**_months(intervals), "group": group}
    families, found = one_currency(await _rows(connection, queries.GROUP_DAYS_BY_FAMILY, **about), currency)
    applications, _ = one_currency(await _rows(connection, queries.GROUP_DAYS_BY_APPLICATION, **about), currency)
    breakdowns: dict[answers.Kind, Any] = {"product": by_part(families), "project": by_part(applications)}
    return answers.cost(identifier, intervals, breakdowns, found)


async def _application_cost(
    connection: Connection, identifier: str, application: str, intervals: Intervals, currency: str | None
) -> Cost:
    about = {**_months(intervals), "application": application}
    families, found = one_currency(await _rows(connection, queries.APPLICATION_DAYS_BY_FAMILY, **about), currency)
    return answers.cost(identifier, intervals, {"product": by_part(families)}, found)
