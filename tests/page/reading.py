"""What the page says, by the attributes that hold each figure's exact value, and what a reader sees there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from playwright.sync_api import Page

TABLES = """
    (tile) => [...tile.querySelectorAll("table")].map((table) => [...table.querySelectorAll("tbody tr")].map((row) =>
        [row.dataset.row, [...row.children].map((cell) =>
            [cell.dataset.key, cell.dataset.value ?? null, cell.textContent])]
    ))
"""
FIGURES = """
    (tile) => [...tile.querySelectorAll("[data-figure]")].map((figure) => [
        figure.dataset.figure,
        [figure, ...figure.querySelectorAll("[data-value]")].flatMap(({dataset}) => dataset.value ?? []),
    ])
"""
SHOWN = (
    "(main) => [...main.querySelectorAll('[data-value]')].map(({dataset, textContent}) => [dataset.value, textContent])"
)


@dataclass(frozen=True)
class Row:
    """A line of a table: values by the key of their column, and texts as they are shown."""

    values: Mapping[str, str]
    texts: Mapping[str, str]

    def amounts(self, *keys: str) -> list[Decimal]:
        """Exact values."""
        return [Decimal(self.values[key]) for key in keys]


def table(page: Page, tile: str, number: int = 0) -> dict[str, Row]:
    """The lines of a tile's table, by what they are of, in order."""
    found = page.locator(f"[data-tile={tile}]").evaluate(TABLES)[number]
    return {
        name or f"{index}": Row(
            {key: value for key, value, _ in cells if value is not None}, {key: text.strip() for key, _, text in cells}
        )
        for index, (name, cells) in enumerate(found)
    }


def figures(page: Page, tile: str) -> dict[str, list[Decimal]]:
    """The figures of a tile, by name: each with those that are said beside it."""
    found = page.locator(f"[data-tile={tile}]").evaluate(FIGURES)
    return {name: [Decimal(value) for value in values] for name, values in found}


def amount(text: str, mark: str = ".") -> Decimal:
    """The number that a reader sees, with this decimal mark."""
    sign = -1 if re.search(r"[-−]", text) else 1
    return sign * Decimal(re.sub(rf"[^\d{re.escape(mark)}]", "", text).replace(mark, "."))
