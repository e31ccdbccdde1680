"""GitLab, Artifactory, CloudKitty, OpenCost and Cube as they document their answers, from the socket to the relevés."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.finops import Database, finops, scalar, serving

Query = Mapping[str, list[str]]
SHOP = "gid://gitlab/Group/11"


def nightly(source: str, as_of: str, *arguments: str) -> int:
    """A nightly of one source for the month of a day."""
    return finops("nightly", "--period", as_of[:7], "--as-of", as_of, "--source", source, *arguments)


def published(database: Database) -> tuple[Any, ...]:
    """Of the last publication: status, then records landed, in relevés, rejected and duplicate."""
    row = database.execute(
        "select status, records_landed, records_released, records_rejected, records_duplicate"
        " from finops.etl_reconciliations order by decided_at desc limit 1"
    ).fetchone()
    assert row is not None
    return row


def releves(database: Database) -> dict[str, Decimal]:
    """Quantities by application."""
    rows = database.execute("select application_id, sum(usage_quantity) from finops.fact_releve group by 1").fetchall()
    return dict(rows)


# GitLab's CI minutes


class Gitlab:
    """GitLab's GraphQL, two projects a page; `minutes` by project and month."""

    def __init__(self, minutes: dict[str, dict[str, int]]) -> None:
        self.minutes = minutes
        self.asked: list[Any] = []

    def __call__(self, body: Any) -> Any:
        """Answer what is posted."""
        self.asked.append(body)
        month, after = body["variables"]["date"], int(body["variables"]["after"] or 0)
        used = self.minutes.get(month[:7], {})
        nodes = [
            {
                "minutes": minutes,
                "sharedRunnersDuration": minutes * 60,
                "project": {"id": f"gid://gitlab/Project/{path}", "fullPath": path, "topics": topics},
            }
            for path, minutes in used.items()
            for topics in (["application-erp"] if path == "odd/one" else [],)
        ]
        page = {"hasNextPage": after + 2 < len(nodes), "endCursor": str(after + 2)}
        projects = {"nodes": nodes[after : after + 2], "pageInfo": page}
        usage = {"month": "any", "monthIso8601": month, "projects": projects}
        return {"data": {"ciMinutesUsage": {"nodes": [usage] if used else []}}}


