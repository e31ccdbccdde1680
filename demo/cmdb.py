"""The CMDB: a MongoDB wire server with one dated dump per day of VMs, disks and legacy storage.

The documents resemble real dumps: their own `_id`, two number types in one field, a password to mask, codes typed by
hand, a size that is not a number, and a day without a dump.
"""

import hashlib
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bson import Decimal128, ObjectId
from pymongo import MongoClient
from secantus import SecantusDBServer

from finops.demo.company import VMS, VOLUMES, Vm, Volume
from finops.demo.story import Story
from finops.demo.variation import grown

DATABASE = "cmdb"
BATCH = 1000

Document = dict[str, Any]


def fill(folder: Path, story: Story) -> None:
    """Replace `folder` by a server's files with the dumps of the demo's days."""
    shutil.rmtree(folder, ignore_errors=True)
    with TemporaryDirectory(prefix="finops-cmdb-") as filled:
        with _server(filled) as uri, MongoClient[Document](uri) as client:
            for name in ("vms", "disks", "legacy_storage"):
                client[DATABASE][name].create_index("snapshot_date")
            _write(client, story, story.dumped())
        shutil.copytree(filled, folder)


@contextmanager
def serve(folder: Path, story: Story | None = None) -> Iterator[str]:
    """Serve a copy of a server's files, as only one can use a folder, with the story's days since; yields the URI."""
    with TemporaryDirectory(prefix="finops-cmdb-") as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        with _server(copy) as uri:
            if story:
                with MongoClient[Document](uri) as client:
                    _write(client, story, story.later(datetime.now(UTC).date()))
            yield uri


def _write(client: MongoClient[Document], story: Story, days: Iterable[date]) -> None:
    for name, documents in dumps(story, list(days)).items():
        while batch := list(islice(documents, BATCH)):
            client[DATABASE][name].insert_many(batch, ordered=False)


@contextmanager
def _server(directory: str) -> Iterator[str]:
    """Serve MongoDB's wire protocol from `directory` on a free loopback port; yields the URI."""
    with SecantusDBServer(storage_path=directory, replica_set_name=None) as server:
        try:
            yield server.uri
        finally:
            # The server would wait 2 s for its accepting thread, which only this wakes.
            server._socket.shutdown(socket.SHUT_RDWR)  # noqa: SLF001


def dumps(story: Story, days: Sequence[date]) -> dict[str, Iterator[Document]]:
    """Yield the documents of each collection, dumped on each of these days."""
    vms = [(vm, day) for day in days for vm in VMS if story.holds(day, vm.since, vm.until)]
    volumes = [(volume, day) for day in days for volume in VOLUMES if story.holds(day, None, volume.until)]
    return {
        "vms": (_vm(vm, day) for vm, day in vms),
        "disks": (disk for vm, day in vms for disk in _disks(vm, day)),
        "legacy_storage": (_volume(volume, day, story) for volume, day in volumes),
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


def _volume(volume: Volume, day: date, story: Story) -> Document:
    used = "n/a" if volume.used_gib is None else round(grown(volume.name, volume.used_gib, day, story), 3)
    return _dated("legacy_storage", volume.name, day) | {
        "kind": volume.kind,
        "application": volume.application,
        "used_gib": used,
    }
