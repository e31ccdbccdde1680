"""Payloads of real products, unchanged, through the whole nightly; skipped where they are not at hand."""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REAL
from tests.e2e.finops import Database, finops, scalar, serving

pytestmark = pytest.mark.skipif(not REAL.exists(), reason="the payloads of real products are not here")


def payload(name: str) -> Any:
    """A payload, as the product sent it."""
    return json.loads((REAL / name).read_text())


def nightly(day: str, source: str) -> int:
    """A nightly of one source for a month."""
    return finops("nightly", "--period", day[:7], "--as-of", day, "--source", source)


def reconciliation(database: Database) -> tuple[Any, ...]:
    """Status, then records landed, in relevés, rejected and duplicate, of the one scope."""
    row = database.execute(
        "select status, records_landed, records_released, records_rejected, records_duplicate"
        " from finops.etl_reconciliations"
    ).fetchone()
    assert row is not None
    return row


def test_a_real_bill_reconciles_to_the_last_decimal(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bills").mkdir()
    sample = shutil.copy(REAL / "focus" / "focus_sample.csv", tmp_path / "bills")
    monkeypatch.setenv("SOURCES__FOCUS__SAMPLE__URL", str(tmp_path / "bills"))
    with Path("reference/fx_rates.csv").open("a") as rates:
        rates.write("2024-09-01,USD,EUR,0.9006\n")
    with Path(sample).open(newline="") as bill:
        rows = list(csv.DictReader(bill))
    assert nightly("2024-09-30", "focus.sample") == 0
    figures = database.execute(
        "select count(*), sum(billed_cost), sum(effective_cost) from raw_public_cloud.focus"
    ).fetchone()
    assert figures == (
        len(rows),
        sum(Decimal(row["BilledCost"]) for row in rows),
        sum(Decimal(row["EffectiveCost"]) for row in rows),
    )
    assert figures == (1000, Decimal("20.52022672899"), Decimal("14.97651418586"))
    assert scalar(database, "select sum(source_cost) from finops.fact_releve") == Decimal("14.97651418586")
    assert scalar(database, "select count(*) from finops.rejected_usage") == 0
    assert scalar(database, "select sum(line_count) from finops.fact_releve") == 1000


def test_artifactorys_storage_summary_loses_its_total_row_and_nothing_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = payload("artifactory/storageinfo_jfrog_docs.json")
    summary["repositoriesSummaryList"] += payload("artifactory/storageinfo_repo_rows_7x.json")
    with serving({"/artifactory/api/storageinfo": summary}) as url:
        monkeypatch.setenv("SOURCES__ARTIFACTORY__URL", f"{url}/artifactory")
        monkeypatch.setenv("SOURCES__ARTIFACTORY__PARAMS", '{"at": "{day}"}')
        assert nightly("2026-09-01", "artifactory.storage") == 0
    assert reconciliation(database) == ("PUBLISHED", 3, 3, 0, 0)
    # 36,138,261 bytes ÷ 2^30 ÷ 30 days
    expected = round(Decimal(36138261) / 2**30 / 30, 12)
    assert scalar(database, "select sum(usage_quantity) from finops.fact_releve") == expected


def test_novas_usage_of_a_tenant_is_three_products(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = payload("openstack/nova_simple_tenant_usage_detail.json")
    del usage["tenant_usages_links"]  # the sample's next page is on openstack.example.com
    empty: dict[str, Any] = {"tenant_usages": []}
    with serving(
        {"/os-simple-tenant-usage": lambda query: usage if query["start"] == ["2026-09-01T00:00:00"] else empty}
    ) as url:
        monkeypatch.setenv("SOURCES__OPENSTACK__URL", url)
        assert nightly("2026-09-03", "openstack.usage") == 0
    quantities: dict[str, Decimal] = dict(
        database.execute("select product_id, usage_quantity from finops.fact_releve order by 1").fetchall()
    )
    assert quantities == {
        "openstack.ram_gib_hour": Decimal("0.5"),
        "openstack.storage_gib_hour": Decimal(1),
        "openstack.vcpu_hour": Decimal(1),
    }


def test_novas_next_page_on_another_host_is_not_followed(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving({"/os-simple-tenant-usage": payload("openstack/nova_simple_tenant_usage_detail.json")}) as url:
        monkeypatch.setenv("SOURCES__OPENSTACK__URL", url)
        assert nightly("2026-09-02", "openstack.usage") == 1
    assert "redirected to another host" in capfd.readouterr().err
    assert scalar(database, "select count(*) from finops.fact_releve") == 0


def test_cloudkittys_dataframes_are_accounted_for_point_by_point(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"/v2/dataframes": payload("openstack/cloudkitty_dataframes_get.json")}) as url:
        monkeypatch.setenv("SOURCES__CLOUDKITTY__URL", url)
        monkeypatch.setenv("INGEST__LOOKBACK_DAYS", "0")
        # the sample is the answer for each of 23 days; only on the 23rd is one of its dataframes inside of the day
        assert nightly("2019-07-24", "cloudkitty.usage") == 0
    rejects: dict[str, int] = dict(
        database.execute(
            "select reason, count(*) from finops.rejected_usage where window_date = '2019-07-23' group by reason"
        ).fetchall()
    )
    assert rejects == {"NO_PRODUCT": 2, "OUT_OF_WINDOW": 1}
    assert reconciliation(database) == ("PUBLISHED", 46, 0, 46, 0)


def test_cloudkittys_summary_is_accounted_for_row_by_row(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/v2/summary": payload("openstack/cloudkitty_summary_get.json")}) as url:
        monkeypatch.setenv("SOURCES__CLOUDKITTY__URL", url)
        monkeypatch.setenv("SOURCES__CLOUDKITTY__ENDPOINT", "summary")
        assert nightly("2019-06-02", "cloudkitty.usage") == 0
    rejects = database.execute(
        "select product_id, reason, quantity, unit from finops.rejected_usage order by product_id"
    ).fetchall()
    assert rejects == [
        ("cloudkitty.image.size", "NO_PRODUCT", Decimal("2590.421676635742"), None),
        ("cloudkitty.instance", "NO_PRODUCT", Decimal(1354), None),
        ("cloudkitty.ip.floating", "NO_PRICE", Decimal(502), "ip"),  # the catalogue's prices begin in 2024
        ("cloudkitty.volume.size", "NO_PRICE", Decimal("175.9"), "GiB"),
    ]
    assert reconciliation(database) == ("PUBLISHED", 4, 0, 4, 0)


def test_opencosts_allocations_are_cpu_ram_and_volumes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = payload("opencost/allocation-example-output.json")
    empty: dict[str, Any] = {"code": 200, "data": [{}]}
    allocations = [allocation for window in answer["data"] for allocation in window.values()]
    with serving(
        {"/allocation": lambda query: answer if query["window"][0].startswith("2023-07-12") else empty}
    ) as url:
        monkeypatch.setenv("SOURCES__OPENCOST__URL", url)
        assert nightly("2023-07-14", "kubernetes.allocation") == 0
    landed = len(allocations)
    assert scalar(database, "select records_landed from finops.etl_reconciliations") == landed
    valued = scalar(
        database,
        "select (select coalesce(sum(usage_quantity), 0) from finops.fact_releve"
        "   where product_id = 'kubernetes.cpu_core_hour')"
        " + (select coalesce(sum(quantity), 0) from finops.rejected_usage"
        "   where product_id = 'kubernetes.cpu_core_hour')",
    )
    assert valued == sum(Decimal(str(allocation["cpuCoreHours"])) for allocation in allocations)
