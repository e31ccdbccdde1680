"""Which field of a CMDB's documents is what: the values of `sources.cmdb.fields`, and their rules (docs/cmdb.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, model_validator

from finops.ingest.config.checking import nearest
from finops.ingest.config.values import Section, from_json

SIZES = ("ram", "size", "used")  # the values that have a unit
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "PiB")
_UNIT = re.compile(r"([kmgtp])i?[bo]|b|o|bytes|octets", re.IGNORECASE)
# The last word of a name: ram_gib, Provisioned MiB, Memory (MB), memorySizeMB, size_bytes
_UNIT_IN_NAME = re.compile(r"(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))((?i:[kmgtp]i?[bo]|bytes|octets))[^A-Za-z]*$")


@dataclass(frozen=True)
class Place:
    """A path that may hold a value, and the unit of a size that has none in its text."""

    path: tuple[str, ...]
    unit: str | None = None


@dataclass(frozen=True)
class Reading:
    """Where one value of a record is: the first place that is not empty.

    Attributes:
        places: those that are set; empty: the preset's.
        unit: that of the preset's places that have none.
    """

    places: tuple[Place, ...] = ()
    unit: str | None = None


def _reading(value: object) -> Reading:
    """What is set for a value: a path, a list of alternatives, or a table of paths and their unit."""
    if isinstance(value, Mapping):
        return _of_table(value)
    if not isinstance(value, list):
        return Reading((_place(value),))
    if not value:
        raise ValueError("is an empty list: write a path, or leave it out")
    places = [_of_table(item).places if isinstance(item, Mapping) else (_place(item),) for item in value]
    if not all(places):
        raise ValueError("has a unit without a path in its list: write {path = 'memory', unit = 'MB'}")
    return Reading(tuple(place for alternative in places for place in alternative))


def _of_table(table: Mapping[str, object]) -> Reading:
    paths = [table["path"]] if "path" in table else table.get("paths", [])
    unit = None if table.get("unit") is None else _unit(table["unit"])
    is_known = table.keys() <= {"path", "paths", "unit"} and not table.keys() >= {"path", "paths"}
    if not is_known or not isinstance(paths, list) or not (paths or unit):
        raise ValueError("is not a table of path (or paths, a list) and unit: write {path = 'memory', unit = 'MB'}")
    places = map(_place, paths)
    return Reading(tuple(replace(place, unit=unit or place.unit) for place in places), unit)


def _place(value: object) -> Place:
    """A path, "u_app.value" or a list of its keys where one has a dot in it; with the unit that its name says."""
    keys = value.split(".") if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise ValueError(f"has '{value}', which is not a path: write 'memory', 'u_app.value' or ['u_app', 'value']")
    named = _UNIT_IN_NAME.search(keys[-1])
    return Place(tuple(keys), _unit(named[1]) if named else None)


def _unit(value: object) -> str:
    """The unit as it counts: all are binary, for a CMDB that says MB or Mo means MiB."""
    parts = _UNIT.fullmatch(str(value))
    if not parts:
        near = nearest(str(value), {unit.lower(): unit for unit in _UNITS})
        hint = f"did you mean {near.upper()}? " if near else ""
        raise ValueError(f"has the unit '{value}', which is not known: {hint}write one of {', '.join(_UNITS)}")
    return f"{parts[1].upper()}iB" if parts[1] else "B"


def _without_unit(value: object) -> Reading:
    reading = _reading(value)
    tables = value if isinstance(value, list) else [value]
    if any(isinstance(table, Mapping) and "unit" in table for table in tables):
        raise ValueError("has a unit: only ram, size and used have one")
    return Reading(tuple(Place(place.path) for place in reading.places))


def from_json_table(value: object) -> object:
    """Read a JSON text where it is a list or a table: a path is a text that is neither."""
    return from_json(value) if isinstance(value, str) and value.lstrip().startswith(("[", "{")) else value


Text = Annotated[Reading, PlainValidator(_without_unit), BeforeValidator(from_json_table)]
Size = Annotated[Reading, PlainValidator(_reading), BeforeValidator(from_json_table)]


def _refuse_unknown(values: object, model: type[Section], what: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(f"is not a table: write one with the keys {', '.join(model.model_fields)}")  # noqa: TRY004 of pydantic
    for key in values:
        if key not in model.model_fields:
            near = nearest(key, model.model_fields)
            remedy = f"did you mean {near}?" if near else f"write one of {', '.join(model.model_fields)}"
            raise ValueError(f"has '{key}', which is not {what}: {remedy}")


class _Fields(Section):
    """Where the values of one kind of record are; what is not set is the preset's."""

    name: Text = Reading()
    application: Text = Reading()
    status: Text = Reading()
    decommissioned: Text = Reading()

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        _refuse_unknown(values, cls, "a value of such a record")
        return values

    def over(self, preset: _Fields) -> dict[str, tuple[Place, ...]]:
        """The places of each value: these, or those of the preset."""
        places = {}
        for name in type(self).model_fields:
            own: Reading = getattr(self, name)
            others: Reading = getattr(preset, name)
            places[name] = own.places or tuple(replace(place, unit=place.unit or own.unit) for place in others.places)
        return places


class VmFields(_Fields):
    """The values of a virtual machine."""

    cluster: Text = Reading()
    vcpu: Text = Reading()
    ram: Size = Reading()


class DiskFields(_Fields):
    """The values of a disk."""

    vm: Text = Reading()
    tier: Text = Reading()
    size: Size = Reading()


class LegacyStorageFields(_Fields):
    """The values of a volume of legacy storage."""

    kind: Text = Reading()
    used: Size = Reading()


class CmdbFields(Section):
    """The values of each kind of record."""

    vm: Annotated[VmFields, BeforeValidator(from_json)] = VmFields()
    disk: Annotated[DiskFields, BeforeValidator(from_json)] = DiskFields()
    legacy_storage: Annotated[LegacyStorageFields, BeforeValidator(from_json)] = LegacyStorageFields()

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        _refuse_unknown(values, cls, "a kind of record")
        return values
