"""The ugliest values of each type, in each field of each source: counted, rejected or nobody's, they stop nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.finops import HEADER, Database, finops, last_run, scalar, serving
from tests.e2e.sources.catalog import CATALOG, entity
from tests.e2e.ugly import BSON, GOOD, RAW, TEXTS, ugly, values
from tests.hostility import times
from tests.unit.mongo_wire import holding

pytestmark = pytest.mark.hostile

DAY = "2026-09-01"
CUBE = {"Usage.application": GOOD, "Usage.queries": "7"}
ALLOCATION = {
    "name": GOOD,
    "properties": {"cluster": "prod", "namespace": GOOD},
    "window": {"start": f"{DAY}T00:00:00Z"},
    "cpuCoreHours": 24,
    "ramByteHours": 2**30,
    "pvByteHours": 0,
}
SERVER = {
    "tenant_id": GOOD,
    "instance_id": GOOD,
    "name": "s",
    "hours": 1.5,
    "vcpus": 2,
    "memory_mb": 1024,
    "local_gb": 4,
}
FRAME = {
    "period": {"begin": f"{DAY}T01:00:00+00:00"},
    "usage": {
        "volume.size": [
            {"vol": {"unit": "GiB", "qty": 1.9}, "groupby": {"project_id": GOOD, "id": "r"}, "metadata": {"name": "m"}}
        ]
    },
}
PROJECT = {
    "id": GOOD,
    "path_with_namespace": f"{GOOD}/x",
    "namespace": {"full_path": GOOD},
    "topics": ["application-erp"],
    "custom_attributes": [{"key": "application", "value": "ERP"}],
    "statistics": {"repository_size": 2**30, "wiki_size": 0, "lfs_objects_size": 0, "packages_size": "0"},
}
REPOSITORY = {"repoKey": GOOD, "projectKey": "p", "usedSpace": "30 GB", "usedSpaceInBytes": 30 * 2**30}
BY_TEXT = {"repoKey": "by-text", "projectKey": "p", "usedSpace": "30 GB"}
TICKET = {
    "number": GOOD,
    "day": DAY,
    "app": "ERP",
    "kind": "helpdesk.ticket",
    "tickets": "3",
    "paid": "1.10",
    "money": "EUR",
    "unit": "ticket",
}
# Two days of thirty of what is in place; what is metered, once.
EXPECTED = {
    "artifactory.storage_gib": Decimal(2),
    "cloudkitty.volume.size": Decimal("1.9"),
    "cube.query": Decimal(7),
    "gitlab.repository_gib": Decimal("0.066666666666"),
    "helpdesk.ticket": Decimal(4) + Decimal("0.266666666666"),
    "kubernetes.cpu_core_hour": Decimal(24),
    "kubernetes.ram_gib_hour": Decimal(1),
    "nimbus.queue": Decimal(1),
    "openstack.ram_gib_hour": Decimal("1.5"),
    "openstack.storage_gib_hour": Decimal(6),
    "openstack.vcpu_hour": Decimal(3),
    "vm.ram_gib": Decimal("1.066666666666"),
    "vm.vcpu": Decimal("0.266666666666"),
}
DECLARED = """
[sources.http.%(name)s]
url = "%(url)s"
path = "%(name)s"
data_selector = "$[*]"
measure = "%(measure)s"
params = { day = "{day}" }
record_id = "{number}"
application = "app"
resource = "number"
%(date)s
[[sources.http.%(name)s.lines]]
product_field = "kind"
quantity = "tickets"
unit_field = "unit"
[[sources.http.%(name)s.lines]]
product = "helpdesk.ticket"
unit = "ticket"
cost = "paid"
currency_field = "money"
"""
MACHINE = {"snapshot_date": datetime(2026, 9, 1, tzinfo=UTC), "application": "ERP", "vcpu": "4", "ram_gib": "16 GB"}
SPEC = {"owner": "o", "system": "s", "parent": "p", "children": ["c"], "profile": {"displayName": "n"}}
ENTITIES = [{**entity(kind, "x", code="ERP", title="t"), "spec": SPEC, "kind": kind} for kind in ("Component", "Group")]
LINE = [*["1.1"] * 4, "EUR", f"{DAY[:7]}-01 00:00:00", f"{DAY} 00:00:00", "Usage", "1", "Requests", "Nimbus", "Queue"]
LINE += ["Integration", GOOD, "resource-1", '{"application": "SHOP-WEB"}', "I-1"]


def listed(good: Sequence[Mapping[str, Any]], records: Sequence[str]) -> str:
    """A list of good records among the others."""
    return "[" + ",".join([*map(json.dumps, good), *records]) + "]"


def answers(seed: int) -> dict[str, str]:
    """What each service answers, by path."""
    allocations = [json.dumps(ALLOCATION), *ugly(ALLOCATION, seed, "name")]
    allocations = [f'"{key}": {one}' for key, one in enumerate(allocations)]
    servers = listed([SERVER], ugly(SERVER, seed, "tenant_id", "instance_id"))
    repositories = [*ugly(REPOSITORY, seed, "repoKey"), *ugly(BY_TEXT, seed, "repoKey")]
    summary = json.dumps({"binariesSize": "3.48 GB", "artifactsSize": "59.77 GB"})
    tickets = listed([TICKET], ugly(TICKET, seed, "number"))
    good = [entity("Group", GOOD), entity("Component", GOOD, code="GOOD-ONE", owner=GOOD, system="s")]
    entities = [one for of_kind in ENTITIES for one in ugly(of_kind, seed, "kind", "metadata", "namespace", "name")]
    return {
        "/cubejs-api/v1/load": f'{{"data": {listed([CUBE], ugly(CUBE, seed))}}}',
        "/allocation": f'{{"data": [{{{", ".join(allocations)}}}]}}',
        "/os-simple-tenant-usage": f'{{"tenant_usages": [{{"server_usages": {servers}}}]}}',
        "/v2/dataframes": f'{{"total": 1, "dataframes": {listed([FRAME], ugly(FRAME, seed))}}}',
        "/api/v4/projects": listed([PROJECT], ugly(PROJECT, seed, "id")),
        "/artifactory/api/storageinfo": (
            f'{{"binariesSummary": {summary}, "repositoriesSummaryList": {listed([REPOSITORY], repositories)}}}'
        ),
        "/meter": tickets,
        "/stock": tickets,
        CATALOG: f'{{"items": {listed(good, entities)}, "pageInfo": {{}}}}',
    }


def machines() -> list[dict[str, Any]]:
    """The documents of a CMDB."""
    texts = [text for text in TEXTS if text.isprintable()]
    return [{**MACHINE, "_id": GOOD, "name": GOOD}] + [
        {**MACHINE, "name": "ugly", "_id": f"{field}-{number}", field: value}
        for field in ("application", "vcpu", "ram_gib", "name", "status", "decommissioned", "cluster")
        for number, value in enumerate([*BSON, *texts])
    ]


def write_bill(folder: Path, seed: int) -> None:
    """A bill with each value in each of its columns."""
    names = [*HEADER.split(","), "InvoiceId"]
    texts = [text for text in [*TEXTS, *RAW] if text.isprintable()]
    texts += [f'{{"application": {value}}}' for value in values(seed)]
    lines = []
    for column, name in enumerate(names):
        # the month that a file bills, and who is looked for below
        for text in texts if name not in {"BillingPeriodStart", "SubAccountId"} else ():
            line = ["account" if value == GOOD else value for value in LINE]
            lines.append([*line[:column], text, *line[column + 1 :]])
    folder.mkdir()
    with (folder / "09.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([names, LINE, *lines])


@contextmanager
def sources(seed: int) -> Iterator[dict[str, str]]:
    """Serve all of them; the settings that name them."""
    write_bill(Path("bills"), seed)
    served = {path: answer.encode() for path, answer in answers(seed).items()}
    with holding(*machines()) as mongo, serving(served) as url:
        Path(".dlt").mkdir()
        Path(".dlt", "config.toml").write_text(
            DECLARED % {"name": "meter", "url": url, "measure": "metered", "date": 'date = "day"'}
            + DECLARED % {"name": "stock", "url": url, "measure": "inventory", "date": ""}
        )
        yield {
            "CMDB__URI": mongo,
            "CMDB__SNAPSHOT_FIELD": "snapshot_date",
            "CUBE__URL": url,
            "CUBE__QUERY": '{"timeDimensions": [{"dateRange": ["{day}", "{day}"]}]}',
            "OPENCOST__URL": url,
            "OPENSTACK__URL": url,
            "CLOUDKITTY__URL": url,
            "GITLAB__URL": url,
            "GITLAB__PARAMS": '{"at": "{day}"}',
            "ARTIFACTORY__URL": f"{url}/artifactory",
            "ARTIFACTORY__PARAMS": '{"at": "{day}"}',
            "BACKSTAGE__URL": url,
            "BACKSTAGE__PARAMS": '{"at": "{day}"}',
            "FOCUS__NIMBUS__URL": str(Path("bills").resolve()),
        }


@pytest.mark.parametrize("seed", range(times(1)))
def test_no_value_stops_anything_and_what_is_good_is_published_to_the_cent(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with sources(seed) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(f"SOURCES__{name}", value)
        code = finops("nightly", "--period", "2026-09", "--as-of", "2026-09-02")
    run = last_run(database)
    assert (code, run["status"], run["error"]) == (0, "SUCCESS", None)
    scopes = database.execute(
        "select status, records_landed - records_released - records_rejected - records_duplicate, records_landed"
        " from finops.etl_reconciliations"
    ).fetchall()
    assert {(status, lost) for status, lost, _ in scopes} == {("PUBLISHED", 0)}
    assert sum(landed for *_, landed in scopes) > 10_000
    assert scalar(database, "select count(*) from finops.rejected_usage where reason is null or detail is null") == 0
    totals = [
        scalar(database, f"select sum(total_cost) from finops.{name}")  # noqa: S608 one of three names
        for name in ("fact_releve", "mv_cost_app_month", "mv_cost_group_period")
    ]
    assert totals[1:] == totals[:-1]
    good = database.execute(
        "select product_id, sum(quantity), sum(total_cost) from finops.releve_lines as lines"
        " where period = '2026-09-01' and strpos(to_jsonb(lines)::text, %s) > 0 group by 1 having sum(quantity) > 0",
        (GOOD,),
    ).fetchall()
    assert {product: quantity for product, quantity, _ in good} == EXPECTED
    costs = {product: cost for product, _, cost in good}
    # of the tickets, 3 and a thirtieth of 3 on two days at 0.60, and 1.10 and a thirtieth of it on two days
    assert costs["nimbus.queue"] == Decimal("1.10")
    assert costs["helpdesk.ticket"] == Decimal("3.2") * Decimal("0.60") + Decimal("1.10") + 2 * Decimal(
        "0.036666666667"
    )
