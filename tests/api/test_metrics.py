"""MetricFlow's definitions: dbt finds nothing wrong with them, and they say what the aggregates say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from finops.api.settings import Scope
from tests.api.service import say_who_calls
from tests.conftest import ROOT
from tests.e2e.dbt import PROJECT, edit, project_copy
from tests.e2e.finops import Database, days

METRICS = {"cost", "estimated_cost", "allocated_cost", "coverage", "quantity", "cost_with_quantity", "unit_price"}


@dataclass(frozen=True)
class Parsed:
    """What `dbt parse` makes of a project, and what it finds wrong with its semantic models and metrics."""

    manifest: Manifest | None
    error: str
    found: list[str]


def parsed(project: Path, folder: Path) -> Parsed:
    found: list[str] = []
    shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")

    def listen(event: Any) -> None:
        if event.info.name == "SemanticValidationFailure":
            found.append(event.data.msg)

    where = ["--project-dir", str(project), "--profiles-dir", str(folder)]
    kept = ["--target-path", str(folder), "--log-path", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PGUSER", "PGDATABASE"):  # the profile names them, and nothing connects
            patch.setenv(name, "finops")
        done = dbtRunner(callbacks=[listen]).invoke(["--quiet", "--no-write-json", "parse", *where, *kept])
    return Parsed(done.result if isinstance(done.result, Manifest) else None, str(done.exception or ""), found)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The project as dbt reads it, which it found nothing wrong with."""
    result = parsed(PROJECT, tmp_path_factory.mktemp("parse"))
    assert (result.error, result.found) == ("", [])
    assert result.manifest is not None
    return result.manifest


def test_dbt_says_what_is_wrong_with_a_definition(tmp_path: Path) -> None:
    copy = project_copy(tmp_path)
    edit(copy / "models" / "api" / "_api__metrics.yml", "agg_time_dimension: period", "agg_time_dimension: domain")
    result = parsed(copy, tmp_path)
    assert "Semantic Manifest validation failed" in result.error
    assert any("'domain', which is not a valid time dimension" in message for message in result.found)


def measured(database: Database, manifest: Manifest, groups: Scope) -> dict[str, tuple[Any, ...]]:
    """Every measure of costs in euros, worked out as MetricFlow does, for who sees these groups: September, October."""
    model = manifest.semantic_models["semantic_model.finops.costs"]
    (view,) = [manifest.nodes[node] for node in model.depends_on.nodes]
    values: dict[str, tuple[Any, ...]] = {}
    with database.transaction():
        say_who_calls(database, groups)
        for measure in model.measures:
            query = (
                f"select {measure.agg.value}({measure.expr or measure.name}) from {view.schema}.{view.name}"  # noqa: S608 ours
                " where currency = 'EUR' group by period order by period"
            )
            values[measure.name] = tuple(value for (value,) in database.execute(query.encode()))
    return values


def test_the_metrics_are_those_of_the_aggregates(costs: Database, manifest: Manifest) -> None:
    assert {metric.name for metric in manifest.metrics.values()} == METRICS
    found = measured(costs, manifest, "*")
    total, estimated, unallocated = zip(
        *costs.execute(
            "select sum(total_cost), sum(estimated_cost), coalesce(sum(unallocated_cost), 0)"
            " from finops.agg_group_product_month group by period order by period"
        ).fetchall(),
        strict=True,
    )
    assert (found["total_cost"], found["estimated_cost"]) == (total, estimated)
    assert found["allocated_cost"] == (total[0] - unallocated[0], total[1] - unallocated[1])
    # each line of the bills is one request
    assert found["usage_quantity"] == (3, 5)
    assert measured(costs, manifest, ["payments"])["total_cost"] == (Decimal("50.25"), 60)


def test_a_cost_without_a_quantity_is_in_no_unit_price(costs: Database, manifest: Manifest) -> None:
    costs.execute("update finops.fact_releve set usage_quantity = null where application_id = 'PAYMENTS'")
    found = measured(costs, manifest, "*")
    assert found["cost_with_quantity"] == (107, Decimal("130.000000000001"))
    assert found["usage_quantity"] == (2, 4)


def test_the_calendar_has_every_day_of_the_published_months(costs: Database) -> None:
    calendar = costs.execute("select calendar_date from finops_api.calendar_days order by 1").fetchall()
    assert [day for (day,) in calendar] == list(days("2026-09-01", "2026-10-31"))
