"""Serves Cube, Nova and OpenCost: the usage between two times.

Responses have the real products' shapes. Cube has numbers as strings, and `Continue wait` with status 200 for slow
queries. Nova has times without a zone, and tenants split over pages. OpenCost has `pvs: null` without volumes, and an
`__idle__` namespace.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

from finops.demo.company import NAMESPACES, SERVERS, Namespace, Server
from finops.demo.services.query import Answer, BadRequestError, Query
from finops.demo.story import Story
from finops.demo.variation import activity, noise, pace

# Queries on an ordinary day; None is an untagged dashboard.
QUERIES: dict[str | None, int] = {
    "SHOP-WEB": 9400, "SHOP-MOBILE": 5200, "PAYMENTS": 3100, "FRAUD": 7700, "ORDERS": 2900,
    "bi": 12600, "DWH": 4800, "ERP": 900, "HR-PORTAL": 240, None: 650,
}  # fmt: skip
MEASURE, DIMENSION, TIME = "Usage.queries", "Usage.application", "Usage.day"
SLOW_EVERY = 60
GIB = 1024**3

Document = dict[str, object]


def load(query: Query, slow: set[str]) -> Answer:
    """Answer Cube's `load`; `slow` holds the queries that already got `Continue wait`."""
    text = query.text("query")
    first, last = _date_range(text)
    if first.toordinal() % SLOW_EVERY == 0 and text not in slow:
        slow.add(text)
        return Answer({"error": "Continue wait"})
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    rows = [_cube_row(application, day, query.story) for day in days for application in QUERIES]
    titles = {"title": "Usage Queries", "shortTitle": "Queries", "type": "number"}
    annotation = {"measures": {MEASURE: titles}, "dimensions": {}, "segments": {}, "timeDimensions": {}}
    return Answer({"query": json.loads(text), "data": rows, "annotation": annotation})


def _date_range(text: str) -> tuple[date, date]:
    try:
        asked = json.loads(text)
        first, last = asked["timeDimensions"][0]["dateRange"]
        known = asked["measures"] == [MEASURE] and asked["dimensions"] == [DIMENSION]
        days = date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadRequestError(f"query is not {MEASURE} by {DIMENSION} and {TIME}: {text}") from error
    if not known:
        raise BadRequestError(f"only {MEASURE} by {DIMENSION} is served, not {text}")
    return days


def _cube_row(application: str | None, day: date, story: Story) -> Document:
    usual = QUERIES[application] * pace(application, day, story)
    count = round(activity(f"cube/{application}", usual, day))
    midnight = f"{day.isoformat()}T00:00:00.000"
    return {DIMENSION: application, TIME: midnight, f"{TIME}.day": midnight, MEASURE: str(count)}


@cache
def _instance_id(server: Server) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{server.name}.vauban.example"))


def tenant_usage(query: Query) -> Answer:
    """Answer Nova's detailed simple-tenant-usage, paged by server, so that a tenant may be on two pages."""
    start, end = (_moment(query.text(name)) for name in ("start", "end"))
    limit = query.number("limit", 1000)
    marker = query.text("marker", "")
    alive = [server for server in _servers(query.story) if _hours(server, start, end) > 0]
    left = sorted((s for s in alive if _instance_id(s) > marker), key=_instance_id)
    page = left[:limit]
    tenants = sorted({server.tenant_id for server in page})
    usages = [_tenant(tenant, [s for s in page if s.tenant_id == tenant], start, end) for tenant in tenants]
    # Nova cannot tell that a full page is the last one, so it links to a next page, which may be empty.
    if len(page) < limit or not page:
        return Answer({"tenant_usages": usages})
    following = query.link(marker=_instance_id(page[-1]))
    return Answer({"tenant_usages": usages, "tenant_usages_links": [{"href": following, "rel": "next"}]})


