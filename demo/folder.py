"""Writes the project that the demo's commands work in: a copy of demo/project with its dates moved to the demo's days.

A file of dates can't serve every last day. Exchange rates end with the demo's last month, as a company's do.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from finops.demo.story import Story

PROJECT = Path(__file__).with_name("project")
DATES = ("period", "valid_from", "valid_to")


def renew(copy: Path, story: Story) -> None:
    """Write the project to `copy`, and only the files that differ: another command may be reading them."""
    wanted = dict(_files(story))
    for path, text in wanted.items():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text("utf-8") != text:
            written = target.with_name(f".{target.name}.new")
            written.write_text(text, "utf-8")
            written.replace(target)
    for path in copy.glob("reference/*.csv"):
        if path.relative_to(copy) not in wanted:
            path.unlink()


def _files(story: Story) -> Iterator[tuple[Path, str]]:
    for path in PROJECT.rglob("*"):
        if path.is_file() and ".finops" not in path.parts:
            text = path.read_text("utf-8")
            yield path.relative_to(PROJECT), _moved(text, story) if path.suffix == ".csv" else text


def _moved(table: str, story: Story) -> str:
    rows = list(csv.DictReader(io.StringIO(table)))
    for row in rows:
        row |= {name: story.moved(date.fromisoformat(row[name])).isoformat() for name in DATES if row.get(name)}
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table.splitlines()[0].split(","), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
