"""The CMDB in MongoDB: where it is, and which field of its documents is what (docs/cmdb.md).

A preset says where a product keeps each value; `fields` and `out_of_service` say what a company does otherwise. Both
become one mapping, which each run stores for dbt: the staging models are made from it (macros/cmdb.sql).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, SecretStr

from finops.ingest.config.cmdb_fields import SIZES, CmdbFields, Place, from_json_table
from finops.ingest.config.cmdb_presets import PRESETS
from finops.ingest.config.sections import Budgeted
from finops.ingest.config.transport import sends_password
from finops.ingest.config.values import JsonObject, Names, from_json


def _names(value: object) -> object:
    """A list of one where a text stands; JSON where it is a list."""
    value = from_json_table(value)
    return [value] if isinstance(value, str) else value


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("has an empty name or one twice: write the collection's, a list of several, or [] for none")
    return names


Collections = Annotated[tuple[str, ...], AfterValidator(_distinct), BeforeValidator(_names)]


def _encrypted(uri: SecretStr) -> SecretStr:
    if sends_password(uri.get_secret_value()):
        raise ValueError("would send its password unencrypted, by authMechanism=PLAIN: add tls=true to it")
    return uri


class Cmdb(Budgeted):
    """The CMDB in MongoDB; the names of its collections are `vm`, `disk` and `legacy_storage`."""

    uri: Annotated[SecretStr, AfterValidator(_encrypted)]
    """MongoDB URI of the CMDB, credentials included (a secret)"""
    database: str = "cmdb"
    """Its database"""
    vm: Collections = ("vms",)
    """Collection of virtual machines, or a list of several; `[]`: there is none"""
    disk: Collections = ("disks",)
    """Collection of disks, or a list of several; `[]`: there is none"""
    legacy_storage: Collections = ("legacy_storage",)
    """Collection of legacy storage, or a list of several; `[]`: there is none"""
    preset: Literal["documented", "servicenow", "glpi", "itop", "vcenter"] = "documented"
    """Whose field names the documents have: documented (those of docs/cmdb.md), servicenow, glpi, itop, vcenter"""
    fields: Annotated[CmdbFields | None, BeforeValidator(from_json)] = None
    """Table by kind (vm, disk, legacy_storage) of the fields that are not the preset's: a path, a list, or path and
    unit (docs/cmdb.md)"""
    out_of_service: Names | None = None
    """JSON list of states, in any case, in which a record costs nothing, or of `field=state`; empty: the preset's"""
    snapshot_field: str | None = None
    """Date field of a dated dump; empty: a collection holds only today's state"""
    filter: JsonObject = Field(default_factory=dict)
    """Extended JSON filter added to every query"""
    projection: JsonObject = Field(default_factory=dict)
    """Extended JSON projection; empty: whole documents"""
    batch_size: PositiveInt = 5000
    """Documents a batch of the cursor"""
    # https://www.mongodb.com/docs/manual/core/read-preference/ and …/reference/read-concern/
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] | None = None
    """primary, primaryPreferred, secondary, secondaryPreferred, nearest; empty: the URI's, else primary"""
    read_concern: Literal["local", "available", "majority", "linearizable", "snapshot"] | None = None
    """local, available, majority, linearizable, snapshot; empty: the URI's, else the server's"""

    def collections(self, source: str) -> tuple[str, ...]:
        """The collections of a source, such as `vms` for `cmdb.vm`."""
        return {"vm": self.vm, "disk": self.disk, "legacy_storage": self.legacy_storage}[source.partition(".")[2]]

    def mapping(self) -> dict[str, dict[str, list[dict[str, object]]]]:
        """What dbt makes the staging models from."""
        return mapping(self.preset, self.fields, self.out_of_service)


def mapping(
    preset: str = "documented", fields: CmdbFields | None = None, out_of_service: Sequence[str] | None = None
) -> dict[str, dict[str, list[dict[str, object]]]]:
    """By kind and value: the places to look in, each as `path`, the `unit` of a size, and the `states` of a status."""
    own, known = fields or CmdbFields(), CmdbFields.model_validate(PRESETS[preset].fields)
    states = PRESETS[preset].out_of_service if out_of_service is None else out_of_service
    return {
        kind: {
            name: [_place(name, place, states) for place in places]
            for name, places in getattr(own, kind).over(getattr(known, kind)).items()
        }
        for kind in CmdbFields.model_fields
    }


def _place(name: str, place: Place, states: Sequence[str]) -> dict[str, object]:
    known: dict[str, object] = {"path": list(place.path)}
    if name in SIZES:
        known["unit"] = place.unit
    if name == "status":
        known["states"] = _states(".".join(place.path), states)
    return known


def _states(path: str, states: Sequence[str]) -> list[str]:
    """The states out of service of one field: those of any, and those that begin with its name and a `=`."""
    found = set()
    for state in states:
        field, sign, of_field = state.rpartition("=")
        if not sign or path == field or path.startswith(f"{field}."):
            found.add((of_field if sign else state).strip().lower())
    return sorted(found)
