"""Writes configuration.md from the code that reads the configuration: `make docs-configuration`.

A test fails while that page is not what this makes of the code, so that no setting is documented by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from pydantic import Secret
from pydantic.fields import FieldInfo

from finops.api.settings import Issuer
from finops.api.settings import Settings as ApiSettings
from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.config.rules import Rules
from finops.ingest.config.sections import Exports, ExtractionSettings, Schedule
from finops.ingest.config.services import SERVICES, FocusExport, HttpService
from finops.ingest.config.values import Section
from finops.ingest.reference.tables import TABLES
from finops.ingest.sources.catalog import ENDPOINTS, SOURCES
from finops.ingest.sources.kinds import HttpSource, Source, focus_source

PAGE = Path(__file__).with_suffix(".md")

# What libpq documents at length: https://www.postgresql.org/docs/current/libpq-envars.html
LIBPQ = (
    ("PGHOST", "Server, or the folder of its unix socket; the loader wants it said"),
    ("PGPORT", "Port; 5432 where it is not said"),
    (
        "PGUSER",
        "Login: of the loader or the API, as `finops init-db` was told; without roles, one that may create schemas",
    ),
    ("PGPASSWORD", "Its password (a secret)"),
    ("PGDATABASE", "Database"),
    ("PGSSLMODE", "How it is verified; not said: `verify-full`, or `prefer` on this machine (loopback, socket)"),
    ("PGSSLROOTCERT", "PEM file of the authorities to trust, for `verify-full`; `system`: those of this machine"),
    ("PGOPTIONS", "More options of the API's session; what the API sets itself comes after them"),
)
# The settings of the loader: what each section is called, and its type.
OF_SOURCES: Mapping[str, type[Section]] = {
    "sources.cmdb": Cmdb,
    "sources.<service>": HttpService,
    **{f"sources.{name}": model for name, model in SERVICES.items() if model not in (Cmdb, HttpService)},
    "sources.focus.<name>": FocusExport,
}
OF_THE_LOADER: Mapping[str, Mapping[str, type[Section]]] = {
    "Rules about costs": {"finops": Rules},
    "Sources": OF_SOURCES,
    "The loader": {"ingest": ExtractionSettings},
    "Metrics": {"metrics": Exports},
    "The schedule": {"schedule": Schedule},
}
DECLARED = tuple(
    (
        f"`sources.{kind}.<name>`",
        f"`SOURCES__{kind.upper()}__<NAME>`",
        f"{what}, with docs/declared-sources.md's keys",
        "",
    )
    for kind, what in (
        ("http", "A service by declaration, with the keys of `<service>`"),
        ("file", "Files by declaration, in a folder or a bucket"),
        ("sql", "A database by declaration"),
        ("fixed", "Amounts a month by declaration"),
    )
)
OPENING = """\
# Configuration

<!-- Written by `make docs-configuration` from the code: change the code, not this page. -->

Everything that can be set, from the code that reads it. [Your sources](sources.md) says which handful to begin with.

The configuration is in the company's project, a folder that `finops init` writes: `finops.toml` for the rules about
costs, `.dlt/config.toml` and `.dlt/secrets.toml` for everything else of the loader. A command works in the folder that
`finops --project` or `FINOPS_PROJECT` names, else in the nearest one with a `finops.toml`, from the current folder
upwards, else in the current folder; relative paths are relative to it. `finops config` shows what is set, and where.

