"""Which field of a CMDB's documents is what, as a company sets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from finops.ingest.config.checking import validated
from finops.ingest.config.cmdb import Cmdb, mapping
from finops.ingest.config.cmdb_presets import PRESETS
from finops.ingest.config.reading import RawSection
from finops.ingest.errors import ConfigurationError

STAGING = Path(__file__).resolve().parents[4] / "dbt_project" / "models" / "staging" / "cmdb"


def cmdb(**values: object) -> Cmdb:
    """What these settings of `sources.cmdb` make."""
    section = RawSection("sources.cmdb")
    section.add("in config.toml", {"uri": "mongodb://h", **values})
    return validated(section, Cmdb)


def places(kind: str, name: str, **values: object) -> list[tuple[str, object]]:
    """Where a value is read, and its unit."""
    return [(".".join(place["path"]), place.get("unit")) for place in cmdb(**values).mapping()[kind][name]]  # type: ignore[arg-type]


def refusal(**values: object) -> str:
    """What is said of these settings."""
    with pytest.raises(ConfigurationError) as refused:
        cmdb(**values)
    return str(refused.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("memory", [("memory", None)]),
        ("specs.ram_gb", [("specs.ram_gb", "GiB")]),
        (["memory", ["ram", "total"]], [("memory", None), ("ram.total", None)]),
        ({"path": "memory", "unit": "mb"}, [("memory", "MiB")]),
        ({"path": ["specs", "memory"], "unit": "Mo"}, [("specs.memory", "MiB")]),
        ({"paths": ["memory", "ram_gib"], "unit": "B"}, [("memory", "B"), ("ram_gib", "B")]),
        ([{"path": "memory", "unit": "KiB"}, "ram_gib"], [("memory", "KiB"), ("ram_gib", "GiB")]),
        ({"unit": "MB"}, [("ram_gib", "GiB"), ("ram", "MiB"), ("ram_gb", "GiB"), ("memory", "MiB")]),
        ('{"path": "memory", "unit": "MB"}', [("memory", "MiB")]),
    ],
)
def test_a_value_is_a_path_a_list_or_a_table(given: object, expected: list[tuple[str, object]]) -> None:
    assert places("vm", "ram", fields={"vm": {"ram": given}}) == expected


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("ram_gib", "GiB"),
        ("size_gb", "GiB"),
        ("Memory (MB)", "MiB"),
        ("Provisioned MiB", "MiB"),
        ("memorySizeMB", "MiB"),
        ("capacityInKB", "KiB"),
        ("memory_size_MiB", "MiB"),
        ("size_bytes", "B"),
        ("taille_go", "GiB"),
        ("ramgb", None),
        ("thumb", None),
        ("CPUs", None),
    ],
)
def test_a_field_s_name_may_say_its_unit(name: str, unit: str | None) -> None:
    assert places("disk", "size", fields={"disk": {"size": [[name]]}}) == [(name, unit)]


def test_what_is_not_set_is_the_preset_s() -> None:
    own = {"preset": "servicenow", "fields": {"vm": {"application": "u_app"}}}
    assert places("vm", "application", **own) == [("u_app", None)]
    assert places("vm", "ram", **own)[:2] == [("memory.value", "MiB"), ("memory", "MiB")]
    assert places("disk", "name", **own) == places("disk", "name", preset="servicenow")


def test_states_are_of_every_field_or_of_one() -> None:
    own: dict[str, Any] = {"fields": {"vm": {"status": ["state", "install_status.value"]}}}
    own["out_of_service"] = ["Hors Service", "install_status=7"]
    assert [place["states"] for place in cmdb(**own).mapping()["vm"]["status"]] == [
        ["hors service"],
        ["7", "hors service"],
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_every_value_of_every_kind(preset: str) -> None:
    known = mapping()
    assert {kind: list(values) for kind, values in mapping(preset).items()} == {
        kind: list(values) for kind, values in known.items()
    }
    assert all(places and all(place["path"] for place in places) for kind in known for places in known[kind].values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"preset": "servicenw"},
            "sources.cmdb.preset 'servicenw' is not known: write one of documented, servicenow, glpi, itop, vcenter",
        ),
        (
            {"fields": {"vms": {}}},
            "sources.cmdb.fields has 'vms', which is not a kind of record: did you mean vm?",
        ),
        (
            {"fields": {"vm": {"rma": "x"}}},
            "sources.cmdb.fields.vm has 'rma', which is not a value of such a record: did you mean ram?",
        ),
        (
            {"fields": {"vm": {"ram": {"path": "memory", "unit": "mbs"}}}},
            (
                "sources.cmdb.fields.vm.ram has the unit 'mbs', which is not known: did you mean MB? write "
                "one of B, KB, MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB"
            ),
        ),
        (
            {"fields": {"vm": {"vcpu": {"path": "cpus", "unit": "MB"}}}},
            "sources.cmdb.fields.vm.vcpu has a unit: only ram, size and used have one",
        ),
        (
            {"fields": {"vm": {"vcpu": "a..b"}}},
            (
                "sources.cmdb.fields.vm.vcpu has 'a..b', which is not a path: write 'memory', 'u_app.value' "
                "or ['u_app', 'value']"
            ),
        ),
        (
            {"fields": {"disk": {"size": {"field": "a"}}}},
            (
                "sources.cmdb.fields.disk.size is not a table of path (or paths, a list) and unit: "
                "write {path = 'memory', unit = 'MB'}"
            ),
        ),
        (
            {"fields": {"vm": {"name": []}}},
            "sources.cmdb.fields.vm.name is an empty list: write a path, or leave it out",
        ),
        (
            {"fields": {"vm": 3}},
            (
                "sources.cmdb.fields.vm is not a table: write one with the keys name, application, status, "
                "decommissioned, cluster, vcpu, ram"
            ),
        ),
        (
            {"vm": ["a", "a"]},
            (
                "sources.cmdb.vm has an empty name or one twice: write the collection's, a list of several, or [] for "
                "none"
            ),
        ),
    ],
)
def test_a_mistake_is_named_with_its_rule_and_the_remedy(given: dict[str, object], said: str) -> None:
    assert refusal(**given) == said


@pytest.mark.parametrize("path", sorted(STAGING.glob("_stg_*__unit_tests.yml")), ids=lambda path: path.stem)
def test_the_unit_tests_of_dbt_stand_on_the_documented_fields(path: Path) -> None:
    known = mapping()
    for test in yaml.safe_load(path.read_text())["unit_tests"]:
        for kind, values in test["overrides"]["vars"]["cmdb"].items():
            assert path.stem.startswith("_stg_cmdb__fields") or values == known[kind], test["name"]
