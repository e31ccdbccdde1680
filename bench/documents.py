"""Landing of documents over MongoDB's wire, and of JSON records over HTTP, page by page.

Measured is the client: an interpreter of its own that reads, encodes and lands, its start included. The floor reads
with the same library, writes the same Extended JSON with orjson (floats where the project keeps decimals, and nothing
is masked), and copies with psycopg. Both land in the source's raw table; the servers are processes of their own, and
answer from memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bson import Decimal128, Int64, ObjectId

from bench.measure import Cost, Goal, Result, database, middle, psql, python
from tests.unit.mongo_wire import holding

ROWS = 200_000
PAGE = 1_000
RUNS = 3

COPY = """
import sys, orjson, psycopg
def land(table, rows):
    columns = "record_id, source, window_date, run_id, loaded_at, payload"
    with psycopg.connect() as connection, connection.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
        for record_id, payload in rows:
            copy.write_row((record_id, "floor", "2026-09-01", "floor", "2026-09-02", payload))
"""
MONGO_FLOOR = f"""{COPY}
from bson import json_util
from pymongo import MongoClient
def rows():
    for document in MongoClient(sys.argv[1]).cmdb.vms.find(batch_size=5000):
        text = orjson.dumps(document, json_util.default, orjson.OPT_PASSTHROUGH_DATETIME)
        yield str(document["_id"]), text.decode()
land("raw_open_legacy.cmdb_vm", rows())
"""
HTTP_FLOOR = f"""{COPY}
import requests
def rows():
    with requests.Session() as session:
        url = sys.argv[1] + "/os-simple-tenant-usage"
        while url:
            page = orjson.loads(session.get(url).content)
            for tenant in page["tenant_usages"]:
                for record in tenant["server_usages"]:
                    yield f"{{record['tenant_id']}}/{{record['instance_id']}}", orjson.dumps(record).decode()
            url = page["tenant_usages_links"][0]["href"] if page["tenant_usages_links"] else None
land("raw_private_cloud.openstack_usage", rows())
"""
LOAD = """
import sys
from datetime import date
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.services import HttpService
from finops.ingest.database import connect
from finops.ingest.pipeline.load import document_batches, land
from finops.ingest.sources.catalog import CMDB_VM, OPENSTACK_USAGE
from finops.ingest.sources.kinds import ConfiguredSource, Window
def load(source, options, read):
    windows = [Window(date(2026, 9, 1), date(2026, 9, 2))]
    with connect() as connection:
        records = read(ConfiguredSource(source, options), ExtractionSettings(), windows)
        land(source, "project", document_batches(records), connection)
"""
MONGO_PROJECT = f"""{LOAD}
from finops.ingest.sources.mongo import records
load(CMDB_VM, Cmdb(uri=sys.argv[1]), records)
"""
HTTP_PROJECT = f"""{LOAD}
from finops.ingest.sources.rest.records import records
load(OPENSTACK_USAGE, HttpService(url=sys.argv[1]), records)
"""
MOST_MIB = 300


@dataclass(frozen=True)
class Landing:
    """Code of the floor and of the project, which land in a table, and how many times the floor's cost is allowed."""

    table: str
    floor: str
    project: str
    limit: float


MONGO = Landing("raw_open_legacy.cmdb_vm", MONGO_FLOOR, MONGO_PROJECT, 1.2)
HTTP = Landing("raw_private_cloud.openstack_usage", HTTP_FLOOR, HTTP_PROJECT, 2)


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 the frame's own call
    """Land documents, then records, each beside its floor."""
    rows = ROWS // 10 if short else ROWS
    with database():
        python("from finops.ingest.database import connect, prepare; prepare(connect())")
        with served("mongo", rows) as url:
            yield _result(f"{rows:,} documents over MongoDB's wire", url, rows, MONGO)
        with served("http", rows) as url:
            yield _result(f"{rows:,} records over HTTP, {PAGE:,} a page", url, rows, HTTP)


