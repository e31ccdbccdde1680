"""The CMDB: a MongoDB wire server with one dated dump per day of VMs, disks and legacy storage.

The documents resemble real dumps: their own `_id`, two number types in one field, a password to mask, codes typed by
hand, a size that is not a number, and a day without a dump.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from bson import Decimal128, ObjectId
from pymongo import MongoClient
from secantus import SecantusDBServer

from finops.demo.company import VMS, VOLUMES, Vm, Volume
from finops.demo.period import day_without_dump
from finops.demo.variation import grown

DATABASE = "cmdb"
BATCH = 1000

Document = dict[str, Any]


@contextmanager
def serve(directory: Path) -> Iterator[str]:
    """Serve MongoDB's wire protocol from `directory` on a free loopback port; yields the URI."""
    with SecantusDBServer(storage_path=str(directory), replica_set_name=None) as server:
        yield server.uri


def fill(uri: str, days: Sequence[date]) -> int:
    """Write the dumps of `days` into the server at `uri`; returns the number of documents written."""
    written = 0
    client: MongoClient[Document] = MongoClient(uri)
    with client:
        database = client[DATABASE]
        for name, documents in dumps(days).items():
            database[name].create_index("snapshot_date")
            while batch := list(islice(documents, BATCH)):
                database[name].insert_many(batch, ordered=False)
                written += len(batch)
    return written


def dumps(days: Sequence[date]) -> dict[str, Iterator[Document]]:
    """Yield the documents of each collection, for every day of `days` except the one without a dump."""
    dumped = [day for day in days if day != day_without_dump(days)]
    return {
        "vms": (_vm(vm, day) for day in dumped for vm in VMS if vm.since <= day),
        "disks": (disk for day in dumped for vm in VMS if vm.since <= day for disk in _disks(vm, day)),
        "legacy_storage": (_volume(volume, day) for day in dumped for volume in VOLUMES),
    }


def _dated(collection: str, name: str, day: date) -> Document:
    """Return the common fields of a document; rewriting a dump gives the same `_id`."""
    digest = hashlib.sha256(f"{collection}/{name}/{day.isoformat()}".encode()).digest()
    midnight = datetime.combine(day, time(), UTC)
    return {"_id": ObjectId(digest[:12]), "snapshot_date": midnight, "name": name}


def _vm(vm: Vm, day: date) -> Document:
    return _dated("vms", vm.name, day) | {
        "application": vm.application,
        "cluster": vm.cluster,
        "vcpu": vm.vcpu,
        "ram_gib": Decimal128(vm.ram_gib),
        "status": vm.status,
        "os": vm.os,
        "admin_password": f"not-a-real-secret-of-{vm.name}",
    }


def _disks(vm: Vm, day: date) -> Iterator[Document]:
    for number, (tier, size_gib) in enumerate(vm.disks):
        yield _dated("disks", f"{vm.name}-d{number}", day) | {
            "vm": vm.name,
            "application": vm.application,
            "tier": tier,
            "size_gib": _int_or_decimal(Decimal(size_gib)),
        }


def _int_or_decimal(size: Decimal) -> int | Decimal128:
    """Return whole sizes as integers and others as decimals, as the inventory tool writes them."""
    return int(size) if size == size.to_integral_value() else Decimal128(size)


def _volume(volume: Volume, day: date) -> Document:
    used = "n/a" if volume.used_gib is None else round(grown(volume.name, volume.used_gib, day), 3)
    return _dated("legacy_storage", volume.name, day) | {
        "kind": volume.kind,
        "application": volume.application,
        "used_gib": used,
    }
