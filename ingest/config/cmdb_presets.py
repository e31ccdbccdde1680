"""Where known products keep what a CMDB record is read for, in the words of `sources.cmdb.fields` (docs/cmdb.md).

A size has a unit only where its product documents one; elsewhere its text says it, or the company's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Fields = Mapping[str, Mapping[str, object]]

OUT_OF_SERVICE = ("decommissioned", "retired", "deleted", "terminated")


@dataclass(frozen=True)
class Preset:
    """The fields by kind of record, and the states out of service: of any field, or `field=state` of one."""

    fields: Fields
    out_of_service: Sequence[str] = OUT_OF_SERVICE


def _shown(*names: str) -> list[str]:
    """A field of ServiceNow's Table API: text, or what people see of an object."""
    return [path for name in names for path in (f"{name}.display_value", f"{name}.value", name)]


def _stored(*names: str) -> list[str]:
    """A field of ServiceNow's Table API: text, or an object's value, which no language or time zone changes."""
    return [path for name in names for path in (f"{name}.value", name)]


def _in(unit: str, paths: list[str]) -> list[object]:
    return [{"paths": paths, "unit": unit}]


_DECOMMISSIONED = ["decommissioned_at", "decommission_date"]
_DOCUMENTED: Fields = {
    "vm": {
        "name": "name",
        "application": "application",
        "cluster": ["cluster", "parent"],
        "vcpu": ["vcpu", "cpu", "vcpus"],
        "ram": ["ram_gib", "ram", "ram_gb", "memory"],
        "status": "status",
        "decommissioned": _DECOMMISSIONED,
    },
    "disk": {
        "name": "name",
        "application": "application",
        "vm": "vm",
        "tier": "tier",
        "size": ["size_gib", "size", "size_gb"],
        "status": "status",
        "decommissioned": _DECOMMISSIONED,
    },
    "legacy_storage": {
        "name": "name",
        "application": "application",
        "kind": "kind",
        "used": ["used_gib", "used", "used_gb"],
        "status": "status",
        "decommissioned": _DECOMMISSIONED,
    },
}

# https://www.servicenow.com/docs: "Schemas of Cloud Provisioning and Governance tables" (cmdb_ci_vm_instance,
# cmdb_ci_storage_volume), "VM instance state and status fields", "Table API" (link, value and display_value). There is
# no field for the application in the base system: a company's own begins with u_.
_OF_A_CI = {
    "name": _shown("name"),
    "application": _shown("u_application", "u_application_code"),
    "status": _shown("install_status", "state", "operational_status", "life_cycle_stage"),
    "decommissioned": _stored("terminated_on", "u_decommission_date", "u_retirement_date"),
}
_SERVICENOW: Fields = {
    "vm": {
        **_OF_A_CI,
        "cluster": _shown("cluster", "u_cluster"),
        "vcpu": _stored("cpus", "cpu_count"),
        "ram": _in("MB", _stored("memory", "ram")),
    },
    "disk": {
        **_OF_A_CI,
        "vm": _shown("computer", "u_vm"),
        "tier": _shown("storage_type", "u_tier"),
        "size": [*_in("B", _stored("size_bytes")), *_stored("size"), *_in("GB", _stored("disks_size"))],
    },
    "legacy_storage": {
        **_OF_A_CI,
        "kind": _shown("storage_type", "u_kind"),
        "used": _stored("u_used"),
    },
}

# https://github.com/glpi-project/glpi: the tables glpi_computervirtualmachines (glpi_itemvirtualmachines) and
# glpi_items_disks, whose screens head ram and totalsize with Mio; the API gives names with expand_dropdowns=true.
_OF_GLPI = {"name": "name", "application": "application", "decommissioned": _DECOMMISSIONED}
_GLPI: Fields = {
    "vm": {
        **_OF_GLPI,
        "cluster": ["computers_id", "items_id"],
        "vcpu": "vcpu",
        "ram": {"path": "ram", "unit": "MB"},
        "status": ["virtualmachinestates_id", "is_deleted"],
    },
    "disk": {
        **_OF_GLPI,
        "vm": ["items_id", "computers_id"],
        "tier": "filesystems_id",
        "size": {"path": "totalsize", "unit": "MB"},
        "status": "is_deleted",
    },
    "legacy_storage": {
        **_OF_GLPI,
        "kind": "filesystems_id",
        "used": ["used"],
        "status": "is_deleted",
    },
}

# https://github.com/Combodo/iTop: datamodels/2.x, itop-virtualization-mgmt (VirtualMachine) and itop-storage-mgmt
# (LogicalVolume, NASFileSystem). Its sizes are texts without a prescribed unit.
_OF_ITOP = {
    "name": ["name", "friendlyname"],
    "application": ["applicationsolution_list.applicationsolution_name", "application"],
    "status": "status",
    "decommissioned": _DECOMMISSIONED,
}
_ITOP: Fields = {
    "vm": {**_OF_ITOP, "cluster": "virtualhost_name", "vcpu": "cpu", "ram": "ram"},
    "disk": {
        **_OF_ITOP,
        "vm": "virtualdevices_list.virtualdevice_name",
        "tier": "raid_level",
        "size": "size",
    },
    "legacy_storage": {**_OF_ITOP, "kind": "raid_level", "used": "size"},
}

# RVTools' sheets vInfo, vDisk and vDatastore, with the names of version 4 (MiB) and of earlier ones (MB), and the
# vSphere Automation API: https://developer.broadcom.com/xapis/vsphere-automation-api/latest/vcenter/ (VM_Summary)
_OF_VCENTER = {
    "application": ["Application", "application"],
    "decommissioned": _DECOMMISSIONED,
}
_VCENTER: Fields = {
    "vm": {
        **_OF_VCENTER,
        "name": ["VM", "name"],
        "cluster": ["Cluster", "cluster"],
        "vcpu": ["CPUs", "cpu_count"],
        "ram": ["memory_size_MiB", {"path": "Memory", "unit": "MB"}],
        "status": ["Powerstate", "power_state"],
    },
    "disk": {
        **_OF_VCENTER,
        "name": ["Disk", "label"],
        "vm": "VM",
        "tier": ["Tier", "tier"],
        "size": ["Capacity MiB", "Capacity MB", {"path": "capacity", "unit": "B"}],
        "status": "Powerstate",
    },
    "legacy_storage": {
        **_OF_VCENTER,
        "name": ["Name", "name"],
        "kind": ["Type", "type"],
        "used": ["In Use MiB", "In Use MB"],
        "status": "status",
    },
}

PRESETS: Mapping[str, Preset] = {
    "documented": Preset(_DOCUMENTED),
    "servicenow": Preset(
        _SERVICENOW,
        (
            *OUT_OF_SERVICE,
            "install_status=7",
            "operational_status=6",
            "life_cycle_stage=End of Life",
        ),
    ),
    "glpi": Preset(_GLPI, (*OUT_OF_SERVICE, "is_deleted=1", "is_deleted=true")),
    "itop": Preset(_ITOP, (*OUT_OF_SERVICE, "obsolete")),
    "vcenter": Preset(_VCENTER),
}