def _result(work: str, url: str, rows: int, landing: Landing) -> Result:
    codes = landing.floor, landing.project
    landed = [[_landed(landing.table, rows, code, url) for code in codes] for _ in range(RUNS)]
    floor, project = (middle(costs) for costs in zip(*landed, strict=True))
    imports = landing.project.strip().rpartition("\n")[0]
    start = middle([python(imports) for _ in range(RUNS)])
    return Result(
        f"{work}\n(start {start.wall:.2f} s, CPU {start.cpu:.2f} s)",
        floor,
        project,
        [
            Goal("wall ×", project.wall / floor.wall, landing.limit),
            Goal("CPU ×", project.cpu / floor.cpu, landing.limit),
            Goal("MiB", project.peak_mib, MOST_MIB),
        ],
    )


def _landed(table: str, rows: int, code: str, url: str) -> Cost:
    """Land into the empty table, and check that each row is there."""
    psql(f"truncate {table}")
    cost = python(code, url)
    psql(f"do $$ begin assert (select count(*) = {rows} from {table}), 'rows are missing'; end $$")
    return cost


@contextmanager
def served(kind: str, rows: int) -> Iterator[str]:
    """Serve so many rows in a process of its own; yields the address."""
    command = [sys.executable, "-m", __name__, kind, str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout  # noqa: S101 a pipe
        yield server.stdout.readline().strip()  # it ends when its stdin is closed


def _documents(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "_id": ObjectId(f"{number:024x}"),
            "snapshot_date": datetime(2026, 9, 1, tzinfo=UTC),
            "name": f"vm-{number}",
            "application": f"APP-{number % 500}",
            "cluster": {"name": f"cluster-{number % 40}", "room": "A"},
            "vcpu": number % 64,
            "ram_gib": Decimal128(f"{number % 512}.50"),
            "load": number % 977 / 100,
            "disks": [{"name": name, "bytes": Int64(number * 10**6), "tier": "ssd"} for name in ("root", "data")],
            "tags": [{"key": "environment", "value": "production"}, {"key": "owner", "value": None}],
            "seen": datetime(2026, 9, 1, 13, 5, 7, 123000, tzinfo=UTC),
            "admin_password": f"of vm-{number}",
        }


def _pages(count: int) -> list[list[dict[str, Any]]]:
    """Pages of servers as Nova's usage report has them."""
    servers = [
        {
            "ended_at": None,
            "flavor": "m1.tiny",
            "hours": 24.0 + number % 997 / 1000,
            "instance_id": f"1f1deceb-17b5-4c04-84c7-{number:012x}",
            "local_gb": number % 100,
            "memory_mb": 512,
            "name": f"instance-{number}",
            "started_at": "2012-10-08T20:10:44.541277",
            "state": "active",
            "tenant_id": "6f70656e737461636b20342065766572",
            "uptime": 3600,
            "vcpus": 1,
        }
        for number in range(count)
    ]
    return [servers[first : first + PAGE] for first in range(0, count, PAGE)]


class _Pages(ThreadingHTTPServer):
    """Nova's usage report: the marker is the number of a page."""

    daemon_threads = True

    def __init__(self, count: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        pages = _pages(count)
        self.bodies = [
            json.dumps(
                {
                    "tenant_usages": [{"server_usages": page}],
                    "tenant_usages_links": [
                        {"href": f"{self.url}/os-simple-tenant-usage?marker={following}", "rel": "next"}
                        for following in [number + 1]
                        if following < len(pages)
                    ],
                }
            ).encode()
            for number, page in enumerate(pages)
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Pages

    def do_GET(self) -> None:
        body = self.server.bodies[int(parse_qs(urlsplit(self.path).query).get("marker", ["0"])[0])]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the parent's signature
        """Say nothing."""


def _serve(kind: str, rows: int) -> None:
    """Serve until stdin is closed."""
    if kind == "mongo":
        with holding(*_documents(rows), batch_size=5000) as url:
            print(url, flush=True)  # noqa: T201 to the process that started this one
            sys.stdin.read()
        return
    with _Pages(rows) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.url, flush=True)  # noqa: T201
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
