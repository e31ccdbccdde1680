"""The demo's last day and its number of months, chosen by its first run and stored.

If the last day were always today, a run on another day would change every total, which looks like an error.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from finops.demo.story import MONTHS, Story

FILE = "demo.json"


class AnchorError(Exception):
    """What is asked for differs from what is stored, or the file is unreadable."""


def settle(folder: Path, as_of: date | None = None, months: int | None = None) -> Story:
    """Return what `folder` stores; the first call stores what is asked for, else fourteen months up to today in UTC.

    Raises:
        AnchorError: another day or number of months is stored, or the file is unreadable.
    """
    path = folder / FILE
    if not path.exists():
        story = Story(as_of or datetime.now(UTC).date(), months or MONTHS)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"as_of": story.as_of.isoformat(), "months": story.months}) + "\n")
        return story
    stored = _read(path)
    asked = Story(as_of or stored.as_of, months or stored.months)
    if asked != stored:
        found = f"the demo in {folder} is {_said(stored)}, not {_said(asked)}"
        raise AnchorError(f"{found}: delete {folder} to start again.")
    return stored


def _said(story: Story) -> str:
    return f"of {story.months} months up to {story.as_of}"


def _read(path: Path) -> Story:
    try:
        stored = json.loads(path.read_text())
        return Story(date.fromisoformat(stored["as_of"]), int(stored.get("months", MONTHS)))
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        raise AnchorError(f"{path} can't be read: delete {path.parent} to start again.") from error