Settings of the loader are [dlt's configuration](https://dlthub.com/docs/general-usage/credentials/): a variable of the
environment, or else `.dlt/secrets.toml`, or else `.dlt/config.toml`. A table or a list is JSON in the environment and
TOML in a file. A secret belongs in the environment or in `secrets.toml`. A key of `finops.toml`, or of the sections
`sources`, `reference`, `ingest`, `metrics` and `schedule`, that is not here is refused; other sections are dlt's."""
RULES_OPENING = """\
Keys of `finops.toml`, written there without `finops.`. A change takes effect in open months with the next nightly, in
earlier ones with `finops reprocess`. A dbt command uses what the last run stored, or its `--vars`."""
SOURCES_OPENING = """\
A source is off until the section of the configuration that turns it on has its address. Declared sources
(`sources.http.<name>`, `file`, `sql`, `fixed`) are in [declared-sources.md](declared-sources.md)."""
POSTGRESQL_OPENING = (
    "libpq's variables, the same ones for the loader, dbt's profile (`profiles.yml.example`) and the API."
)
REFERENCE_OPENING = """\
Who owns what, what a product is, and what it costs. Each table is read from `reference/<table>.csv` in the project, or
from where `[reference.<table>]` says, at the beginning of each run; a file that does not exist is an empty table. A CSV
file is UTF-8 with commas or semicolons; of an XLSX file, the values count that its program calculated. A number has a
decimal point, and a day is written as 2026-09-30. Columns in brackets may be left out; `changed_by`, `changed_at` and
`comment` may be added anywhere. The application `UNALLOCATED` and its group `unallocated` are built in."""


def text() -> str:
    """The whole page."""
    sections = [*_settings(), _known_sources(), _postgresql(), _api(), _reference()]
    return "\n\n".join([OPENING, *sections]) + "\n"


def _settings() -> Iterator[str]:
    for heading, models in OF_THE_LOADER.items():
        rows = [row for section, model in models.items() for row in _keys(section, model)]
        rows += DECLARED if models is OF_SOURCES else []
        table = _table(("setting", "in the environment", "what it is", "default"), rows)
        yield "\n\n".join(filter(None, (f"## {heading}", RULES_OPENING if Rules in models.values() else "", table)))


def _keys(section: str, model: type[Section]) -> Iterator[tuple[str, str, str, str]]:
    """The keys of a section; those that a service has in common with the others are not repeated."""
    common = () if model is HttpService else HttpService.model_fields
    services = ", ".join(name for name, kind in SERVICES.items() if issubclass(kind, HttpService))
    for name, field in model.model_fields.items():
        if name not in common or not issubclass(model, HttpService):
            key, meaning = f"{section}.{name}", " ".join(str(field.description).split())
            meaning += f": {services}" if key == "sources.<service>.url" else ""
            yield f"`{key}`", f"`{key.replace('.', '__').upper()}`", meaning, _default(field)


def _known_sources() -> str:
    sources: Sequence[Source] = [*SOURCES, focus_source("<name>")]
    rows = [
        (
            f"`{source.name}`",
            f"`{source.switch}`",
            f"`{'.'.join(source.raw_table)}`",
            source.measure,
            source.window,
            _remark(source),
        )
        for source in sources
    ]
    table = _table(("source", "turned on by", "raw table", "measure", "window", "to know"), rows)
    return f"## What each source is\n\n{SOURCES_OPENING}\n\n{table}"


def _remark(source: Source) -> str:
    endpoints = ENDPOINTS.get(source.service, {})
    said = [f"`endpoint`: {', '.join(f'`{name}`' for name in endpoints)}"] if endpoints else []
    if isinstance(source, HttpSource) and not source.supports_past_days:
        said.append("knows today only")
    return "; ".join(said)


def _postgresql() -> str:
    rows = [(f"`{name}`", meaning) for name, meaning in LIBPQ]
    return f"## PostgreSQL\n\n{POSTGRESQL_OPENING}\n\n{_table(('variable', 'what it is'), rows)}"


def _api() -> str:
    table = _table(("variable", "what it is", "default"), _fields(ApiSettings.model_fields))
    keys = (f"`{name}`" + ("" if field.is_required() else " (optional)") for name, field in Issuer.model_fields.items())
    issuers = f"An issuer in `FINOPS_API_ISSUERS` is an object of {', '.join(keys)}: [api.md](api.md)."
    return f"## The API\n\n{table}\n\n{issuers}"


def _fields(fields: Mapping[str, FieldInfo]) -> list[tuple[str, str, str]]:
    rows = []
    for name, field in fields.items():
        rows.append((f"`FINOPS_API_{name.upper()}`", str(field.description), _default(field)))
    return rows


def _default(field: FieldInfo) -> str:
    if field.is_required() or (default := field.get_default(call_default_factory=True)) is None:
        return ""
    match default:
        case Section():
            return ""
        case frozenset():
            return _code(sorted(default))
        case Secret():
            return _code(default.get_secret_value())
        case Decimal():
            return _code(str(default))
        case _:
            return _code(default)


def _reference() -> str:
    rows = [
        (
            f"`{table}`",
            str(model.__doc__),
            ", ".join(
                f"`{name}`" if column.is_required() else f"(`{name}`)" for name, column in model.model_fields.items()
            ),
        )
        for table, model in TABLES.items()
    ]
    tables = _table(("table", "what it holds", "columns"), rows)
    places = _table(
        ("setting", "in the environment", "what it is", "default"), list(_keys("reference.<table>", ReferencePlace))
    )
    return f"## Reference data\n\n{REFERENCE_OPENING}\n\n{tables}\n\n{places}"


def _code(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"`{shown}`" if shown else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = (f"| {' | '.join(cells)} |" for cells in (headings, *rows))
    return "\n".join([first, "|---" * len(headings) + "|", *others])


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
