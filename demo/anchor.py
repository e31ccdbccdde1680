"""The day that the demonstration is of: chosen by its first run, and kept.

Were it always today, running again tomorrow would change every total, and who could tell that from an error?
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path

FILE = "demo.json"


class AnchorError(Exception):
    """Another day is asked for than the one stored, or what is stored can't be read."""


def settle(folder: Path, asked: date | None) -> date:
    """The day stored in `folder`, stored by this call if none is: `asked`, or today in UTC."""
    path = folder / FILE
    stored = _read(path) if path.exists() else None
    if stored and asked and stored != asked:
        raise AnchorError(f"the demonstration in {folder} is of {stored}, not {asked}: delete {folder} to start again.")
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
