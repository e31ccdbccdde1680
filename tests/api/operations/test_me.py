"""What a caller is told of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.service import Service, Shared, api_here, write_tokens
from tests.e2e.finops import Database


def test_a_caller_is_told_who_it_is(shared: Shared) -> None:
    published = {"as_of", "first_period", "last_period"}
    everything = shared.json("/v1/me")
    assert published <= everything.keys()
    assert {name: value for name, value in everything.items() if name != "as_of"} == {
        "name": "everything",
        "everything": True,
        "groups": [],
        "first_period": "2026-09",
        "last_period": "2026-10",
        "currencies": ["EUR"],
        "reporting_currency": "EUR",
    }
    assert everything["as_of"] == shared.json("/v1/costs")["as_of"]
    payments = shared.json("/v1/me", "payments")
    assert payments == {**everything, "name": "payments", "everything": False, "groups": ["payments"]}
    nothing = shared.json("/v1/me", "nothing")
    assert nothing == {**everything, "name": "nothing", "everything": False, "currencies": []}


def test_without_authentication_it_is_the_login_that_is_told(costs: Database) -> None:
    assert costs.info.dbname
    with api_here(insecure_local=True) as local:
        assert (local.json("/v1/me")["name"], local.json("/v1/me")["everything"]) == ("insecure-local", True)


@pytest.mark.parametrize(
    "missing", ["drop schema finops_api cascade", "drop view finops_api.data_version", "delete from finops.etl_steps"]
)
def test_before_the_first_nightly_it_answers_without_months(service: Service, costs: Database, missing: str) -> None:
    costs.execute("set session_replication_role = replica")  # no trigger keeps the steps
    costs.execute("delete from finops.fact_releve; delete from finops.agg_app_family_month")
    costs.execute("refresh materialized view finops.mv_cost_domain_period")
    costs.execute(missing.encode())
    told = service.json("/v1/me")
    assert (told["name"], told["everything"], told["groups"]) == ("everything", True, [])
    assert told.keys().isdisjoint({"as_of", "first_period", "last_period"})
    assert service.get("/v1/costs").status_code == 503


def test_it_is_json_alone(shared: Shared) -> None:
    assert shared.service.get("/v1/me", headers={"Accept": "text/csv, */*;q=0.1"}).json()["name"] == "everything"
    refused = shared.service.get("/v1/me", headers={"Accept": "text/csv"})
    assert (refused.status_code, refused.json()["detail"]) == (406, "there is application/json here: name it in Accept")


def test_a_cache_keeps_it_until_anything_in_it_changes(service: Service, costs: Database, tokens_file: Path) -> None:
    made = write_tokens(tokens_file, everything="*", shop=["storefront"])
    tags = []
    for token in made.values():
        answer = service.get("/v1/me", token=token)
        assert (answer.headers["cache-control"], "Authorization" in answer.headers["vary"]) == (
            "private, no-cache",
            True,
        )
        again = service.get("/v1/me", token=token, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        tags.append(answer.headers["etag"])
    assert len({*tags}) == 2
    assert service.get("/v1/me", token=made["shop"], headers={"If-None-Match": tags[0]}).status_code == 200
    # a token of the same name that shows more
    wider = write_tokens(tokens_file, shop=["storefront", "payments"])["shop"]
    answer = service.get("/v1/me", token=wider, headers={"If-None-Match": tags[1]})
    assert answer.json()["groups"] == ["payments", "storefront"]
    # another setting, without a publication
    [(view,)] = costs.execute("select pg_get_viewdef('finops_api.data_version'::regclass)").fetchall()
    costs.execute(f"create or replace view finops_api.data_version as {view.replace('EUR', 'GBP')}".encode())
    changed = service.get("/v1/me", token=wider, headers={"If-None-Match": answer.headers["etag"]})
    assert changed.json()["reporting_currency"] == "GBP"


def test_aggregates_of_an_older_version_are_told_from_a_mistake(service: Service, costs: Database) -> None:
    costs.execute("alter view finops_api.data_version rename column reporting_currency to was_not_there")
    answer = service.get("/v1/me")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "older version than this API: run `finops nightly`" in answer.json()["detail"]
