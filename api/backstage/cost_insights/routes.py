"""Backstage's Cost Insights: one path a method of the plugin's `CostInsightsApi`, answered in the plugin's own types.

A project is an application, a product a family, the null entity what no application claims. Figures are of one
currency: where there are several, the caller has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query

from finops.api.backstage import queries
from finops.api.backstage.cost_insights import schemas, service
from finops.api.backstage.cost_insights.intervals import AnyIntervals, Intervals, TwoIntervals, last_quarters
from finops.api.backstage.currency import Currency, one_currency
from finops.api.backstage.groups import group_of, visible_group
from finops.api.backstage.queries import ComparedCosts
from finops.api.costs.dimensions import DailyCosts
from finops.api.database import Connection, ReaderDep
from finops.api.http.problems import NOTHING_PUBLISHED, not_found, responses, unavailable
from finops.api.money import Day, ExactResponse

router = APIRouter(prefix="/api/cost-insights", tags=["Backstage: Cost Insights"], responses=responses())
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[ExactResponse]])
NO_NUL = "^[^\x00]+$"
GroupId = Annotated[
    str,
    Query(
        pattern=NO_NUL,
        max_length=255,
        description="A group, by its id or reference: itself and all groups below it",
        examples=["storefront"],
    ),
]
ProjectId = Annotated[str, Query(pattern=NO_NUL, max_length=255, description="An application", examples=["SHOP-WEB"])]

APPLICATION_KINDS = ("component", "system", "resource", "api")
# Metrics of the whole company, and the group that they are of.
METRICS: Mapping[str, str | None] = {"totalCost": None, "unallocatedCost": "unallocated"}
# The breakdowns of a daily cost.
OF_GROUP: Mapping[service.Kind, str] = {
    "product": queries.GROUP_DAYS_BY_FAMILY,
    "project": queries.GROUP_DAYS_BY_APPLICATION,
}
OF_APPLICATION: Mapping[service.Kind, str] = {"product": queries.APPLICATION_DAYS_BY_FAMILY}


def answer(path: str, model: object, summary: str, *refusals: int) -> Callable[[Endpoint], Endpoint]:
    """A route that answers with this model in exact numbers, or refuses with one of these statuses."""
    return router.get(
        path,
        response_model=model,
        response_class=ExactResponse,
        summary=summary,
        responses=responses(*refusals),
    )


@answer("/last-complete-billing-date", Day, "Up to when costs are complete")
async def last_complete_billing_date(reader: ReaderDep) -> ExactResponse:
    """The last day that every source has accounted for: what was extracted and published says so, not the clock.

    A source that has been silent for a month no longer holds it back. Of a bill whose month is not over, or was over
    for less than three days when it was read, the last day that costs anything is taken.
    """
    async with reader.transaction() as connection:
        return ExactResponse(await _last_complete(connection))


@answer("/groups", list[schemas.InsightsGroup], "Groups that you may see")
async def groups(
    reader: ReaderDep,
    user: Annotated[  # noqa: ARG001 - part of the contract
        str | None, Query(description="Whom the plugin asks for. Your token alone tells who you are.")
    ] = None,
) -> ExactResponse:
    """The plugin shows the first one, and lets the user choose."""
    async with reader.transaction() as connection:
        return ExactResponse(await connection.rows(schemas.InsightsGroup, queries.GROUPS))


@answer("/products", list[schemas.InsightsProduct], "Families, as products")
async def products(reader: ReaderDep) -> ExactResponse:
    """What `costInsights.products` of app-config may name."""
    async with reader.transaction() as connection:
        families = await _families(connection, queries.FAMILIES)
    return ExactResponse([{"kind": service.kind(family), "name": family} for family in families])


@answer("/projects", list[schemas.Project], "Applications of a group", 404, 422)
async def projects(reader: ReaderDep, group: GroupId) -> ExactResponse:
    """Whether they ever cost anything or not."""
    async with reader.transaction() as connection:
        about = await group_of(connection, group)
        return ExactResponse(await connection.rows(schemas.Project, queries.APPLICATIONS_OF_GROUP, about))


@answer("/group-daily-cost", schemas.Cost, "What a group costs, day by day", 404, 422)
async def group_daily_cost(
    reader: ReaderDep, group: GroupId, intervals: AnyIntervals, currency: Currency = None
) -> ExactResponse:
    """By family (`groupedCosts.product`) and by application (`groupedCosts.project`)."""
    async with reader.transaction() as connection:
        return await _cost(connection, group, await group_of(connection, group), OF_GROUP, intervals, currency)


@answer("/project-daily-cost", schemas.Cost, "What an application costs, day by day", 404, 422)
async def project_daily_cost(
    reader: ReaderDep, project: ProjectId, intervals: AnyIntervals, currency: Currency = None
) -> ExactResponse:
    """By family (`groupedCosts.product`)."""
    async with reader.transaction() as connection:
        await _check_application(connection, project)
        return await _cost(connection, project, {"application": project}, OF_APPLICATION, intervals, currency)


@answer("/catalog-entity-daily-cost", schemas.Cost, "What an entity of the catalogue costs, day by day", 404, 422)
async def catalog_entity_daily_cost(
    reader: ReaderDep,
    entity: Annotated[
        str,
        Query(
            pattern=NO_NUL,
            max_length=255,
            description="A reference (https://backstage.io/docs/features/software-catalog/references): a group, or the"
            f" name of an application ({', '.join(APPLICATION_KINDS)}) in any namespace; in any case.",
            examples=["component:default/shop-web"],
        ),
    ],
    intervals: AnyIntervals,
    currency: Currency = None,
) -> ExactResponse:
    """A component, system, resource or API is the application of its name, a group the group and all below it."""
    unknown = not_found(f"there is no cost of '{entity}' that you may see")
    found = re.fullmatch(r"(?:([^:/]+):)?(?:[^:/]+/)?([^:/]+)", entity)
    if not found:
        raise unknown
    kind = (found[1] or "component").lower()
    async with reader.transaction() as connection:
        if kind == "group" and (about := await visible_group(connection, entity)):
            return await _cost(connection, entity, about, OF_GROUP, intervals, currency)
        if kind in APPLICATION_KINDS and (
            applications := await connection.rows(dict, queries.APPLICATION_OF_ENTITY, {"name": found[2]})
        ):
            return await _cost(connection, entity, applications[0], OF_APPLICATION, intervals, currency)
    raise unknown


@answer("/metrics/{metric}", schemas.MetricData, "A daily figure to compare a cost with", 404, 422)
async def daily_metric_data(
    reader: ReaderDep,
    metric: Annotated[str, Path(description=" or ".join(METRICS), examples=list(METRICS))],
    intervals: TwoIntervals,
    currency: Currency = None,
) -> ExactResponse:
    """`totalCost`: all that you may see; `unallocatedCost`: what no application claims."""
    if metric not in METRICS:
        raise not_found(f"'{metric}' is not a metric: ask for one of {', '.join(METRICS)}")
    about = {**intervals.parameters, "group": METRICS[metric]}
    async with reader.transaction() as connection:
        days, _ = one_currency(await connection.rows(DailyCosts, queries.TOTAL_DAYS, about), currency)
    return ExactResponse(service.metric(metric, intervals, days))


@answer("/product-insights", schemas.Entity, "What a family cost in two periods, and who", 404, 422)
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
    query = queries.COMPARED_OF_APPLICATION if project else queries.COMPARED_OF_GROUP
    async with reader.transaction() as connection:
        about = {**intervals.parameters, **await group_of(connection, group), "application": project}
        if project:
            await _check_application(connection, project)
        known = await _families(connection, queries.FAMILIES_OF_GROUP, about)
        families = [family for family in known if service.kind(family) == product]
        costs, _ = one_currency(await connection.rows(ComparedCosts, query, {**about, "families": families}), currency)
    return ExactResponse(service.product(product, costs, of_application=bool(project)))


@answer("/alerts", list[schemas.Alert], "What a group should look into", 404, 422)
async def alerts(reader: ReaderDep, group: GroupId, currency: Currency = None) -> ExactResponse:
    """Applications that cost at least 5 % more in the last complete quarter than in the one before, five at most.

    Those that were there for both, and were at least 1 % of the group's cost.
    """
    async with reader.transaction() as connection:
        of_group = await group_of(connection, group)
        quarters = last_quarters(await _last_complete(connection))
        about = {**quarters.parameters, **of_group}
        costs, _ = one_currency(await connection.rows(ComparedCosts, queries.COMPARED_OF_SETTLED, about), currency)
    return ExactResponse(service.alerts(quarters, costs))


async def _last_complete(connection: Connection) -> date:
    [row] = await connection.rows(dict, queries.LAST_COMPLETE_DATE)
    found: date | None = row["complete_date"]
    if found is None:
        raise unavailable(NOTHING_PUBLISHED)
    return found


async def _families(connection: Connection, query: str, about: Mapping[str, object] | None = None) -> list[str]:
    return [row["family"] for row in await connection.rows(dict, query, about)]


async def _check_application(connection: Connection, application: str) -> None:
    about = {"application": application}
    if "\x00" in application or not await connection.rows(dict, queries.APPLICATION, about):
        raise not_found(f"there is no application '{application}' that you may see")


async def _cost(  # noqa: PLR0913, PLR0917 - what is asked, and by what
    connection: Connection,
    identifier: str,
    of: Mapping[str, object],
    breakdowns: Mapping[service.Kind, str],
    intervals: Intervals,
    currency: str | None,
) -> ExactResponse:
    """A daily cost from the queries of its breakdowns, each of which is the whole of it."""
    days: dict[service.Kind, list[DailyCosts]] = {}
    found = None
    for name, query in breakdowns.items():
        rows = await connection.rows(DailyCosts, query, {**intervals.parameters, **of})
        days[name], found = one_currency(rows, currency)
    return ExactResponse(service.cost(identifier, intervals, days, found))
