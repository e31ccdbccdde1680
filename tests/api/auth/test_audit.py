"""Who asked for whose costs is on record, and no record is lost."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.service import api, write_tokens
from tests.e2e.finops import Database, scalar

ASKED = (
    "/v1/groups/payments/costs",
    "/v1/costs?group_by=group&from=2026-10&to=2026-10",
    "/v1/applications/SHOP-WEB/costs",
    "/v1/costs?wrong=1",
    "/v1/applications",
    "/api/cost-insights/projects?group=payments",
)

CUT = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'finops-api-audit'"


@pytest.fixture
def audited(costs: Database) -> Database:
    """A database with the role that writes the trail, as `finops init-db` makes it."""
    with suppress(psycopg.errors.DuplicateObject):
        costs.execute("create role finops_audit nologin")
    costs.execute("select finops.harden_database()")
    return costs


def ask(tokens_file: Path, where: str, *paths: str) -> tuple[list[int], list[dict[str, Any]]]:
    """Ask an API with this setting, and stop it; its answers and what it logged of them."""
    made = write_tokens(tokens_file, shop=["payments"])
    given = {"FINOPS_API_TOKENS_FILE": str(tokens_file), "FINOPS_API_AUDIT": where}
    with api(token=made["shop"], environment=given) as service:
        sent = [{"X-Request-ID": f"r{number}"} for number in range(len(paths))]
        statuses = [service.get(path, headers=headers).status_code for path, headers in zip(paths, sent, strict=True)]
        others = (("/v1/costs", ""), ("/readyz", ""), ("/docs", None))  # no caller, no cost, neither
        statuses += [service.get(path, token=token).status_code for path, token in others]
        service.process.terminate()
        service.process.wait(30)
        lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    return statuses, [line for line in lines if line["logger"] == "finops.audit"]


def test_nothing_is_recorded_unless_it_is_set(costs: Database, tokens_file: Path) -> None:
    _, logged = ask(tokens_file, "", *ASKED)
    assert logged == []
    assert scalar(costs, "select count(*) from finops.api_audit") == 0


def test_a_log_has_a_line_of_each_request_of_a_caller(costs: Database, tokens_file: Path) -> None:
    statuses, logged = ask(tokens_file, "log", *ASKED)
    assert statuses == [200, 200, 404, 422, 200, 200, 401, 200, 200]
    assert [line["status"] for line in logged] == [200, 200, 404, 422, 200, 200]
    version = scalar(costs, "select version from finops_api.data_version")
    assert [line.get("data_version") for line in logged] == [version, version, version, None, version, version]
    assert {(line["caller"], tuple(line["keys"]), line["method"]) for line in logged} == {
        ("shop", ("payments",), "GET")
    }
    assert [line["groups"] for line in logged] == [["payments"], [], [], [], [], ["payments"]]
    assert [line["applications"] for line in logged] == [[], [], ["SHOP-WEB"], [], [], []]
    assert [line["route"] for line in logged[:3]] == [
        "/v1/groups/{group_id}/costs",
        "/v1/costs",
        "/v1/applications/{application_id}/costs",
    ]
    assert [line["request_id"] for line in logged] == [f"r{number}" for number in range(6)]
    assert logged[1]["query"] == "group_by=group&from=2026-10&to=2026-10"
    assert all("110.25" not in json.dumps(line) for line in logged)  # what payments cost


def test_the_table_has_them_too_and_none_is_lost_at_shutdown(audited: Database, tokens_file: Path) -> None:
    _, logged = ask(tokens_file, "table", *ASKED)
    assert logged == []
    rows = audited.execute(
        "select caller, keys, route, groups, status, request_id, asked_at > now() - interval '5 minutes'"
        " from finops.api_audit order by asked_at"
    ).fetchall()
    assert [row[4] for row in rows] == [200, 200, 404, 422, 200, 200]
    assert rows[0] == ("shop", ["payments"], "/v1/groups/{group_id}/costs", ["payments"], 200, "r0", True)


@pytest.mark.hostile
def test_hostile_texts_are_recorded_as_they_were_sent(audited: Database, tokens_file: Path) -> None:
    paths = (
        "/v1/costs?group=%00%FF&x=%0A%7B",
        "/v1/groups/%00/costs",
        "/v1/applications/a%1B%5B31m/costs?%22",
        "/v1/groups/" + "x" * 3000 + "/costs",
    )
    statuses, logged = ask(tokens_file, "table", *paths)
    assert all(status in {200, 404, 422} for status in statuses[:4])
    assert logged == []
    found = [
        path + ("?" + query if query else "")
        for path, query in audited.execute("select path, query from finops.api_audit order by asked_at")
    ]
    assert found == [*paths]


def test_what_the_table_does_not_take_is_logged(audited: Database, tokens_file: Path) -> None:
    audited.execute("revoke insert on finops.api_audit from finops_audit")
    _, logged = ask(tokens_file, "table", *ASKED)
    assert [line["status"] for line in logged if "status" in line] == [200, 200, 404, 422, 200, 200]
    assert "finops.api_audit can't be written, so its records are here: permission denied" in logged[0]["message"]


def test_a_table_that_comes_back_is_written_again(audited: Database, tokens_file: Path) -> None:
    token = write_tokens(tokens_file, shop=["payments"])["shop"]
    given = {"FINOPS_API_TOKENS_FILE": str(tokens_file), "FINOPS_API_AUDIT": "table"}
    with api(token=token, environment=given) as service:
        for number in range(3):
            assert service.get("/v1/costs").status_code == 200
            for _ in range(50):
                if scalar(audited, "select count(*) from finops.api_audit") == number + 1:
                    break
                time.sleep(0.1)
            audited.execute(CUT)
            if number == 0:
                audited.execute("alter table finops.api_audit rename to away")
                assert service.get("/v1/costs").status_code == 200
                time.sleep(1.5)
                audited.execute("alter table finops.away rename to api_audit")
        log = service.log.read_text()
    assert log.count('"logger": "finops.audit"') >= 2
    recorded = scalar(audited, "select count(*) from finops.api_audit where caller = 'shop'")
    assert int(str(recorded)) + log.count('"caller": "shop", "keys"') >= 3


@pytest.mark.parametrize(
    "statement",
    [
        "select * from finops.api_audit",
        "delete from finops.api_audit",
        "truncate finops.api_audit",
        "update finops.api_audit set caller = ''",
        "select * from finops.fact_releve",
        "select * from finops_api.visible_app_costs",
    ],
)
def test_the_role_of_the_trail_may_only_insert(audited: Database, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), audited.transaction():
        audited.execute(f"set local role finops_audit; {statement}".encode())
