"""What a company sets, as types: the loader's own settings, and the sources that are configured.

A source whose address is not set is off. A key that is not a setting is refused, for a misspelt one would be ignored.
PostgreSQL is named by libpq's variables: database.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from finops.ingest.config import redaction
from finops.ingest.config.checking import Model, domain_problem, nearest, unknown_keys, validated
from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.reading import (
    DLT_SECTIONS,
    RULES,
    RULES_FILE,
    RawSection,
    misplaced,
    read,
    subsections,
    unreadable,
)
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.config.rules import Rules
from finops.ingest.config.sections import Exports, ExtractionSettings, Schedule
from finops.ingest.config.services import SERVICES, FocusExport, HttpService
from finops.ingest.config.values import Section
from finops.ingest.errors import ConfigurationError
from finops.ingest.reference.tables import TABLES
from finops.ingest.sources.catalog import ENDPOINTS, SOURCES
from finops.ingest.sources.declared import HttpDeclaration, http_source
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource, focus_source
from finops.ingest.sources.rows.declared import (
    FileDeclaration,
    FixedDeclaration,
    RowDeclaration,
    SqlDeclaration,
    row_source,
)
from finops.ingest.sources.uses import refuse_masked

_OF_THE_LOADER: Mapping[str, type[Section]] = {
    RULES: Rules,
    "ingest": ExtractionSettings,
    "metrics": Exports,
    "schedule": Schedule,
}
_REFERENCE = "reference"
_NAMED: Mapping[str, type[Section]] = {  # by a company, under sources
    "focus": FocusExport,
    "http": HttpDeclaration,
    "file": FileDeclaration,
    "sql": SqlDeclaration,
    "fixed": FixedDeclaration,
}


@dataclass(frozen=True)
class Settings:
    """Everything that a run needs to know of its sources; the database is in database.py."""

    sources: tuple[ConfiguredSource, ...]
    limits: ExtractionSettings


def load() -> Settings:
    """Read the configuration.

    Raises:
        ConfigurationError: for keys that are not settings, in any section; for a value that is not of its kind; when no
            source is configured at all; for a source of a domain that the company does not have; for one that is read
            for a field that is masked.
    """
    configured = sources()
    if not configured:
        raise ConfigurationError(
            "no source is configured: set at least one, for example SOURCES__CMDB__URI or [sources.gitlab] url in "
            ".dlt/config.toml (docs/sources.md), or try `make demo`, which runs the same nightly on "
            "an embedded PostgreSQL and a made-up company"
        )
    limits, decided = extraction(), rules()
    for on in configured:
        refuse_masked(on, limits.masks, decided)
    return Settings(tuple(configured), limits)


def sources() -> list[ConfiguredSource]:
    """The sources that are on; unlike load(), none is not an error.

    Raises:
        ConfigurationError: as load() does.
    """
    if refused := list(unknown()):
        raise ConfigurationError("; ".join(refused))
    domains = rules().domains
    return [
        _in_a_domain(configured, domains)
        for section, model in sections()
        if model is not None and section.name.startswith("sources.") and is_on(section)
        for configured in _sources_of(section.name.removeprefix("sources."), validated(section, model))
    ]


def _in_a_domain(configured: ConfiguredSource, domains: Sequence[str]) -> ConfiguredSource:
    source = configured.source
    if source.measure != "reference" and (problem := domain_problem(source.domain, domains)):
        key = f"sources.{source.service}.domain" if hasattr(configured.options, "domain") else source.name
        raise ConfigurationError(f"{key} {problem}")
    return configured


def unknown() -> Iterator[str]:
    """What to say of each key that is not a setting, or that is not read where it stands."""
    ours = {name.partition(".")[0] for name in (*_OF_THE_LOADER, "sources", _REFERENCE)} - {RULES}
    for name, place in misplaced():
        near = nearest(name, ours)
        if name in Rules.model_fields:
            yield f"{name} ({place}) is not read there: write it in {RULES_FILE}, or set FINOPS__{name.upper()}"
        elif place.startswith("in ") and near and name not in ours:
            yield f"{name} ({place}) is not a section: did you mean {near}?"
    for section, model in sections():
        yield from [_stranger(section)] if model is None else unknown_keys(section, model)


def schedule() -> Schedule:
    """When and where `finops serve-schedule` works.

    Raises:
        ConfigurationError: for a key that is not a setting, and a value that is not of its kind.
    """
    return _checked("schedule", Schedule)


def exports() -> Exports:
    """Where the metrics of each run go.

    Raises:
        ConfigurationError: as schedule() does.
    """
    return _checked("metrics", Exports)


def rules() -> Rules:
    """What the company decides about its costs.

    Raises:
        ConfigurationError: as schedule() does.
    """
    return _checked(RULES, Rules)


def extraction() -> ExtractionSettings:
    """What holds for every run and every source.

    Raises:
        ConfigurationError: as schedule() does.
    """
    return _checked("ingest", ExtractionSettings)


def reference() -> dict[str, ReferencePlace]:
    """The place of each table of reference data that is not in the folder `reference`.

    Raises:
        ConfigurationError: as schedule() does; for what is not a table of reference data.
    """
    places = {}
    for section, model in sections():
        if section.name.startswith(f"{_REFERENCE}."):
            if model is None:
                raise ConfigurationError(_stranger(section))
            places[section.name.partition(".")[2]] = validated(section, ReferencePlace)
    return places


def run_id() -> str | None:
    """Run id to use or resume: all pods of a Job have the Job's uid.

    Raises:
        ConfigurationError: when it is not a UUID.
    """
    given = extraction().run_id
    return str(given) if given else None


def known_secrets() -> tuple[str, ...]:
    """Every value that must never be printed, whether or not the configuration makes sense, and all of it read."""
    if not unreadable():
        for _ in sections():
            pass
    return tuple(sorted(redaction.known()))


def sections() -> Iterator[tuple[RawSection, type[Section] | None]]:
    """Every section that is ours, with its type; no type: what is below `sources` or `reference` and is not known."""
    models: dict[str, type[Section] | None] = {**_OF_THE_LOADER}
    models |= {f"sources.{name}": model for name, model in SERVICES.items()}
    for kind, model in _NAMED.items():
        models |= {f"sources.{kind}.{name}": model for name in sorted(subsections(f"sources.{kind}"))}
    for name in sorted(subsections(_REFERENCE)):
        models[f"{_REFERENCE}.{name}"] = ReferencePlace if name in TABLES else None
    strangers = subsections("sources").keys() - SERVICES.keys() - _NAMED.keys() - DLT_SECTIONS
    models |= {f"sources.{name}": None for name in sorted(strangers)}
    for name, of_section in models.items():
        known = (of_section or HttpService).model_fields
        section = read(name, known)
        # what is under a misspelt name may be a secret all the same
        redaction.learn({nearest(key, known) or key: value for key, value in section.values.items()})
        yield section, of_section


def _stranger(section: RawSection) -> str:
    place = next(iter(section.places.values()), section.problem)
    above, _, name = section.name.partition(".")
    if above == _REFERENCE:
        near, what, own = nearest(name, TABLES), "a table of reference data", f"the tables are {', '.join(TABLES)}"
    else:
        near, what = nearest(name, [*SERVICES, *_NAMED]), "a source"
        own = "one of your own is sources.http.<name>, file, sql or fixed (docs/declared-sources.md)"
    return f"{section.name} ({place}) is not {what}: {f'did you mean {above}.{near}?' if near else own}"


def _checked(name: str, model: type[Model]) -> Model:
    return validated(read(name, model.model_fields), model)


def is_on(section: RawSection) -> bool:
    """Whether a service has its address; what a company names itself is on, and needs one."""
    address = section.values.get("url") or section.values.get("uri")
    return bool(address or section.problem or section.name.count(".") > 1)


def _sources_of(service: str, options: Section) -> Iterator[ConfiguredSource]:
    name = service.partition(".")[2]
    match options:
        case FocusExport():
            yield ConfiguredSource(focus_source(name, options.domain), options)
        case HttpDeclaration():
            yield ConfiguredSource(http_source(name, options), options)
        case RowDeclaration() | FixedDeclaration():
            yield ConfiguredSource(row_source(name, options), options)
        case Cmdb():
            for source in SOURCES:
                if source.service == service and options.collections(source.name):
                    yield ConfiguredSource(source, options)
        case HttpService():
            for source in SOURCES:
                each = source.each if isinstance(source, HttpSource) else None
                if source.service == service and (each is None or getattr(options, each) is not None):
                    other = ENDPOINTS.get(service, {}).get(getattr(options, "endpoint", ""), source)
                    yield ConfiguredSource(other, options)