@pytest.fixture
def ci(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points the source at an address."""

    def configure(url: str) -> None:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "glpat-1")
        monkeypatch.setenv("SOURCES__GITLAB__CI_NAMESPACES", json.dumps([SHOP]))

    return configure


def test_ci_minutes_become_relevés_by_topic_and_path_over_two_pages(
    database: Database, ci: Callable[[str], None]
) -> None:
    gitlab = Gitlab({"2026-09": {"payments/fraud/models": 100, "odd/one": 20, "nobody/s": 7}})
    with serving({"/api/graphql": gitlab}) as url:
        ci(url)
        assert nightly("gitlab.ci_minutes", "2026-10-02", "--period", "2026-09") == 0
    assert [asked["variables"]["after"] for asked in gitlab.asked] == [None, "2"]
    assert releves(database) == {"FRAUD": 100, "ERP": 20, "UNALLOCATED": 7}
    assert published(database) == ("PUBLISHED", 90, 90, 0, 0)  # 3 records, on each of 30 days
    # 100 minutes at 0.008, to the last decimal, and a thirtieth of it on the first day
    cost, first, last = database.execute(
        "select total_cost, daily_cost[1], daily_cost[30] from finops.fact_releve where application_id = 'FRAUD'"
    ).fetchall()[0]
    assert (cost, first) == (Decimal("0.8"), Decimal("3.333333333333") * Decimal("0.008"))
    assert first * 29 + last == cost


def test_the_current_month_is_read_each_night_and_counted_once(database: Database, ci: Callable[[str], None]) -> None:
    gitlab = Gitlab({"2026-09": {"payments/gateway": 100}})
    with serving({"/api/graphql": gitlab}) as url:
        ci(url)
        assert nightly("gitlab.ci_minutes", "2026-09-11") == 0
        assert releves(database) == {"PAYMENTS": 100}
        days = "select count(*) from finops.fact_releve, unnest(daily_cost) as day (cost) where day.cost > 0"
        assert scalar(database, days) == 10
        gitlab.minutes["2026-09"]["payments/gateway"] = 250
        assert nightly("gitlab.ci_minutes", "2026-09-26") == 0
    assert releves(database) == {"PAYMENTS": 250}
    assert scalar(database, days) == 25
    assert published(database) == ("PUBLISHED", 25, 25, 0, 0)
    windows = database.execute("select window_date::text, window_end::text from finops.etl_accepted").fetchall()
    assert windows == [("2026-09-01", "2026-09-26")]


def test_a_month_that_is_over_is_read_once_more_and_then_left(database: Database, ci: Callable[[str], None]) -> None:
    gitlab = Gitlab({"2026-09": {"payments/gateway": 100}})
    with serving({"/api/graphql": gitlab}) as url:
        ci(url)
        for day in ("2026-09-30", "2026-10-01", "2026-10-10"):
            assert nightly("gitlab.ci_minutes", day, "--period", "2026-09") == 0
    assert len(gitlab.asked) == 2
    assert releves(database) == {"PAYMENTS": 100}


def test_the_days_that_are_only_spread_can_be_told(database: Database, ci: Callable[[str], None]) -> None:
    with serving({"/api/graphql": Gitlab({"2026-09": {"payments/gateway": 100}})}) as url:
        ci(url)
        nightly("gitlab.ci_minutes", "2026-09-11")
    spread = database.execute("select source, period::text, first_date::text, last_date::text from finops.spread_days")
    assert spread.fetchall() == [("gitlab.ci_minutes", "2026-09-01", "2026-09-01", "2026-09-10")]


def test_an_error_of_graphql_fails_that_source_in_one_line_and_keeps_its_relevés(
    database: Database, ci: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    answers: dict[str, Any] = {"/api/graphql": Gitlab({"2026-09": {"payments/gateway": 100}})}
    with serving(answers) as url:
        ci(url)
        assert nightly("gitlab.ci_minutes", "2026-09-11") == 0
        answers["/api/graphql"] = {"errors": [{"message": "Query has complexity of 901, which exceeds 250"}]}
        capfd.readouterr()
        assert nightly("gitlab.ci_minutes", "2026-09-12") == 1
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error")]
    assert len(said) == 1
    assert said[0].endswith("though its status is 200: Query has complexity of 901, which exceeds 250")
    assert releves(database) == {"PAYMENTS": 100}


def test_minutes_that_cannot_be_read_are_rejected_and_reconcile(database: Database, ci: Callable[[str], None]) -> None:
    gitlab = Gitlab({"2026-09": {"payments/gateway": 100, "payments/ledger": -5}})
    with serving({"/api/graphql": gitlab}) as url:
        ci(url)
        assert nightly("gitlab.ci_minutes", "2026-09-11") == 0
    assert published(database) == ("PUBLISHED", 20, 10, 10, 0)
    rejects = database.execute("select distinct reason, record_id from finops.rejected_usage").fetchall()
    assert rejects == [("IMPLAUSIBLE", "gid://gitlab/Project/payments/ledger")]


# GitLab's projects


def project(number: int, path: str, **more: object) -> dict[str, Any]:
    """A project of 2 GiB of repository."""
    namespace = {"full_path": path.rpartition("/")[0]}
    statistics = {"storage_size": 5, "repository_size": 2 * 2**30}
    return {"id": number, "path_with_namespace": path, "namespace": namespace, "statistics": statistics, **more}


def test_a_project_is_its_attribute_s_then_its_topic_s_then_its_path_s(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = [{"key": "application", "value": "ERP"}]
    projects = [
        project(1, "payments/one", custom_attributes=erp, topics=["application-bi"]),
        project(2, "payments/two", custom_attributes=[], topics=["application-bi"]),
        project(3, "payments/three", topics=[]),
        project(4, "nobody/s"),
    ]
    with serving({"/api/v4/projects": projects}) as url:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        monkeypatch.setenv("SOURCES__GITLAB__PARAMS", '{"at": "{day}"}')
        assert nightly("gitlab.storage", "2026-09-01") == 0
    # 2 GiB ÷ 30 days each
    day = Decimal("0.066666666667")
    assert releves(database) == {"ERP": day, "BI": day, "PAYMENTS": day, "UNALLOCATED": day}


# Artifactory


SUMMARY = {"binariesCount": "125,726", "binariesSize": "3.48 GB", "artifactsSize": "59.77 GB", "optimization": "5.82%"}
REPOSITORIES = [
    {"repoKey": "shop-docker-local", "repoType": "LOCAL", "usedSpace": "40 GB", "usedSpaceInBytes": 40 * 2**30},
    {"repoKey": "pay-maven-local", "repoType": "LOCAL", "usedSpace": "19.77 GB (33.08%)", "itemsCount": "2,176,580"},
    {"repoKey": "all", "repoType": "VIRTUAL", "usedSpace": "0 bytes"},
    {"repoKey": "TOTAL", "repoType": "NA", "usedSpace": "59.77 GB"},
]


@pytest.fixture
def artifactory(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points the source at an address, for a single day."""

    def configure(url: str) -> None:
        monkeypatch.setenv("SOURCES__ARTIFACTORY__URL", f"{url}/artifactory")
        monkeypatch.setenv("SOURCES__ARTIFACTORY__PARAMS", '{"at": "{day}"}')

    return configure


def storage(database: Database) -> list[tuple[Any, ...]]:
    """Relevés of Artifactory by product and application."""
    return database.execute(
        "select product_id, application_id, usage_quantity from finops.fact_releve order by product_id, application_id"
    ).fetchall()


def test_shared_binaries_count_as_often_as_they_are_kept_unless_that_is_set(
    database: Database, artifactory: Callable[[str], None]
) -> None:
    document = {"binariesSummary": SUMMARY, "repositoriesSummaryList": REPOSITORIES}
    with serving({"/artifactory/api/storageinfo": document}) as url:
        artifactory(url)
        assert nightly("artifactory.storage", "2026-09-01") == 0
    assert published(database) == ("PUBLISHED", 3, 3, 0, 0)
    assert storage(database) == [
        ("artifactory.storage_gib", "PAYMENTS", Decimal("0.659000000000")),
        ("artifactory.storage_gib", "SHOP-WEB", Decimal("1.333333333333")),
        ("artifactory.storage_gib", "UNALLOCATED", Decimal(0)),
    ]


def test_shared_binaries_count_once_where_that_is_set_and_the_relevé_says_so(
    database: Database, artifactory: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS__ARTIFACTORY_DEDUPLICATE", "true")
    document = {"binariesSummary": SUMMARY, "repositoriesSummaryList": REPOSITORIES}
    with serving({"/artifactory/api/storageinfo": document}) as url:
        artifactory(url)
        assert nightly("artifactory.storage", "2026-09-01") == 0
    # 40 × 3.48 ÷ 59.77 ÷ 30 and 19.77 × 3.48 ÷ 59.77 ÷ 30: together 3.48 ÷ 30 = 0.116, what is on disk
    assert storage(database) == [
        ("artifactory.deduplicated_gib", "PAYMENTS", Decimal("0.038369081479")),
        ("artifactory.deduplicated_gib", "SHOP-WEB", Decimal("0.077630918521")),
        ("artifactory.deduplicated_gib", "UNALLOCATED", Decimal(0)),
    ]
    traced = scalar(
        database,
        "select raw.payload #>> '{binariesSummary,binariesSize}' from finops.releve_lines as lines"
        " join raw_native.artifactory_storage as raw on raw.run_id = lines.extraction_run_id"
        "   and raw.window_date = lines.window_date and raw.record_id = lines.record_id"
        " where lines.period = '2026-09-01' and lines.application_id = 'PAYMENTS'",
    )
    assert traced == "3.48 GB"


# CloudKitty


def test_cloudkitty_s_summary_is_the_same_source_and_replaces_its_dataframes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = {"vol": {"unit": "GiB", "qty": 1.9}, "rating": {"price": 3.8}, "groupby": {"project_id": "p-1"}}
    period = {"begin": "2026-09-01T01:00:00+00:00", "end": "2026-09-01T02:00:00+00:00"}
    frames = {"total": 1, "dataframes": [{"period": period, "usage": {"volume.size": [point]}}]}
    columns = ["begin", "end", "qty", "rate", "project_id", "type"]
    row = ["2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z", 1.9, 3.8, "p-1", "volume.size"]
    with serving({"/v2/dataframes": frames, "/v2/summary": {"total": 1, "columns": columns, "results": [row]}}) as url:
        monkeypatch.setenv("SOURCES__CLOUDKITTY__URL", url)
        assert nightly("cloudkitty.usage", "2026-09-02") == 0
        before = database.execute("select id, usage_quantity, usage_unit from finops.fact_releve").fetchall()
        monkeypatch.setenv("SOURCES__CLOUDKITTY__ENDPOINT", "summary")
        assert nightly("cloudkitty.usage", "2026-09-02") == 0
    assert database.execute("select id, usage_quantity, usage_unit from finops.fact_releve").fetchall() == before
    assert [row[1:] for row in before] == [(Decimal("1.9"), "GiB")]
    assert published(database) == ("PUBLISHED", 1, 1, 0, 0)


# OpenCost


def allocation(name: str, cores: float, **more: object) -> dict[str, Any]:
    """An allocation of 15 September."""
    window = {"start": "2026-09-15T00:00:00Z", "end": "2026-09-16T00:00:00Z"}
    properties = {"cluster": "prod", "namespace": name}
    hours = {"cpuCoreHours": cores, "ramByteHours": 0, "pvByteHours": 0, "pvs": None}
    return {"name": name, "properties": properties, "window": window, **hours, **more}


def test_what_nobody_asked_for_in_a_cluster_is_a_cost_that_nobody_owns(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        allocation("payments", 24),
        allocation("__idle__", 7.5, properties={"cluster": "prod"}),
        allocation("__unallocated__", 2, properties=None),
        allocation("__unmounted__", 0, pvByteHours=48 * 2**30, pvs={"pvc-1": {"byteHours": 48 * 2**30}}),
    ]
    maps = [{one["name"]: one for one in found[:2]}, {one["name"]: one for one in found[2:]}, None]
    empty: dict[str, Any] = {"code": 200, "data": [{}]}
    answer = {"code": 200, "status": "success", "data": maps}
    with serving(
        {"/allocation": lambda query: answer if query["window"][0].startswith("2026-09-15") else empty}
    ) as url:
        monkeypatch.setenv("SOURCES__OPENCOST__URL", url)
        assert nightly("kubernetes.allocation", "2026-09-16") == 0
    assert published(database) == ("PUBLISHED", 4, 4, 0, 0)
    quantities = database.execute(
        "select application_id, product_id, usage_quantity from finops.fact_releve where usage_quantity > 0"
        " order by application_id, product_id"
    ).fetchall()
    assert quantities == [
        ("PAYMENTS", "kubernetes.cpu_core_hour", Decimal(24)),
        ("UNALLOCATED", "kubernetes.cpu_core_hour", Decimal("9.5")),
        ("UNALLOCATED", "kubernetes.pv_gib_hour", Decimal(48)),
    ]


# Cube


def test_cube_s_numbers_are_strings_and_it_may_ask_to_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(query: Query) -> Any:
        asked.append(query["query"][0])
        if len(asked) == 1:
            return {"error": "Continue wait"}
        rows = [{"Usage.application": "BI", "Usage.queries": "700"}, {"Usage.application": None, "Usage.queries": "2"}]
        return {"query": json.loads(asked[-1]), "data": rows, "annotation": {}}

    with serving({"/cubejs-api/v1/load": load}) as url:
        monkeypatch.setenv("SOURCES__CUBE__URL", url)
        monkeypatch.setenv("SOURCES__CUBE__QUERY", '{"timeDimensions": [{"dateRange": ["{day}", "{day}"]}]}')
        assert nightly("cube.usage", "2026-09-02") == 0
    assert asked == ['{"timeDimensions": [{"dateRange": ["2026-09-01", "2026-09-01"]}]}'] * 2
    assert releves(database) == {"BI": 700, "UNALLOCATED": 2}
