"""Where settings stand: what dlt's providers know of a section of the configuration, and where each key was found.

dlt looks a key up in the environment (`SOURCES__CMDB__URI` for `sources.cmdb.uri`; a mounted secret below
`/run/secrets`), then in `.dlt/secrets.toml`, then in `.dlt/config.toml`, and in the vaults that it is told of. Nothing
is judged here, so that secrets are found in what makes no sense.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.common.configuration.specs import known_sections
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.typing import TSecretStrValue

from finops.ingest.config.values import from_json
from finops.ingest.errors import ConfigurationError

# What dlt itself reads, below `sources`, too: https://dlthub.com/docs/reference/performance
DLT_SECTIONS = frozenset(value for name, value in vars(known_sections).items() if name.isupper())


@dataclass
class RawSection:
    """What is set in one section, before anything is judged.

    Attributes:
        name: such as `sources.gitlab`.
        values: the value by key, from the first place that has the key.
        places: where that is.
        problem: why the text that should be the whole section can't be read.
    """

    name: str
    values: dict[str, object] = field(default_factory=dict, repr=False)
    places: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def read(name: str, known: Iterable[str]) -> RawSection:
    """What is set in a section; the known keys are looked up even where a place does not list what it has.

    Raises:
        ConfigurationError: when a file can't be read.
    """
    found = RawSection(name)
    path = name.split(".")
    for provider in _providers():
        table = _table(found, provider)
        for key in sorted({*known, *table, *_variables(provider, path)} - found.places.keys()):
            value, variable = provider.get_value(key, cast("type", TSecretStrValue), "", *path)
            if value is None:  # one variable may hold the whole section
                value, variable = table.get(key), EnvironProvider.get_key_name(path[-1], *path[:-1])
            if value is None:
                continue
            found.places[key] = _place(provider, key, path, variable)
            found.values[key] = value.strip() if isinstance(value, str) else value  # mounted secrets end in line breaks
    return found


def subsections(name: str) -> dict[str, str]:
    """The names below a section, such as the services below `sources`, and where they stand."""
    return {key.partition("__")[0]: place for key, place in read(name, ()).places.items()}


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


def _providers() -> list[ConfigProvider]:
    """In the order in which they are asked: those of secrets first."""
    if problem := unreadable():
        raise ConfigurationError(f"{problem}: correct that file")
    return sorted(
        Container()[PluggableRunContext].providers.providers, key=lambda provider: not provider.supports_secrets
    )


def _table(found: RawSection, provider: ConfigProvider) -> dict[str, object]:
    """The section as a place has it: a table of a file, or one variable that holds it as JSON."""
    *above, last = found.name.split(".")
    if not above and isinstance(provider, EnvironProvider):
        return {}  # a variable such as METRICS is somebody else's
    whole, _ = provider.get_value(last, dict, "", *above)
    if not whole:
        return {}
    try:
        table = from_json(whole)
    except ValueError as error:
        found.problem = str(error)
        return {}
    if not isinstance(table, dict):
        found.problem = 'is not a JSON object: write {"key": "value"}'
        return {}
    return table


def _variables(provider: ConfigProvider, path: Sequence[str]) -> set[str]:
    """The keys that variables of the environment set in a section."""
    prefix = EnvironProvider.get_key_name("", *path)
    if not isinstance(provider, EnvironProvider):
        return set()
    return {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix) and name != prefix}


def _place(provider: ConfigProvider, key: str, path: Sequence[str], variable: str) -> str:
    if isinstance(provider, EnvironProvider):
        return f"{variable} in the environment"
    return f"in {provider.get_value_location(key, '', *path) or provider.name}"