def _servers(story: Story) -> Iterator[Server]:
    """Yield the servers with the times of the demo."""
    for server in SERVERS:
        yield replace(server, started=story.moved(server.started), ended=server.ended and story.moved(server.ended))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"not a time: {text!r}") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _hours(server: Server, start: datetime, end: datetime) -> float:
    lived_from = max(server.started, start)
    lived_to = min(server.ended or end, end)
    return max((lived_to - lived_from).total_seconds(), 0) / 3600


def _tenant(tenant: str, servers: list[Server], start: datetime, end: datetime) -> Document:
    used = [(server, _hours(server, start, end)) for server in servers]
    return {
        "start": _naive(start),
        "stop": _naive(end),
        "tenant_id": tenant,
        "total_hours": sum(hours for _, hours in used),
        "total_local_gb_usage": sum(server.local_gb * hours for server, hours in used),
        "total_memory_mb_usage": sum(server.memory_mb * hours for server, hours in used),
        "total_vcpus_usage": sum(server.vcpus * hours for server, hours in used),
        "server_usages": [_server(server, hours, end) for server, hours in used],
    }


def _server(server: Server, hours: float, end: datetime) -> Document:
    ended = server.ended if server.ended and server.ended < end else None
    return {
        "ended_at": _naive(ended) if ended else None,
        "flavor": server.flavor,
        "hours": hours,
        "instance_id": _instance_id(server),
        "local_gb": server.local_gb,
        "memory_mb": server.memory_mb,
        "name": server.name,
        "started_at": _naive(server.started),
        "state": "terminated" if ended else "active",
        "tenant_id": server.tenant_id,
        "uptime": int(((ended or end) - server.started).total_seconds()),
        "vcpus": server.vcpus,
    }


def _naive(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def allocation(query: Query) -> Answer:
    """Answer OpenCost's allocation by namespace, as one map for the whole window."""
    if query.text("aggregate") != "namespace":
        raise BadRequestError("only aggregate=namespace is served")
    start, _, end = query.text("window").partition(",")
    window = (_moment(start), _moment(end))
    found = {namespace.name: _allocation(namespace, *window, query.story) for namespace in NAMESPACES}
    return Answer({"code": 200, "status": "success", "data": [found]})


def _days(start: datetime, end: datetime) -> Iterator[tuple[date, float]]:
    """Yield each day of a window with its hours inside the window."""
    while start < end:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
        yield start.date(), (min(midnight, end) - start).total_seconds() / 3600
        start = midnight


def _allocation(namespace: Namespace, start: datetime, end: datetime, story: Story) -> Document:
    name = namespace.name
    busy = [
        (hours, noise(f"kubernetes/{name}", day).uniform(0.85, 1.15) * pace(name, day, story))
        for day, hours in _days(start, end)
    ]
    weighted = sum(hours * share for hours, share in busy)
    total = sum(hours for hours, _ in busy)
    stamps = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    labels = {} if name == "__idle__" else {"namespace": name, "namespaceLabels": {"team": "vauban"}}
    return {
        "name": name,
        "properties": {"cluster": "prod", **labels},
        "window": stamps,
        **stamps,
        "minutes": total * 60,
        "cpuCores": round(namespace.cores * weighted / total, 5) if total else 0,
        "cpuCoreHours": round(namespace.cores * weighted, 5),
        "ramBytes": round(namespace.ram_gib * GIB * weighted / total, 5) if total else 0,
        "ramByteHours": round(namespace.ram_gib * GIB * weighted, 5),
        **_volumes(namespace, total),
        "totalCost": round(namespace.cores * weighted * 0.031, 5),
    }


def _volumes(namespace: Namespace, hours: float) -> Document:
    """Return a namespace's persistent volumes, whose size does not vary with the load."""
    size = namespace.volume_gib * GIB
    volumes = {f"cluster=prod:name=pvc-{namespace.name}": {"byteHours": size * hours, "cost": 0}}
    return {"pvBytes": size, "pvByteHours": size * hours, "pvs": volumes if size else None}
