"""Costs as they are asked for, put into their envelope: totals, lines or points, and how fresh and whole they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from finops.api.costs.filters import Scope, base, filters, invalid_parameters, months
from finops.api.costs.query import CostQuery
from finops.api.database import Connection
from finops.api.http import cursors
from finops.api.http.cursors import Position
from finops.api.http.parameters import CostParameters, HistoryParameters
from finops.api.http.problems import Fault
from finops.api.http.responses import DataVersion
from finops.api.money import difference, share
from finops.api.months import MONTHS_OF, is_open, quarter, shifted, span
from finops.api.schemas import CostLine, Costs, Coverage, Delta, History, Months, Point, Total

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PreparedQuery:
    """A question of costs, worked out: the query, and what a cursor has to belong to."""

    query: CostQuery
    scope: Scope
    question: str


async def ask(
    connection: Connection, version: DataVersion, parameters: CostParameters, scope: Scope, path: str
) -> PreparedQuery:
    """Work out what is asked.

    Raises:
        ProblemError: 404, 409 or 422, with what is wrong.
    """
    _check(parameters)
    await scope.check(connection)
    first, last = months(parameters, version)
    question = cursors.request_fingerprint(path, parameters.model_dump())
    after = None
    if parameters.cursor is not None:
        after = cursors.decode(parameters.cursor, question, version.version, len(parameters.group_by))
    compared = parameters.compare == "previous"
    query = CostQuery(
        first,
        last,
        parameters.group_by,
        await filters(connection, parameters, scope),
        base(first, last, parameters.group_by, version) if compared else None,
        parameters.order,
        parameters.top,
        after,
        parameters.limit + 1,
    )
    return PreparedQuery(query, scope, question)


async def costs(connection: Connection, version: DataVersion, asked: PreparedQuery) -> Costs:
    """A page of lines in its envelope."""
    query = asked.query
    rows = await (await connection.execute(query.page(), query.parameters, prepare=query.prepare)).fetchall()
    _check_currency(rows[0], query)
    lines = [row for row in rows if row["cost"] is not None]
    limit = len(lines) if query.top or not query.limit else query.limit - 1
    following = None
    if len(lines) > limit:
        end = lines[limit - 1]
        position = Position(f"{end['rank']:f}", [end[f"k{number}"] for number in range(len(query.dimensions))])
        following = cursors.encode(asked.question, version.version, position)
    return Costs(
        **_envelope(rows[0], query, version, asked.scope),
        compared_with=Months.model_validate({"from": query.base.first, "to": query.base.last})
        if query.base and not query.by_step
        else None,
        group_by=list(query.dimensions),  # type: ignore[arg-type] # checked when they were read
        line_count=rows[0]["line_count"],
        data=[_line(row, query.dimensions) for row in lines[:limit]],
        next=following,
    )


async def history(connection: Connection, version: DataVersion, parameters: HistoryParameters, scope: Scope) -> History:
    """A point for each month or quarter that was published, each compared with the one before it."""
    await scope.check(connection)
    first, last = months(parameters, version)
    step = MONTHS_OF[parameters.granularity]
    if parameters.granularity == "quarter":
        first, last = quarter(first), shifted(quarter(last), 2)
    dimensions = [parameters.granularity]
    query = CostQuery(
        first,
        last,
        dimensions,
        await filters(connection, parameters, scope),
        base(first, last, dimensions, version),
    )
    rows = await (await connection.execute(query.page(), query.parameters)).fetchall()
    _check_currency(rows[0], query)
    by_period = {row["k0"]: row for row in rows if row["cost"] is not None}
    return History(
        **_envelope(rows[0], query, version, scope),
        granularity=parameters.granularity,
        data=[_point(start, step, by_period, version) for start in _starts(first, last, step, version)],
    )


def _starts(first: date, last: date, step: int, version: DataVersion) -> list[date]:
    """The first month of each point: what was not published has none."""
    if version.first_period is None or version.last_period is None:
        return []
    earliest = quarter(version.first_period) if step > 1 else version.first_period
    return span(max(first, earliest), min(last, version.last_period), step)


def _point(start: date, step: int, by_period: Mapping[str, Row], version: DataVersion) -> Point:
    name = f"{start:%Y-%m}" if step == 1 else f"{start.year}-Q{(start.month + 2) // 3}"
    row = by_period.get(name, {"cost": Decimal(0), "estimated": Decimal(0), "previous": None})
    has_base = version.first_period is not None and shifted(start, -step) >= version.first_period
    previous = (row["previous"] or Decimal(0)) if has_base else None
    return Point(
        period=name,
        cost=row["cost"],
        estimated=row["estimated"],
        estimated_share=share(row["estimated"], row["cost"]),
        is_open=is_open(shifted(start, step - 1), version.as_of),
        previous=previous,
        delta=_delta(row["cost"], previous),
    )


def _envelope(row: Row, query: CostQuery, version: DataVersion, scope: Scope) -> dict[str, Any]:
    """What every answer of costs has around its lines."""
    cost, unallocated = row["total_cost"], row["total_unallocated"]
    previous = None if query.by_step else row["total_previous"]
    still_open = [month for month in span(query.first, query.last) if is_open(month, version.as_of)]
    return {
        "from": query.first,
        "to": query.last,
        "scope": scope.shown,
        "currency": row["total_currency"] or row["rejected_currency"],
        "as_of": version.as_of,
        "is_open": bool(still_open),
        "open_months": still_open,
        "total": Total(
            cost=cost,
            estimated=row["total_estimated"],
            estimated_share=share(row["total_estimated"], cost),
            previous=previous,
            delta=_delta(cost, previous),
        ),
        "coverage": Coverage(
            allocated=difference(cost, unallocated),
            unallocated=unallocated,
            rejected=row["rejected_cost"],
            rejected_lines=row["rejected_lines"],
            unpriced_lines=row["unpriced_lines"],
            set_apart=row["set_apart"],
            incomplete=row["incomplete"],
        ),
    }


def _line(row: Row, dimensions: Sequence[str]) -> CostLine:
    keys = {} if row["folded"] else {name: row[f"k{number}"] for number, name in enumerate(dimensions)}
    delta = None if row["delta"] is None else Delta(amount=row["delta"], ratio=row["ratio"])
    return CostLine(
        keys=keys,  # type: ignore[arg-type] # checked when they were read
        cost=row["cost"],
        estimated=row["estimated"],
        previous=row["previous"],
        delta=delta,
        folded=row["folded"],
    )


def _delta(cost: Decimal, previous: Decimal | None) -> Delta | None:
    """As the query has it for a line."""
    if previous is None:
        return None
    amount = difference(cost, previous)
    return Delta(amount=amount, ratio=share(amount, abs(previous)))


def _check(parameters: CostParameters) -> None:
    """What one parameter alone can't say of itself."""
    faults = []
    if len({*parameters.group_by}) < len(parameters.group_by):
        faults.append(Fault(parameter="group_by", detail="names a dimension twice"))
    if "delta" in parameters.order and parameters.compare == "none":
        faults.append(
            Fault(parameter="order", detail="needs compare=previous", allowed=["-cost", "cost", "key", "-key"])
        )
    if parameters.top and parameters.cursor is not None:
        faults.append(Fault(parameter="cursor", detail="with `top` there is one page"))
    if faults:
        raise invalid_parameters(*faults)


def _check_currency(row: Row, query: CostQuery) -> None:
    """Amounts of two currencies have no sum."""
    if row["total_currency"] != row["other_currency"]:
        found = [row["total_currency"], row["other_currency"]]
        detail = f"from {query.first:%Y-%m} to {query.last:%Y-%m} costs are in {' and '.join(found)}: say which"
        raise invalid_parameters(Fault(parameter="currency", detail=detail, allowed=found))
