"""`finops config`: every setting with its value and where it was found; secrets as stars, mistakes with a remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import groupby

import click
from pydantic import Secret
from rich.table import Table

from finops.ingest.config import settings
from finops.ingest.config.checking import validated
from finops.ingest.config.masking import Masks
from finops.ingest.config.reading import RawSection
from finops.ingest.config.redaction import safe
from finops.ingest.config.values import Section, from_json
from finops.ingest.errors import ConfigurationError
from finops.ingest.project import toml
from finops.ingest.reports.tables import plain, wide_console

STARS = "***"
DATABASE = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT")
DEFAULT, UNSET = "default", "not set"


@dataclass(frozen=True)
class Row:
    """A setting, its value as text, and where it was found: a file, a variable, `default`, or `not set`."""

    setting: str
    value: str
    place: str


def show(*, as_json: bool) -> bool:
    """Print every setting and what is wrong; return whether nothing is.

    Raises:
        ConfigurationError: when a file of the configuration can't be read.
    """
    settings.known_secrets()
    found = [row if row.place == DEFAULT else replace(row, value=safe(row.value)) for row in rows()]
    wrong = [safe(problem) for problem in problems()]
    if as_json:
        click.echo(json.dumps({"settings": [asdict(row) for row in found], "problems": wrong}, ensure_ascii=False))
        return not wrong
    console = wide_console()
    console.print(_table(found, wrong))
    off = [
        f"{section.name}{' (its address is not set)' if section.values else ''}"
        for section, model in settings.sections()
        if model and section.name.startswith("sources.") and not settings.is_on(section)
    ]
    console.print(f"Off: {plain(', '.join(off))}" if off else "No source is off.", highlight=False)
    for problem in wrong:
        click.echo(f"✗ {problem}")
    return not wrong


def rows() -> Iterator[Row]:
    """Every setting of the database and the loader, and of the sources of which something is set."""
    for name in DATABASE:
        given = os.environ.get(name)
        yield Row(name, STARS if given and name == "PGPASSWORD" else given or "", "environment" if given else UNSET)
    for section, model in settings.sections():
        if section.values or not section.name.startswith("sources.") or settings.is_on(section):
            yield from _of_section(section, model)


def _of_section(section: RawSection, model: type[Section] | None) -> Iterator[Row]:
    """The keys that are set, known or not, and the defaults that say something."""
    fields = model.model_fields if model else {}
    for name, field in fields.items():
        key = f"{section.name}.{name}"
        if name in section.values:
            is_secret = "(a secret)" in (field.description or "")
            yield Row(key, STARS if is_secret else _text(section.values[name]), _place(section, name))
        elif field.is_required():
            yield Row(key, "", UNSET)
        else:
            default = field.get_default(call_default_factory=True)
            if default not in (None, {}) and not isinstance(default, Secret):
                yield Row(key, _text(default), DEFAULT)
    for name in sorted(section.values.keys() - fields.keys()):
        yield Row(f"{section.name}.{name.replace('__', '.')}", STARS, _place(section, name))  # it may be a secret


def _place(section: RawSection, key: str) -> str:
    return section.places[key].removeprefix("in ").removesuffix(" in the environment")


def _text(value: object) -> str:
    """A value as a person writes it, without what is masked when it lands."""
    if not isinstance(value, str):
        return toml.value(_masked(value))
    try:
        parsed = from_json(value)
    except ValueError:
        return value
    return toml.value(_masked(parsed)) if isinstance(parsed, dict | list) else value


def _masked(value: object) -> object:
    if isinstance(value, dict):
        place = Masks.of({}).root("")
        return {key: STARS if place[key].rule else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def problems() -> list[str]:
    """What is refused: unknown and misplaced keys, the first wrong value of each section, else what does not fit."""
    found = [*settings.unknown(), *_wrong_values()]
    try:
        if not found and settings.sources():
            settings.load()
    except ConfigurationError as error:
        found.append(str(error))
    return found


def _wrong_values() -> Iterator[str]:
    for section, model in settings.sections():
        if model is not None and (settings.is_on(section) or not section.name.startswith("sources.")):
            known = {key: value for key, value in section.values.items() if key in model.model_fields}
            try:
                validated(RawSection(section.name, known, section.places, section.problem), model)
            except ConfigurationError as error:
                yield str(error)


def _table(found: list[Row], problems: list[str]) -> Table:
    table = Table("setting", "value", "found in")
    table.columns[1].overflow = "fold"
    wrong = {f"{problem.split()[0].rstrip(':')}." for problem in problems}
    for _, of_section in groupby(found, key=lambda row: row.setting.rpartition(".")[0]):
        table.add_section()
        for row in of_section:
            name = f"{row.setting}."
            is_wrong = any(key.startswith(name) or name.startswith(key) for key in wrong)
            style = "red" if is_wrong else "dim" if row.place in (DEFAULT, UNSET) else ""
            table.add_row(f"{'✗ ' * is_wrong}{plain(row.setting)}", plain(row.value), plain(row.place), style=style)
    return table
