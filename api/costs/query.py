"""A question of costs: its values, beside the shape that sql.py makes the query's text of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from finops.api.costs.sql import Shape, text_of_listing, text_of_page
from finops.api.http.cursors import Position


@dataclass(frozen=True)
class Comparison:
    """The months that are compared with, and how many months later they count."""

    first: date
    last: date
    shift: int


@dataclass(frozen=True)
class CostQuery:
    """What is asked: `filters` by dimension, any value of which will do; `limit` lines after a position, or `top`."""

    first: date
    last: date
    dimensions: Sequence[str]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    base: Comparison | None = None
    order: str = "key"
    top: int | None = None
    after: Position | None = None
    limit: int | None = None

    @property
    def shape(self) -> Shape:
        """What its text depends on."""
        return Shape(
            tuple(self.dimensions),
            tuple(self.filters),
            self.base.shift if self.base else None,
            self.order,
            self.top is not None,
            self.after is not None,
            self.limit is not None,
        )

    @property
    def by_step(self) -> bool:
        """Whether each line is compared with the month or quarter before it."""
        return self.shape.by_step

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the placeholders."""
        return {
            "first": self.first,
            "last": self.last,
            "top": self.top,
            "limit": self.limit,
            **({"base_first": self.base.first, "base_last": self.base.last} if self.base else {}),
            **{f"only_{dimension}": list(values) for dimension, values in self.filters.items()},
            **({"rank": self.after.rank, **_numbered("after", self.after.keys)} if self.after else {}),
        }

    @property
    def prepare(self) -> bool | None:
        """False: plan it for these very values; of all applications, one plan for any is several times slower."""
        return False if "application" in self.dimensions and "application" not in self.filters else None

    def page(self) -> bytes:
        """One row a line, each with the totals; a single one without a line where there is none."""
        return text_of_page(self.shape)

    def listing(self) -> bytes:
        """Lines alone, by the names of their dimensions: for CSV."""
        return text_of_listing(self.shape)


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}
