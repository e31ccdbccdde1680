"""Options that several commands have."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finops.ingest.errors import ConfigurationError
from finops.ingest.periods import Period, open_periods, parse_range, refuse_future, today

if TYPE_CHECKING:
    from finops.ingest.pipeline.runs import RunRequest


class CallersPath(click.Path):
    """A path as the caller types it: relative to her own folder, though a command runs in the project's."""

    def __init__(self, *, dir_okay: bool) -> None:
        super().__init__(dir_okay=dir_okay, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path, absolute if the command runs elsewhere than the caller."""
        callers = (ctx.find_object(Path) if ctx else None) or Path.cwd()
        return super().convert(value if callers == Path.cwd() else callers / value, param, ctx)


def to_periods(_: click.Context, __: click.Parameter, text: str | None) -> list[Period] | None:
    """The months that an option names; none of them is in the future."""
    if text is None:
        return None
    try:
        periods = parse_range(text)
        refuse_future(periods)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from error
    return periods


def _day(_: click.Context, __: click.Parameter, value: datetime | None) -> date:
    day = value.date() if value else today()
    if day > today():
        raise click.BadParameter(f"{day} is in the future: the latest day is {today()} (UTC)")
    return day


MONTHS = "YYYY-MM[..YYYY-MM]"
ROWS = click.IntRange(1, 1000)
PERIOD = click.option("--period", callback=to_periods, metavar=MONTHS, help="Instead of the open months.")
AS_OF = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day,
    help="The day (UTC) that the run is for; today by default.",
)
SOURCE = click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; repeatable.")
ACCEPT_SHRINK = click.option(
    "--accept-shrink",
    is_flag=True,
    help="Take windows that came back empty or much smaller, and months that change by much.",
)


def requested(period: list[Period] | None, as_of: date, *, sources: tuple[str, ...], accept_shrink: bool) -> RunRequest:
    """Return what the options PERIOD, AS_OF, SOURCE and ACCEPT_SHRINK ask for."""
    from finops.ingest.pipeline.runs import RunRequest

    months = period or open_periods(as_of)
    return RunRequest(months, as_of, is_named=bool(period), sources=sources, accept_shrink=accept_shrink)
