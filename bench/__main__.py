"""Run benches and print where each piece of work stands against its goals: `python -m bench documents --short`."""

from __future__ import annotations

import importlib
import os

import click
from rich.console import Console
from rich.table import Table

from bench.measure import Cost, Result

BENCHES = ("documents", "bills", "consolidate", "history", "night", "answers", "strangers", "page")


def _row(result: Result) -> list[str]:
    return [result.work, _cost(result.floor), _cost(result.project), *_goals(result)]


def _cost(cost: Cost | None) -> str:
    return f"{cost.wall:.2f} s, CPU {cost.cpu:.2f} s\n{cost.peak_mib:,.0f} MiB" if cost else "–"


def _goals(result: Result) -> list[str]:
    goals = result.goals
    return [
        "\n".join(f"{goal.name} {goal.measured:.3g}" for goal in goals),
        "\n".join(f"≤ {goal.limit:g}" for goal in goals),
        "\n".join("kept" if goal.is_kept else "MISSED" for goal in goals),
    ]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHES))
@click.option("--short", is_flag=True, help="A tenth of the size: for a look, not for a figure to quote.")
def main(names: tuple[str, ...], short: bool) -> None:  # noqa: FBT001 click gives it by name
    """Measure what is named, all of it without a name."""
    console = Console(width=140)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    table = Table("work", "floor", "project", "figure", "goal", "", show_lines=True)
    for name in names or BENCHES:
        for result in importlib.import_module(f"bench.{name}").run(short):
            console.print(f"  {result.work}: done", style="dim")
            table.add_row(*_row(result))
    console.print(table)


if __name__ == "__main__":
    main()
