"""Services that a company declares: the documentation's own examples, from `.dlt/config.toml` to the relevés."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.finops import FINOPS, Database, releves, scalar, serving

DOCUMENTED = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "declared-sources.md").read_text("utf-8"), re.DOTALL)
EXAMPLES = [text for text in DOCUMENTED if text.startswith("[sources.http.")]
GIB = 1024**3

Query = dict[str, list[str]]

TICKETS = {  # by day and page
    ("2026-10-01", "1"): [{"app": {"code": "shop-web"}, "opened": 12}, {"app": {"code": "PAYMENTS"}, "opened": "3"}],
    ("2026-10-01", "2"): [{"app": {"code": "NOBODY"}, "opened": 1}, {"app": {"code": "ERP"}, "opened": "1,5"}],
    ("2026-10-02", "1"): [{"app": {"code": "SHOP-WEB"}, "opened": 8}],
    ("2026-10-02", "2"): [],
}


def tickets(query: Query) -> Any:
    """The help desk: two pages a day."""
    return {"items": TICKETS[query["day"][0], query["page"][0]], "paging": {"pages": 2}}


def usage(query: Query) -> Any:
    """The platform: a record a workload and hour, the second behind a cursor."""
    day = query["from"][0]
    record = {
        "workload": "lake-etl",
        "hour": f"{day}T08:00:00Z",
        "project": "data",
        "labels": {"application": "DATA-LAKE"},
        "cpu_hours": 2.5,
        "ram_byte_hours": 6 * GIB,
        "storage_gib_hours": "100",
    }
    if "cursor" in query:
        return {"data": {"usage": [record | {"hour": f"{day}T09:00:00Z"}]}, "next_cursor": None}
    return {"data": {"usage": [record]}, "next_cursor": "more"}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The documentation's two services, declared in a file; only their addresses are this test's."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("\n".join(EXAMPLES))
    with serving({"/api/v1/tickets/by-application": tickets, "/usage": usage}) as url:
        monkeypatch.setenv("SOURCES__HTTP__HELPDESK__URL", f"{url}/api")
        monkeypatch.setenv("SOURCES__HTTP__PLATFORM__URL", url)
        yield


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`finops …` in a process of its own, which reads the folder's own `.dlt`."""
    return subprocess.run([FINOPS, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ))


@pytest.mark.usefixtures("services")
def test_the_documented_services_become_relevés_without_any_python(database: Database) -> None:
    nightly = run("nightly", "--period", "2026-10", "--as-of", "2026-10-03")
    assert nightly.returncode == 0, nightly.stderr
    found = [(row[1], row[2], row[3], row[5], row[7], row[8], row[10]) for row in releves(database)]
    helpdesk = [
        ("PAYMENTS", "helpdesk.ticket", "native", Decimal(3), "ticket", Decimal("1.80")),
        ("SHOP-WEB", "helpdesk.ticket", "native", Decimal(20), "ticket", Decimal("12.00")),
        ("UNALLOCATED", "helpdesk.ticket", "native", Decimal(1), "ticket", Decimal("0.60")),
    ]
    # two days of two hours: 4 × 2.5, 4 × 6 and 4 × 100
    platform = [
        ("DATA-LAKE", "platform.ram_gib_hour", "private_cloud", Decimal(24), "GiB-hour", Decimal("0.0696")),
        ("DATA-LAKE", "platform.storage_gib_hour", "private_cloud", Decimal(400), "GiB-hour", Decimal("0.04")),
        ("DATA-LAKE", "platform.vcpu_hour", "private_cloud", Decimal(10), "vCPU-hour", Decimal("0.115")),
    ]
    expected = [("http.helpdesk", *row) for row in helpdesk] + [("http.platform", *row) for row in platform]
    assert sorted(found) == expected
    rejected = database.execute("select record_id, reason, detail from finops.rejected_usage").fetchall()
    assert rejected == [("ERP", "UNPARSABLE", "quantity '1,5'")]
    reconciled = database.execute(
        "select source, status, records_landed, records_released, records_rejected from finops.etl_reconciliations"
        " order by source"
    ).fetchall()
    assert reconciled == [("http.helpdesk", "PUBLISHED", 5, 4, 1), ("http.platform", "PUBLISHED", 4, 4, 0)]
    records = run("records", "--period", "2026-10", "--application", "SHOP-WEB").stdout
    assert ['"opened":12' in records, '"opened":8' in records, '"opened":1}' in records] == [True, True, False]


@pytest.mark.usefixtures("services")
def test_a_declaration_that_was_mended_holds_at_the_next_reprocess(database: Database, tmp_path: Path) -> None:
    config = tmp_path / ".dlt" / "config.toml"
    config.write_text(config.read_text().replace('quantity = "opened"', 'quantity = "closed"'))
    run("nightly", "--period", "2026-10", "--as-of", "2026-10-03", "--source", "http.helpdesk")
    assert scalar(database, "select count(*) from finops.fact_releve") == 0
    assert scalar(database, "select count(*) from finops.rejected_usage") == 5
    config.write_text(config.read_text().replace('quantity = "closed"', 'quantity = "opened"'))
    assert run("reprocess", "--period", "2026-10", "--reason", "the field is opened").returncode == 0
    assert scalar(database, "select sum(total_cost) from finops.fact_releve") == Decimal("14.40")


@pytest.mark.usefixtures("services")
def test_what_is_no_longer_declared_keeps_its_relevés_and_its_raw_records_are_purged(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):  # the second supersedes the first
        assert run("nightly", "--period", "2026-10", "--as-of", "2026-10-03").returncode == 0
    (tmp_path / ".dlt" / "config.toml").write_text(EXAMPLES[1])
    monkeypatch.delenv("SOURCES__HTTP__HELPDESK__URL")
    monkeypatch.setenv("INGEST__KEEP_SUPERSEDED_DAYS", "0")
    assert run("nightly", "--period", "2026-10", "--as-of", "2026-10-03").returncode == 0
    assert scalar(database, "select sum(total_cost) from finops.fact_releve where source = 'http.helpdesk'") == Decimal(
        "14.40"
    )
    assert scalar(database, "select count(*) from raw_native.declared") == 5
    assert run("reprocess", "--period", "2026-10", "--reason", "a test").returncode == 0
    assert scalar(database, "select sum(total_cost) from finops.fact_releve where source = 'http.helpdesk'") == Decimal(
        "14.40"
    )
