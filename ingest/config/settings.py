"""What a company sets, read in one place: dlt's configuration for the sources, libpq's variables for PostgreSQL.

dlt looks a key up in the environment (`SOURCES__CMDB__URI` for `sources.cmdb.uri`), then in `.dlt/secrets.toml`, then
in `.dlt/config.toml`. A source whose address is not set is off.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from finops.ingest.config.redaction import secrets_of
from finops.ingest.config.values import address, check_object, check_word, names, share, whole
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.catalog import SOURCES, HttpSource, MongoSource, Source, focus_source
from finops.ingest.sources.declared import DeclaredSource, declared_source
from finops.ingest.sources.mongo_options import MONGO_OPTIONS, READ_CONCERNS, READ_PREFERENCES, check_mongo
from finops.ingest.sources.rest.options import (
    HTTP_OPTIONS,
    check_http,
    check_questions,
    is_configured,
    is_http,
    selected_endpoint,
)

MASKED_FIELDS = (
    "password",
    "passwd",
    "admin_password",
    "secret",
    "token",
    "api_key",
    "private_key",
    "runners_token",
)


@dataclass(frozen=True)
class Setting:
    """One key of the configuration, for docs/configuration.md and the test that compares the two."""

    key: str
    meaning: str
    default: str = ""


SETTINGS = (
    Setting("sources.cmdb.uri", "MongoDB URI of the CMDB, credentials included (a secret)"),
    Setting("sources.cmdb.database", "Its database", "cmdb"),
    Setting("sources.cmdb.vm", "Collection of virtual machines", "vms"),
    Setting("sources.cmdb.disk", "Collection of disks", "disks"),
    Setting("sources.cmdb.legacy_storage", "Collection of legacy storage", "legacy_storage"),
    Setting(
        "sources.cmdb.snapshot_field",
        "Date field of a dated dump; empty: a collection holds only today's state",
    ),
    Setting("sources.cmdb.filter", "Extended JSON filter added to every query", "{}"),
    Setting("sources.cmdb.projection", "Extended JSON projection; empty: whole documents", "{}"),
    Setting("sources.cmdb.batch_size", "Documents a batch of the cursor", "1000"),
    Setting("sources.cmdb.read_preference", f"{', '.join(READ_PREFERENCES)}; empty: the URI's, else primary"),
    Setting("sources.cmdb.read_concern", f"{', '.join(READ_CONCERNS)}; empty: the URI's, else the server's"),
    Setting(
        "sources.<service>.url", "Address of openstack, cloudkitty, opencost, gitlab, artifactory, cube, backstage"
    ),
    Setting("sources.<service>.token", "Its token (a secret)"),
    Setting(
        "sources.<service>.token_header",
        "Header that carries the token, `Authorization` as a bearer; empty: the product's",
    ),
    Setting("sources.<service>.username", "User, where the service wants HTTP basic authentication"),
    Setting("sources.<service>.password", "That user's password (a secret)"),
    Setting("sources.<service>.token_url", "Address that gives OAuth2 tokens for client credentials"),
    Setting("sources.<service>.client_id", "OAuth2 client"),
    Setting("sources.<service>.client_secret", "That client's secret (a secret)"),
    Setting("sources.<service>.scope", "OAuth2 scope to ask for"),
    Setting("sources.<service>.ca_bundle", "PEM file of the authorities to trust; empty: the public ones"),
    Setting("sources.<service>.params", "JSON of more query parameters; `{day}` asks for one day's state", "{}"),
    Setting(
        "sources.cloudkitty.endpoint", "What CloudKitty is asked: `dataframes`, or their `summary` a day", "dataframes"
    ),
    Setting(
        "sources.gitlab.ci_namespaces",
        'JSON list of top-level groups whose CI minutes are read, such as `["gid://gitlab/Group/42"]`; `[]`: the'
        " token's own namespace; empty: none are read",
    ),
    Setting("sources.cube.query", "JSON of Cube's query, with `{day}` in its dateRange"),
    Setting("sources.http.<name>", "A service by declaration, with the keys above and docs/declared-sources.md's"),
    Setting("sources.focus.<name>.url", "Folder or bucket URL of FOCUS exports; `{period}` stands for YYYY-MM"),
    Setting(
        "sources.focus.<name>.version", "FOCUS version that its files are held to, such as 1.2; empty: by their columns"
    ),
    Setting(
        "sources.focus.<name>.tax",
        "`cost`: tax is a cost like any other; `apart`: it is kept and reconciled beside the cost, in none",
        "cost",
    ),
    Setting("sources.focus.<name>.storage_options", "JSON of fsspec options for the bucket (a secret)", "{}"),
    Setting("ingest.lookback_days", "Days that a nightly extracts again", "3"),
    Setting("ingest.max_shrink", "Largest share by which a window may shrink", "0.5"),
    Setting("ingest.mask_fields", "JSON list of field names whose values never land", json.dumps(MASKED_FIELDS)),
    Setting("ingest.keep_superseded_days", "Days before superseded raw versions are purged", "30"),
    Setting("ingest.run_id", "UUID of the run; the run of the same one goes on, where it failed: a Job's uid"),
    Setting("ingest.dbt_project", "Folder of the dbt project, for a company's own copy", "dbt_project"),
    Setting("ingest.http_timeout", "Seconds that an HTTP source may stay silent", "60"),
    Setting("ingest.http_attempts", "Attempts at an HTTP request", "5"),
    Setting("ingest.http_max_pages", "Pages that an HTTP source may have for one window", "10000"),
    Setting("ingest.http_deadline", "Seconds to read the whole of an HTTP source, waits included", "3600"),
    Setting("ingest.http_max_answer_mib", "MiB that one answer may have, unpacked", "512"),
    Setting("metrics.textfile", "File for the metrics of each run, ending in .prom, for node_exporter's collector"),
    Setting("metrics.pushgateway", "Address of a Pushgateway to push them to, credentials included (a secret)"),
    Setting(
        "schedule.cron", "When `finops serve-schedule` begins a nightly; six fields begin with seconds", "30 2 * * *"
    ),
    Setting("schedule.timezone", "IANA time zone of that expression", "UTC"),
    Setting("schedule.starting_deadline", "Seconds after its time that a nightly may still begin", "21600"),
    Setting("schedule.stop_grace", "Seconds that a running nightly may go on when the process is to stop", "20"),
    Setting("schedule.listen", "Address of its health endpoint; port 0 takes a free one", "127.0.0.1:8090"),
)


@dataclass(frozen=True)
class ExtractionSettings:
    """What holds for every source."""

    lookback_days: int
    max_shrink: Decimal
    mask_fields: frozenset[str]
    keep_superseded_days: int
    http_timeout: int
    http_attempts: int
    http_max_pages: int = 10_000
    http_deadline: int = 3600
    http_max_answer_mib: int = 512
    http_backoff: float = 0.5  # seconds before the second attempt


@dataclass(frozen=True)
class Schedule:
    """When `finops serve-schedule` begins a nightly, how late at most, and how it stops; times in seconds."""

    cron: str
    timezone: str
    starting_deadline: int
    stop_grace: int
    host: str
    port: int


@dataclass(frozen=True)
class Exports:
    """Where the metrics of each run go; None: nowhere."""

    textfile: Path | None
    pushgateway: str | None = field(repr=False)


@dataclass(frozen=True)
class ConfiguredSource:
    """A source and what is set for it, its secrets among it."""

    source: Source
    options: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that the loader needs to know; the database is in database.py."""

    sources: tuple[ConfiguredSource, ...]
    limits: ExtractionSettings


