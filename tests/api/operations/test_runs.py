"""What is told of runs, and to whom: by the API, and by PostgreSQL to who reads the views."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from finops.api.settings import Scope
from finops.demo.postgres import Embedded
from tests.api.service import Service, Shared, say_who_calls
from tests.conftest import LOADER_LOGIN, variables
from tests.e2e.finops import Database, finops, scalar

CSV = {"Accept": "text/csv"}
VIEWS = ("visible_runs", "visible_run_steps", "visible_run_scopes")


def add_run(database: Database, started: str, **columns: Any) -> str:
    """Enter a run that ended an hour later, or is as it is told; its id."""
    run = {"run_id": uuid4(), "kind": "nightly", "status": "SUCCESS", "periods": [], "started_by": "test", **columns}
    run |= {"start_time": started, "end_time": columns.get("end_time", f"{started[:11]}04:00:00Z")}
    names = ", ".join(run)
    values = ", ".join(f"%({name})s" for name in run)
    database.execute(f"insert into finops.etl_runs ({names}) values ({values})".encode(), run)  # noqa: S608
    return str(run["run_id"])


def test_the_nightly_is_told_of_as_the_ledger_has_it(shared: Shared) -> None:
    [nightly] = shared.json("/v1/runs", kind="nightly")["data"]
    row = shared.database.execute(
        "select run_id::text, volume_processed, started_by, start_time, end_time from finops.etl_runs"
        " where kind = 'nightly'"
    ).fetchall()[0]
    assert (nightly["run_id"], nightly["records"], nightly["started_by"]) == row[:3]
    assert (nightly["status"], nightly["from"], nightly["to"]) == ("SUCCESS", "2026-09", "2026-10")
    assert Decimal(str(nightly["seconds"])) == round(Decimal((row[4] - row[3]).total_seconds()), 3)
    assert nightly["changes"] == [
        {"period": "2026-09", "amount": "157.25"},
        {"period": "2026-10", "amount": "190.000000000001"},
    ]
    assert (nightly["waiting"], "error" in nightly) == ([], False)


def test_one_run_has_its_steps_and_what_became_of_each_scope(shared: Shared) -> None:
    [nightly] = shared.json("/v1/runs", kind="nightly")["data"]
    one = shared.json(f"/v1/runs/{nightly['run_id']}")
    assert {name: one[name] for name in nightly} == nightly
    assert one["currency"] == "EUR"
    steps = shared.database.execute(
        "select step, source, status, row_count from finops.etl_steps where run_id = %s order by step_id",
        [nightly["run_id"]],
    ).fetchall()
    assert [(step["step"], step.get("source"), step["status"], step.get("rows")) for step in one["steps"]] == steps
    assert one["scopes"] == [
        {
            "source": "focus.nimbus",
            "period": period,
            "attempt": 1,
            "status": "PUBLISHED",
            "records_landed": landed,
            "records_released": released,
            "records_rejected": 1,
            "records_set_apart": 0,
            "records_duplicate": 0,
            **cost,
        }
        for period, landed, released, cost in (
            ("2026-09", 4, 3, {"cost_after": "157.25"}),
            ("2026-10", 6, 5, {"cost_after": "190.000000000001"}),
        )
    ]


@pytest.mark.parametrize("caller", ["storefront", "payments", "nothing"])
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/runs/{known}", "/v1/runs/86a7b04b-43e8-4dca-8e68-01d9e96b0222"])
def test_whoever_may_not_see_everything_is_told_who_may(shared: Shared, caller: str, path: str) -> None:
    known = scalar(shared.database, "select run_id from finops.etl_runs limit 1")
    problem = shared.problem(path.format(known=known), 403, caller)
    assert "callers who may see everything" in problem["detail"]
    assert "finops-api token NAME --everything" in problem["detail"]
    headers = shared.service.get("/v1/runs", token=shared.tokens[caller]).headers
    assert (headers["cache-control"], "etag" in headers) == ("no-store", False)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("groups", ["*", ["storefront"], ["*"], []])
def test_postgresql_itself_shows_runs_to_who_may_see_everything(shared: Shared, view: str, groups: Scope) -> None:
    with shared.database.transaction():
        say_who_calls(shared.database, groups)
        count = scalar(shared.database, f"select count(*) from finops_api.{view}")  # noqa: S608
    assert (count > 0) == (groups == "*")


def test_runs_are_told_of_newest_first_page_by_page_and_as_csv(service: Service, costs: Database) -> None:
    add_run(
        costs,
        "2026-12-01T03:00:00Z",
        status="FAILED",
        error="focus.nimbus: the folder is not there; create it",
        periods=["2026-12-01", "2026-11-01"],
    )
    running = add_run(costs, "2026-12-02T03:00:00Z", status="RUNNING", end_time=None)
    add_run(
        costs,
        "2026-12-01T03:00:00Z",
        kind="reprocess",
        reason="price corrected",
        changes='{"2026-10": "-12.50", "2026-09": "3"}',
        waiting_scopes=["focus.nimbus 2026-09", "cmdb.vm 2026-09", "focus.my bill 2026-08"],
    )
    told = service.json("/v1/runs")["data"]
    assert [run["started_at"] for run in told] == sorted((run["started_at"] for run in told), reverse=True)
    assert (told[0]["run_id"], told[0]["status"]) == (running, "RUNNING")
    assert told[0].keys().isdisjoint({"ended_at", "seconds", "error", "reason", "from", "to"})
    [failed] = service.json("/v1/runs?status=FAILED")["data"]
    assert (failed["error"], failed["seconds"]) == ("focus.nimbus: the folder is not there; create it", 3600)
    assert (failed["from"], failed["to"]) == ("2026-11", "2026-12")
    [reprocess] = service.json("/v1/runs?kind=reprocess&status=SUCCESS&status=FAILED")["data"]
    assert reprocess["changes"] == [{"period": "2026-09", "amount": "3"}, {"period": "2026-10", "amount": "-12.50"}]
    assert [(scope["period"], scope["source"]) for scope in reprocess["waiting"]] == [
        ("2026-08", "focus.my bill"),
        ("2026-09", "cmdb.vm"),
        ("2026-09", "focus.nimbus"),
    ]
    pages, answer = [], service.get("/v1/runs?limit=1")
    while True:
        pages += answer.json()["data"]
        add_run(costs, "2026-12-03T03:00:00Z")  # what begins meanwhile moves no page
        if "next" not in answer.links:
            break
        answer = service.get(answer.links["next"]["url"])
    assert pages == told
    lines = list(csv.DictReader(io.StringIO(service.get("/v1/runs?kind=reprocess", headers=CSV).text)))
    assert [(line["changes"], line["reason"], line["from"]) for line in lines] == [
        ("2026-09 3; 2026-10 -12.50", "price corrected", "")
    ]
    assert len(service.get("/v1/runs?limit=1", headers=CSV).text.splitlines()) == 1 + len(
        service.json("/v1/runs")["data"]
    )


def test_a_cursor_that_is_none_of_ours_is_refused(service: Service, costs: Database) -> None:
    add_run(costs, "2026-12-01T03:00:00Z")
    cursor = service.json("/v1/runs?limit=1")["next"]
    assert service.get(f"/v1/runs?limit=1&status=FAILED&cursor={cursor}").status_code == 422
    assert service.get(f"/v1/runs?limit=1&cursor={cursor[:-4]}").status_code == 422


def test_a_run_that_is_not_there_is_a_404(shared: Shared) -> None:
    assert "`/v1/runs` lists them" in shared.problem(f"/v1/runs/{UUID(int=1)}", 404)["detail"]


def test_a_run_that_fails_makes_these_answers_new_and_no_other(
    server: Embedded, service: Service, costs: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [nightly] = service.json("/v1/runs")["data"][-1:]
    of_runs: list[tuple[str, dict[str, str]]] = [
        ("/v1/runs", {}),
        ("/v1/runs", CSV),
        ("/v1/runs?kind=adhoc&limit=5", {}),
    ]
    others: list[tuple[str, dict[str, str]]] = [
        ("/v1/costs", {}),
        ("/v1/me", {}),
        (f"/v1/runs/{nightly['run_id']}", {}),
    ]
    asked = [*of_runs, *others]
    tags = [service.get(path, headers=headers).headers["etag"] for path, headers in asked]

    def statuses() -> list[int]:
        known = zip(asked, tags, strict=True)
        return [
            service.get(path, headers={**headers, "If-None-Match": tag}).status_code for (path, headers), tag in known
        ]

    assert statuses() == [304] * 6
    with monkeypatch.context() as patch:
        for variable, value in variables(server, costs.info.dbname, LOADER_LOGIN).items():
            patch.setenv(variable, value)
        patch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path))
        assert finops("extract", "--period", "2026-10", "--as-of", "2026-11-21") == 1  # there is no bill in this folder
    assert statuses() == [200] * 3 + [304] * 3
    failed = service.json("/v1/runs")["data"][0]
    assert (failed["status"], bool(failed["error"])) == ("FAILED", True)


def test_a_step_that_begins_and_one_that_ends_each_make_another_answer(service: Service, costs: Database) -> None:
    run = add_run(costs, "2026-12-01T03:00:00Z", status="RUNNING", end_time=None)
    tags = [service.get(f"/v1/runs/{run}").headers["etag"]]
    for statement in (
        "insert into finops.etl_steps (run_id, step) select run_id, 'extract' from finops.etl_runs where run_id = %s",
        "update finops.etl_steps set status = 'FAILED', error = 'no', end_time = now() where run_id = %s",
        "update finops.etl_runs set status = 'FAILED', error = 'no', end_time = now() where run_id = %s",
    ):
        costs.execute(statement.encode(), [run])
        tags.append(service.get(f"/v1/runs/{run}").headers["etag"])
    assert len({*tags}) == 4
