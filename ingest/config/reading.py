"""Where settings stand: what is set of a section of the configuration, and where each key was found.

A key is looked up where dlt does: in the environment (`SOURCES__CMDB__URI` for `sources.cmdb.uri`; a mounted secret
below `/run/secrets`), then in `.dlt/secrets.toml`, then in `.dlt/config.toml`, and in the vaults that dlt is told of.
dlt itself, which takes half a second to import, is only asked for these. Nothing is judged here, so that secrets are
found in what makes no sense.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from finops.ingest.config.redaction import learn
from finops.ingest.config.values import WrittenNumber, from_json
from finops.ingest.errors import ConfigurationError

# What dlt itself reads, below `sources`, too: https://dlthub.com/docs/reference/performance
DLT_SECTIONS = frozenset(("data_writer", "destination", "extract", "load", "normalize", "providers", "schema"))
_MOUNTED = Path("/run/secrets")
# The section that has a file of its own, which also marks a company's folder.
RULES, RULES_FILE = "finops", Path("finops.toml")


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

    def add(self, place: str, whole: object) -> None:
        """Take over the keys that no earlier place has, from a table of a file, or a text that is one in JSON."""
        try:
            table = from_json(whole)
        except ValueError as error:
            self.problem = str(error)
            return
        if not isinstance(table, dict):
            self.problem = 'is not a JSON object: write {"key": "value"}'
            return
        learn(table)
        for key, value in table.items():
            if value is not None and key not in self.places:
                self.places[key] = place
                self.values[key] = value.strip() if isinstance(value, str) else value  # a secret may end in line breaks


def read(name: str, known: Iterable[str]) -> RawSection:
    """What is set in a section; the known keys are looked up even where a place does not list what it has.

    Raises:
        ConfigurationError: when a file can't be read.
    """
    if problem := unreadable():
        raise ConfigurationError(f"{problem}: correct that file")
    found = RawSection(name)
    for key in known:
        path = _MOUNTED / f"{name}.{key}".replace(".", "--").replace("_", "-")
        with suppress(OSError):  # it is not there; Docker mounts a file, and Kubernetes a folder around it
            found.add(f"in {path}", {key: (path / path.name if path.is_dir() else path).read_text(encoding="utf-8")})
    variable = name.replace(".", "__").upper()
    for key in sorted(os.environ):
        if key.startswith(f"{variable}__") and key != f"{variable}__":
            found.add(f"{key} in the environment", {key.removeprefix(f"{variable}__").lower(): os.environ[key]})
    if "." in name and os.environ.get(variable):  # a variable such as METRICS is somebody else's
        found.add(f"{variable} in the environment", os.environ[variable])
    for path, table in _tables(name):
        found.add(f"in {path.name}", table)
    if any("providers" in _parsed(path.read_bytes()) for path in files()) or "PROVIDERS__" in "".join(os.environ):
        _add_from_vaults(found, known)
    return found


def _tables(name: str) -> Iterator[tuple[Path, object]]:
    """A section's table in each file that has it; `finops.toml` is one section."""
    if name == RULES and RULES_FILE.exists():
        yield RULES_FILE, _parsed(RULES_FILE.read_bytes())
    for path in files():
        table: Any = _parsed(path.read_bytes())
        for key in name.split("."):
            table = table.get(key) if isinstance(table, dict) else None
        if table:
            yield path, table


def subsections(name: str) -> dict[str, str]:
    """The names below a section, such as the services below `sources`, and where they stand."""
    return {key.partition("__")[0]: place for key, place in read(name, ()).places.items()}


def misplaced() -> Iterator[tuple[str, str]]:
    """The names at the top of the files in `.dlt`, and after FINOPS_ in the environment; with their places.

    Raises:
        ConfigurationError: when a file can't be read.
    """
    if problem := unreadable():
        raise ConfigurationError(f"{problem}: correct that file")
    for path in files():
        yield from ((name, f"in {path.name}") for name in _parsed(path.read_bytes()))
    for name in sorted(os.environ):
        if name.startswith("FINOPS_") and not name.startswith("FINOPS__"):
            yield name.removeprefix("FINOPS_").lower(), f"{name} in the environment"


def unreadable() -> str | None:
    """What is wrong with `finops.toml` or a file in `.dlt`, if anything is: then nothing of any can be known."""
    for path in [*([RULES_FILE] if RULES_FILE.exists() else []), *files()]:
        try:
            _parsed(path.read_bytes())
        except (OSError, ValueError) as error:
            return f"{path} can't be read: {error}"
    return None


def files() -> list[Path]:
    """The files in `.dlt` that are there, in the order in which they are asked."""
    folder = Path(os.environ.get("DLT_PROJECT_DIR", ""), os.environ.get("DLT_CONFIG_FOLDER", ".dlt"))
    return [path for name in ("secrets.toml", "config.toml") if (path := folder / name).exists()]


@lru_cache(maxsize=3)  # each section is looked for in each file
def _parsed(text: bytes) -> dict[str, Any]:
    return tomllib.loads(text.decode(), parse_float=WrittenNumber)


def _add_from_vaults(found: RawSection, known: Iterable[str]) -> None:
    """What is in the vaults that dlt's own section `providers` turns on."""
    from dlt.common.configuration.container import Container  # noqa: PLC0415
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext  # noqa: PLC0415
    from dlt.common.typing import TSecretStrValue  # noqa: PLC0415

    *above, last = found.name.split(".")
    for vault in Container()[PluggableRunContext].providers.providers[3:]:  # the first three were asked above
        found.add(f"in {vault.name}", vault.get_value(last, dict, "", *above)[0] or {})
        for key in known:
            value, _ = vault.get_value(key, cast("type", TSecretStrValue), "", *above, last)
            found.add(f"in {vault.name}", {key: value})
