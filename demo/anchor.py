"""The demo's last day, chosen by its first run and stored.

If it were always today, a run on another day would change every total, which looks like an error.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path

FILE = "demo.json"


class AnchorError(Exception):
    """The requested day differs from the stored one, or the stored one is unreadable."""


def settle(folder: Path, asked: date | None) -> date:
    """Return the day stored in `folder`; the first call stores `asked`, or today in UTC.

    Raises:
        AnchorError: another day is stored, or the file is unreadable.
    """
    path = folder / FILE
    stored = _read(path) if path.exists() else None
    if stored and asked and stored != asked:
        raise AnchorError(f"the demo in {folder} ends on {stored}, not {asked}: delete {folder} to start again.")
    if stored:
        return stored
    as_of = asked or datetime.now(UTC).date()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"as_of": as_of.isoformat()}) + "\n")
    return as_of


def _read(path: Path) -> date:
    try:
        return date.fromisoformat(json.loads(path.read_text())["as_of"])
    except (ValueError, KeyError, TypeError) as error:
        raise AnchorError(f"{path} can't be read: delete {path.parent} to start again.") from error
