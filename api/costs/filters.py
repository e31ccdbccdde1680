"""Which costs are meant: what the path names, the values of filters, the months, and what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from finops.api.auth.references import group_key
from finops.api.costs.dimensions import COLUMNS, FILTERS, ScopeDimension
from finops.api.costs.parameters import CostParameters, Filters, Span
from finops.api.costs.query import Comparison
from finops.api.database import Connection
from finops.api.http.problems import Fault, all_invalid, invalid, not_found
from finops.api.months import MONTHS_OF, DataVersion, distance, shifted

DEFAULT_MONTHS = 12
MAX_MONTHS = 120
MAX_ALLOWED = 100  # values that a problem lists

# The one that this caller may see, as it is spelt.
SCOPES = {
    "application": "select application_id as value from finops_api.visible_applications"
    " where application_id = %(value)s",
    "group": "select group_id as value from finops_api.visible_groups where group_key = lower(%(value)s)",
    "domain": "select domain as value from finops_api.visible_products where domain = %(value)s limit 1",
    "family": "select family as value from finops_api.visible_products where family = %(value)s limit 1",
}


@dataclass(frozen=True)
class Scope:
    """What the path names, such as the application SHOP-WEB; by default everything that the caller may see."""

    dimension: ScopeDimension | None = None
    value: str = ""

    async def found(self, connection: Connection) -> Scope:
        """Return it as it is spelt; a group may be named by any reference.

        Raises:
            ProblemError: 404 where this caller has none.
        """
        if self.dimension is None:
            return self
        unknown = not_found(f"there is no {self.dimension} '{self.value}' that you may see")
        try:
            value = group_key(self.value) if self.dimension == "group" else self.value
        except ValueError as error:
            raise unknown from error
        for row in await connection.rows(dict, SCOPES[self.dimension], {"value": value}):
            return replace(self, value=row["value"])
        raise unknown

    @property
    def shown(self) -> dict[ScopeDimension, str]:
        """As the envelope has it."""
        return {self.dimension: self.value} if self.dimension else {}


async def filters(connection: Connection, selection: Filters, scope: Scope) -> dict[str, Sequence[str]]:
    """The values that costs are filtered by, by filter.

    Raises:
        ProblemError: 422 for a value that no cost of the caller has: a typing error must not look like zero.
    """
    found: dict[str, Sequence[str]] = {}
    faults = []
    for name, view in FILTERS.items():
        wanted = getattr(selection, name)
        if not wanted:
            continue
        found[name] = wanted
        known = await _known(connection, COLUMNS[name], view)
        faults += [
            Fault(parameter=name, detail=f"no cost that you may see has '{value}'", allowed=known[:MAX_ALLOWED])
            for value in wanted
            if value not in known
        ]
    if faults:
        raise all_invalid(faults)
    if scope.dimension:
        allowed = found.get(scope.dimension, [scope.value])
        found[scope.dimension] = [scope.value] if scope.value in allowed else []
    return found


async def _known(connection: Connection, column: str, view: str) -> list[str]:
    query = f"select distinct {column} as value from finops_api.{view} order by 1"  # noqa: S608 - of dimensions.py
    return [row["value"] for row in await connection.rows(dict, query)]


def check(parameters: CostParameters) -> None:
    """Check what no parameter can know by itself.

    Raises:
        ProblemError: 422 with everything that is wrong.
    """
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
        raise all_invalid(faults)


def months(span: Span, version: DataVersion) -> tuple[date, date]:
    """The first and the last month; by default the last twelve that were published.

    Raises:
        ProblemError: 422 where the first comes after the last, or there are too many.
    """
    fallback = last_month(version)
    last = span.to or max(fallback, span.from_ or fallback)
    first = span.from_
    if first is None:
        first = shifted(last, 1 - DEFAULT_MONTHS)
        if version.first_period and first < version.first_period <= last:
            first = version.first_period
    if first > last:
        raise invalid(
            "from", f"{first:%Y-%m} is after {last:%Y-%m}, where the months end: write the earlier month first"
        )
    if distance(first, last) >= MAX_MONTHS:
        raise invalid("from", f"{distance(first, last) + 1} months: ask for {MAX_MONTHS} at most")
    return first, last


def last_month(version: DataVersion) -> date:
    """The last one that was published; where none was, that of the last run."""
    return version.last_period or version.refreshed_at.date().replace(day=1)


def base(first: date, last: date, dimensions: Sequence[str], version: DataVersion) -> Comparison | None:
    """The months to compare with: as many just before, or of each month or quarter the one before it.

    None where they were not all published: half a base would show a growth that there was not.
    """
    steps = [MONTHS_OF[dimension] for dimension in dimensions if dimension in MONTHS_OF]
    shift = min(steps) if steps else distance(first, last) + 1
    found = Comparison(shifted(first, -shift), shifted(last, -shift), shift)
    whole = version.first_period is not None and (found.last if steps else found.first) >= version.first_period
    return found if whole else None