def load() -> Settings:
    """Read the configuration.

    Raises:
        ConfigurationError: for a value that is not of its kind, and when no source is configured at all.
    """
    configured = _configured()
    if not configured:
        raise ConfigurationError(
            "no source is configured: set at least one, for example SOURCES__CMDB__URI or [sources.gitlab] url in "
            ".dlt/config.toml (docs/sources.md), or try `make demo`, which runs the same nightly on "
            "an embedded PostgreSQL and a made-up company"
        )
    for found in configured:
        _check(found.source, found.options)
    return Settings(tuple(configured), _limits())


def source_names() -> list[str]:
    """The names of the sources that are on; unlike load(), none is not an error.

    Raises:
        ConfigurationError: for a declaration that can't be used.
    """
    return [configured.source.name for configured in _configured()]


def schedule() -> Schedule:
    """When and where `finops serve-schedule` works.

    Raises:
        ConfigurationError: for a value that is not of its kind; the expression and the zone are schedule.py's to read.
    """
    host, port = address("schedule.listen", _text_of("schedule.listen"))
    return Schedule(
        cron=_text_of("schedule.cron"),
        timezone=_text_of("schedule.timezone"),
        starting_deadline=_whole("schedule.starting_deadline", at_least=1),
        stop_grace=_whole("schedule.stop_grace"),
        host=host,
        port=port,
    )


