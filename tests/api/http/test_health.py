"""Probes and errors, with and without the database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from finops.api.__main__ import cli
from tests.api.service import Service, Shared, api_here
from tests.e2e.finops import Database


def test_both_probes_are_well_without_a_token(shared: Shared) -> None:
    answers = [shared.service.get(path, token="") for path in ("/healthz", "/readyz")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "ok"})] * 2


def test_without_a_database_it_lives_is_not_ready_and_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"PGHOST": "127.0.0.1", "PGPORT": "9", "PGUSER": "nobody", "PGDATABASE": "none"}
    for variable, value in nowhere.items():
        monkeypatch.setenv(variable, value)
    with api_here(insecure_local=True, pool_timeout=0.3) as service:
        assert service.get("/healthz").status_code == 200
        for path in ("/readyz", "/v1/applications"):
            answer = service.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json() == {
                "type": "about:blank",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "the database does not answer",
                "instance": path,
            }


def test_a_database_without_aggregates_says_what_to_do(database: Database) -> None:
    database.execute("drop schema finops_api cascade")
    with api_here(insecure_local=True) as service:
        answer = service.get("/readyz")
        assert (answer.status_code, answer.json()["detail"]) == (
            503,
            "the database holds no aggregates yet: run `finops nightly` on it",
        )


def test_a_database_where_nothing_was_published_yet_is_not_ready(database: Database) -> None:
    assert database.info.dbname
    with api_here(insecure_local=True) as service:
        assert service.get("/readyz").status_code == 503


def test_connections_that_were_cut_are_replaced(service: Service, costs: Database) -> None:
    assert service.get("/v1/applications").status_code == 200
    costs.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'finops-api'"
        " and datname = current_database()"
    )
    for _ in range(20):
        answer = service.get("/v1/applications")
        assert answer.status_code in (200, 503)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1", "/v2", "/v1/applications/"])
def test_a_path_that_is_not_there_is_a_problem_too(shared: Shared, path: str) -> None:
    answer = shared.service.get(path, allow_redirects=False)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == f"there is no {path}"


def test_another_method_is_a_problem_too(shared: Shared) -> None:
    answer = shared.service.session.post(f"{shared.service.url}/v1/applications", timeout=30)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


def issuers_of(scopes: dict[str, Any]) -> str:
    """A setting that is right but for the scopes."""
    return json.dumps([{"jwks_url": "https://x", "audience": "a", "issuer": "i", "scopes": scopes}])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("ISSUERS", '[{"jwks_url": "ftp://x"}]'),
        ("POOL_SIZE", "0"),
        ("CORS_ORIGINS", "not json"),
        ("RATE_LIMIT", "often"),
        ("STRANGER_LIMIT", "seldom"),
        ("MAX_CONNECTIONS", "5"),
        ("TRUSTED_PROXIES", '["*"]'),
        ("TRUSTED_PROXIES", '["proxy.example.com"]'),
        ("ISSUERS", issuers_of({"a": ["*"]})),
        ("ISSUERS", issuers_of({"group:*": "*"})),
        ("ISSUERS", issuers_of({"group:a": "*", "group:default/A": []})),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str) -> None:
    done = CliRunner(env={f"FINOPS_API_{name}": value}).invoke(cli, ["serve"])
    assert (done.exit_code, f"FINOPS_API_{name}" in done.output) == (2, True), done.output
