"""Which costs are meant: what the path names, the values of filters, the months, and what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from finops.api.catalogue.queries import FILTERABLE, SCOPES
from finops.api.costs.query import Comparison
from finops.api.database import Connection
from finops.api.http.parameters import DOMAINS, MAX_MONTHS, Selection
from finops.api.http.problems import Fault, ProblemError
from finops.api.http.responses import DataVersion
from finops.api.months import MONTHS_OF, distance, shifted

DEFAULT_MONTHS = 12
SHOWN_VALUES = 100  # of what a parameter allows


@dataclass(frozen=True)
class Scope:
    """What the path names, such as the application SHOP-WEB; nothing: all that the caller may see."""

    dimension: str | None = None
    value: str = ""

    async def check(self, connection: Connection) -> None:
        """Be sure that it is there, for this caller.

        Raises:
            ProblemError: 404 where it is not.
        """
        if self.dimension is None or (self.dimension == "domain" and self.value in DOMAINS):
            return
        cursor = await connection.execute(SCOPES[self.dimension], {"value": self.value})
        if await cursor.fetchone() is None:
            allowed = f": there is {', '.join(DOMAINS)}" if self.dimension == "domain" else " that you may see"
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no {self.dimension} '{self.value}'{allowed}")

    @property
    def shown(self) -> dict[str, str]:
        """As the envelope has it."""
        return {self.dimension: self.value} if self.dimension else {}


async def filters(connection: Connection, selection: Selection, scope: Scope) -> dict[str, Sequence[str]]:
    """The values that each dimension is held to.

    Raises:
        ProblemError: 422 for a value that no cost of the caller has: a typing error must not look like zero.
    """
    found: dict[str, Sequence[str]] = {}
    faults = []
    for name in ("domain", "family", "product", "source", "charge_category", "currency"):
        wanted = getattr(selection, name) or []
        if wanted and name in FILTERABLE:
            rows = await (await connection.execute(FILTERABLE[name])).fetchall()
            known = [row["value"] for row in rows]
            faults += [
                Fault(parameter=name, detail=f"no cost that you may see has '{value}'", allowed=known[:SHOWN_VALUES])
                for value in wanted
                if value not in known
            ]
        if wanted:
            found[name] = wanted
    if faults:
        raise invalid_parameters(*faults)
    if scope.dimension:
        held = found.get(scope.dimension)
        found[scope.dimension] = [scope.value] if held is None or scope.value in held else []
    return found


def months(selection: Selection, version: DataVersion) -> tuple[date, date]:
    """The months that are meant: without a word of them, the last twelve published.

    Raises:
        ProblemError: 422 for an end before its beginning, or too many months.
    """
    fallback = version.last_period or version.refreshed_at.date().replace(day=1)
    last = selection.to or max(fallback, selection.from_ or fallback)
    first = selection.from_
    if first is None:
        first = shifted(last, 1 - DEFAULT_MONTHS)
        if version.first_period and first < version.first_period <= last:
            first = version.first_period
    if first > last:
        detail = f"{first:%Y-%m} is after {last:%Y-%m}, where the months end: write the earlier month first"
        raise invalid_parameters(Fault(parameter="from", detail=detail))
    if distance(first, last) >= MAX_MONTHS:
        detail = f"{distance(first, last) + 1} months: ask for {MAX_MONTHS} at most"
        raise invalid_parameters(Fault(parameter="from", detail=detail))
    return first, last


def base(first: date, last: date, dimensions: Sequence[str], version: DataVersion) -> Comparison | None:
    """The months to compare with: as many just before, or of each month or quarter the one before it.

    None where they are not wholly within what was published: half a base would make a growth that there was not.
    """
    steps = [MONTHS_OF[dimension] for dimension in dimensions if dimension in MONTHS_OF]
    shift = min(steps) if steps else distance(first, last) + 1
    found = Comparison(shifted(first, -shift), shifted(last, -shift), shift)
    whole = version.first_period is not None and (found.last if steps else found.first) >= version.first_period
    return found if whole else None


def invalid_parameters(*faults: Fault) -> ProblemError:
    """A 422 that says all that is wrong."""
    detail = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults)
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=faults)