def exports() -> Exports:
    """Where the metrics of each run go.

    Raises:
        ConfigurationError: for a file that node_exporter would not read, or an address that is none.
    """
    textfile, pushgateway = _value("metrics.textfile"), _value("metrics.pushgateway")
    if textfile and not textfile.endswith(".prom"):
        raise ConfigurationError(
            f"metrics.textfile '{textfile}' would not be read: end its name in .prom, as node_exporter wants it"
        )
    if pushgateway and not is_http(pushgateway):
        raise ConfigurationError("metrics.pushgateway is not an HTTP address: write for example https://gateway:9091")
    return Exports(Path(textfile) if textfile else None, pushgateway)


def declared() -> list[DeclaredSource]:
    """The services that the configuration declares.

    Raises:
        ConfigurationError: for a declaration that can't be used.
    """
    return [service for service, _ in _services()]


def _services() -> list[tuple[DeclaredSource, dict[str, str]]]:
    found = []
    for name, keys in _named("http").items():
        check_object(f"sources.http.{name}", _value(f"sources.http.{name}") or "{}")
        declaration = {key: value for key, value in keys.items() if key not in HTTP_OPTIONS}
        found.append((declared_source(name, declaration), _declared_options(name, keys)))
    return found


def _declared_options(name: str, keys: Mapping[str, object]) -> dict[str, str]:
    said = {key: text for key in HTTP_OPTIONS if (text := _text(keys.get(key)))}
    return said | _options(f"http.{name}", HTTP_OPTIONS)


def tax_choices() -> dict[str, str]:
    """Whether the tax of each export of bills is a `cost`, or is set `apart`; cost by default.

    Raises:
        ConfigurationError: for another word.
    """
    choices = {}
    for name in _named("focus"):
        key = f"sources.focus.{name}.tax"
        choices[f"focus.{name}"] = choice = _value(key) or _default("sources.focus.<name>.tax")
        check_word(key, choice, ("cost", "apart"))
    return choices


def unreadable() -> str | None:
    """What is wrong with a file in `.dlt`, if anything is: then nothing of any can be known."""
    try:
        Container()[PluggableRunContext]
    except TomlProviderReadException as error:
        return " ".join(str(error).split())
    return None


def files() -> list[Path]:
    """The files in `.dlt` that are there."""
    folder = Path(Container()[PluggableRunContext].context.settings_dir)
    return [path for name in ("config.toml", "secrets.toml") if (path := folder / name).exists()]


def known_secrets() -> tuple[str, ...]:
    """Every value that must never be printed, longest first, of sources that make sense and of those that don't."""
    found = {os.environ.get("PGPASSWORD", "")}
    if not unreadable():
        options = [source.options for source in _presets()]
        options += [_declared_options(name, keys) for name, keys in _named("http").items()]
        options.append({"url": _value("metrics.pushgateway") or ""})
        found |= {secret for of_a_source in options for secret in secrets_of(of_a_source)}
    return tuple(sorted(found - {""}, key=len, reverse=True))


def dbt_project() -> Path:
    """The dbt project that runs build: the repository's own, or a company's copy with its reference data.

    Raises:
        ConfigurationError: when the folder holds no dbt project.
    """
    text = _value("ingest.dbt_project")
    folder = Path(text).resolve() if text else Path(__file__).resolve().parents[2] / "dbt_project"
    if not (folder / "dbt_project.yml").exists():
        raise ConfigurationError(
            f"ingest.dbt_project '{folder}' holds no dbt_project.yml: set it to a dbt project's folder"
        )
    return folder


def run_id() -> str | None:
    """Run id to use or resume: all pods of a Job have the Job's uid.

    Raises:
        ConfigurationError: when it is not a UUID.
    """
    text = _value("ingest.run_id")
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError as error:
        remedy = "give it a Job's uid, or leave it out"
        raise ConfigurationError(f"ingest.run_id '{text}' is not a UUID: {remedy}") from error


def _configured() -> list[ConfiguredSource]:
    """The sources that have an address, or that a file names, as they are set."""
    if problem := unreadable():
        raise ConfigurationError(f"{problem}: correct that file")
    return _presets() + [ConfiguredSource(service.source, options) for service, options in _services()]


def _presets() -> list[ConfiguredSource]:
    """Those of them that the module knows, FOCUS exports included."""
    found = []
    for source in SOURCES:
        keys: tuple[str, ...] = HTTP_OPTIONS
        if isinstance(source, MongoSource):
            keys = MONGO_OPTIONS
        options = _options(source.service, keys)
        if isinstance(source, MongoSource):
            options["collection"] = _value(f"sources.{source.name}") or source.collection
        if is_configured(source, options):
            found.append(ConfiguredSource(selected_endpoint(source, options), options))
    exports = [focus_source(name) for name in _named("focus")]
    return found + [
        ConfiguredSource(export, _options(export.service, ("url", "storage_options", "version"))) for export in exports
    ]


def _options(service: str, keys: Sequence[str]) -> dict[str, str]:
    return {key: value for key in keys if (value := _value(f"sources.{service}.{key}"))}


def _named(kind: str) -> dict[str, dict[str, object]]:
    """What is declared under `sources.<kind>.<name>`, by name; of two files that say something of a name, all counts.

    In the environment, `SOURCES__HTTP__HELPDESK` is a whole declaration as JSON; `…__URL`, one key.
    """
    found: dict[str, dict[str, object]] = {}
    for provider in Container()[PluggableRunContext].providers.providers:
        section, _ = provider.get_value(kind, dict, "", "sources")
        for name, keys in section.items() if isinstance(section, dict) else ():
            found[name] = (keys if isinstance(keys, dict) else {}) | found.get(name, {})
    pattern = rf"SOURCES__{kind.upper()}__([A-Z0-9]+(?:_[A-Z0-9]+)*)(?:__URL)?"
    for variable in [match for key in os.environ if (match := re.fullmatch(pattern, key))]:
        name = variable[1].lower()
        found[name] = found.get(name, {}) | _object(f"sources.{kind}.{name}")
    return dict(sorted(found.items()))


def _object(key: str) -> dict[str, object]:
    """What one variable says, if it is an object: what it is otherwise, _services refuses."""
    try:
        said = json.loads(_value(key) or "{}")
    except json.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _check(source: Source, options: Mapping[str, str]) -> None:
    section = f"sources.{source.service}"
    if "url" not in options and "uri" not in options:
        what = "the address of the service" if isinstance(source, HttpSource) else "the folder of the exports"
        raise ConfigurationError(f"{section}.url is not set: it is {what}")
    for key in ("params", "query", "filter", "projection", "storage_options"):
        check_object(f"{section}.{key}", options.get(key, "{}"))
    if isinstance(source, HttpSource):
        check_http(section, options)
        check_questions(section, source, options)
    if source.service == "cube" and "query" not in options:
        raise ConfigurationError(
            "sources.cube.query is not set: it is the JSON query that Cube is asked (docs/sources.md)"
        )
    if isinstance(source, MongoSource):
        check_mongo(section, options)


def _limits() -> ExtractionSettings:
    return ExtractionSettings(
        lookback_days=_whole("ingest.lookback_days"),
        max_shrink=_share("ingest.max_shrink"),
        mask_fields=frozenset(name.lower() for name in _names("ingest.mask_fields")),
        keep_superseded_days=_whole("ingest.keep_superseded_days"),
        http_timeout=_whole("ingest.http_timeout", at_least=1),
        http_attempts=_whole("ingest.http_attempts", at_least=1),
        http_max_pages=_whole("ingest.http_max_pages", at_least=1),
        http_deadline=_whole("ingest.http_deadline", at_least=1),
        http_max_answer_mib=_whole("ingest.http_max_answer_mib", at_least=1),
    )


def _value(key: str) -> str | None:
    """A configured value as text; a TOML table or list as JSON."""
    value: object = dlt.secrets.get(key)
    if value is None:
        value = dlt.config.get(key)
    return _text(value)


def _text(value: object) -> str | None:
    if value is None:
        return None
    # a mounted secret often ends in a line break
    return json.dumps(value) if isinstance(value, dict | list) else str(value).strip() or None


def _default(key: str) -> str:
    return next(setting.default for setting in SETTINGS if setting.key == key)


def _text_of(key: str) -> str:
    return _value(key) or _default(key)


def _whole(key: str, at_least: int = 0) -> int:
    return whole(key, _value(key) or _default(key), _default(key), at_least)


def _share(key: str) -> Decimal:
    return share(key, _value(key) or _default(key))


def _names(key: str) -> list[str]:
    return names(key, _value(key) or _default(key))
