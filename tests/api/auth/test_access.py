"""Who may see what, and that PostgreSQL itself holds to it."""

from __future__ import annotations

import json
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from finops.api.__main__ import cli
from finops.api.auth import tokens
from finops.api.settings import Scope
from tests.api.service import FAR, FINOPS_API, Process, Service, Shared, api, api_here, say_who_calls, write_tokens
from tests.e2e.finops import Database

VIEWS = {
    "visible_applications": "mv_application",
    "visible_app_costs": "owned_releves",
    "visible_app_months": "mv_cost_app_month",
    "visible_app_families": "agg_app_family_month",
    "visible_group_costs": "agg_group_product_month",
    "visible_group_families": "mv_group_family_month",
    "visible_group_periods": "mv_cost_group_period",
    "visible_products": "mv_group_product",
    "visible_rejects": "agg_rejected_month",
    "visible_gaps": "agg_gap_month",
    "visible_application_owners": "mv_application_owner",
}
EVERY_GROUP = {
    "corporate-it",
    "data-platform",
    "logistics",
    "payments",
    "platform-engineering",
    "storefront",
    "unallocated",
}


def seen(database: Database, groups: Scope, query: str, view: str = "") -> list[tuple[Any, ...]]:
    """The rows of a query for a caller of these groups."""
    with database.transaction():
        say_who_calls(database, groups)
        relation = sql.Identifier("finops_api", view)
        return database.execute(sql.SQL(query).format(view=relation)).fetchall()


def count(database: Database, relation: str) -> list[tuple[Any, ...]]:
    """How many rows a relation has, for its owner."""
    return database.execute(sql.SQL("select count(*) from {}").format(sql.Identifier("finops", relation))).fetchall()


def groups_of(service: Service, token: str) -> set[str]:
    """The groups whose applications a token shows."""
    return {application["group_id"] for application in service.json("/v1/applications", token=token)["data"]}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("groups", [[], ["nobody"], ["*"], [""]])
def test_nothing_is_shown_to_whom_nothing_was_granted(costs: Database, view: str, groups: Scope) -> None:
    assert seen(costs, groups, "select * from {view}", view) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_list_of_groups_shows_those_alone(costs: Database, view: str) -> None:
    shown = seen(costs, ["storefront", "payments"], "select distinct group_id from {view} order by 1", view)
    assert shown == [("payments",), ("storefront",)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_star_shows_everything(costs: Database, view: str) -> None:
    assert seen(costs, "*", "select count(*) from {view}", view) == count(costs, VIEWS[view])


def test_the_setting_ends_with_its_transaction(costs: Database) -> None:
    costs.execute("set finops.claims = none")
    assert seen(costs, "*", "select * from finops_api.visible_app_costs") != []
    assert costs.execute("select * from finops_api.visible_app_costs").fetchall() == []


def test_a_group_shows_what_is_below_it_in_the_tree(costs: Database) -> None:
    query = "select distinct group_id from finops_api.visible_app_costs order by 1"
    costs.execute(
        "update finops.dim_group set group_path = array['Division', group_id]"
        " where group_id in ('payments', 'storefront')"
    )
    costs.execute("refresh materialized view finops.mv_group_tree")
    for groups in (["division"], ["DIVISION"], ["division", "payments", "nobody"]):
        assert seen(costs, groups, query) == [("payments",), ("storefront",)]
    assert seen(costs, ["payments"], query) == [("payments",)]


def test_a_group_that_the_tree_does_not_know_yet_is_itself(costs: Database) -> None:
    costs.execute("delete from finops.dim_group; refresh materialized view finops.mv_group_tree")
    assert seen(costs, ["Payments"], "select distinct group_id from finops_api.visible_app_costs") == [("payments",)]


def test_a_key_that_the_database_does_not_know_is_a_503_that_the_log_explains(
    costs: Database, tokens_file: Path
) -> None:
    assert costs.info.dbname
    token = write_tokens(tokens_file, everything="*")["everything"]
    other = {"FINOPS_API_CLAIMS_KEY": "k" * 32, "FINOPS_API_TOKENS_FILE": str(tokens_file)}
    with api(token=token, environment=other) as running:
        for path in ("/v1/applications", "/readyz"):
            answer = running.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "the database does not accept what this API says of its callers" in answer.json()["detail"]
        said = running.log.read_text()
    assert "is not signed with a key of this database" in said
    assert "`finops init-db`" in said
    assert "kkk" not in said


def test_a_clock_that_is_far_behind_is_a_503_that_the_log_explains(process: Process, costs: Database) -> None:
    assert process.get("/v1/applications").status_code == 200
    # a server whose clock is six minutes ahead of the API's
    body = str(costs.execute("select pg_get_functiondef('finops_api.caller_keys()'::regprocedure)").fetchall()[0][0])
    costs.execute(body.replace("clock_timestamp()", "(clock_timestamp() + interval '6 minutes')").encode())
    assert process.get("/v1/applications").status_code == 503
    assert "set the clocks of the API and of PostgreSQL by the same time server" in process.log.read_text()


@pytest.mark.parametrize("key", [None, "short"])
@pytest.mark.parametrize("setting", ["TOKENS_FILE", "ISSUERS"])
def test_whoever_is_let_in_needs_a_key(key: str | None, setting: str) -> None:
    issuers = '[{"jwks_url": "https://a.example.com/keys", "issuer": "a", "audience": "b"}]'
    environment = {"TOKENS_FILE": "tokens.toml", "ISSUERS": issuers, "CLAIMS_KEY": key}
    given = {f"FINOPS_API_{name}": environment[name] for name in ("CLAIMS_KEY", setting)}
    done = CliRunner(env=given).invoke(cli, ["serve"])
    assert done.exit_code == 2
    assert "FINOPS_API_CLAIMS_KEY" in done.stderr
    assert "`finops init-db` makes" in done.stderr
    assert "'short'" not in done.stderr


def test_a_query_s_own_function_sees_no_hidden_row(costs: Database) -> None:
    costs.execute("create schema spying; grant all on schema spying to public")
    costs.execute(
        "create function spying.tell(text) returns boolean language plpgsql cost 0.0000001 as"
        " $$ begin if $1 <> 'payments' then raise exception 'saw %', $1; end if; return true; end $$"
    )
    shown = seen(costs, ["payments"], "select * from finops_api.visible_app_costs where spying.tell(group_id)")
    assert len(shown) == 2


@pytest.mark.parametrize(
    "query",
    [
        "select * from finops.fact_releve",
        "select * from finops.mv_cost_app_month",
        "select * from finops.etl_runs",
        "select * from finops_intermediate.int_usage_valued",
        "create table finops_api.mine ()",
        "alter view finops_api.visible_applications set (security_barrier = false)",
    ],
)
def test_the_role_can_do_nothing_but_read_its_views(costs: Database, query: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen(costs, "*", query)


def test_the_role_may_write_to_no_view(costs: Database) -> None:
    rights = costs.execute(
        "select privilege_type from information_schema.table_privileges where grantee = 'finops_api' group by 1"
    ).fetchall()
    assert rights == [("SELECT",)]


def test_the_filter_and_an_application_reach_the_index(costs: Database) -> None:
    costs.execute("set enable_seqscan = off; set enable_bitmapscan = off")
    for groups in ("*", ["storefront"]):
        query = "select * from finops_api.visible_app_costs where application_id = 'ERP' and period >= '2026-09-01'"
        plan = "\n".join(str(line[0]) for line in seen(costs, groups, f"explain {query}"))
        assert "Index Cond: ((application_id = 'ERP'::text) AND (period >= '2026-09-01'::date))" in plan


def test_the_days_add_up_to_the_month(costs: Database) -> None:
    query = (
        "select sum(total_cost), sum((select sum(day) from unnest(daily_cost) as day)),"
        " bool_and(cardinality(daily_cost) = extract(day from period + interval '1 month - 1 day')) from {view}"
    )
    total = Decimal("347.250000000001")
    for view in ("visible_app_costs", "visible_group_costs"):
        assert seen(costs, "*", query, view) == [(total, total, True)]


@pytest.mark.parametrize("path", ["/v1/applications"])
def test_without_a_token_nobody_is_let_in(shared: Shared, path: str) -> None:
    answer = shared.service.get(path, token="")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == 'Bearer realm="finops"'
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("token", ["finops_unknown", "nonsense", "a.b.c", "é", "*"])
def test_a_token_of_nobody_is_refused(shared: Shared, token: str) -> None:
    answer = shared.service.get("/v1/applications", headers={"Authorization": f"Bearer {token}".encode()}, token="")
    assert answer.status_code == 401


def test_a_token_shows_its_groups(service: Service, tokens_file: Path) -> None:
    made = write_tokens(tokens_file, all="*", shop=["storefront"], two=["payments", "logistics"], none=[])
    assert groups_of(service, made["all"]) == EVERY_GROUP
    assert groups_of(service, made["shop"]) == {"storefront"}
    assert groups_of(service, made["two"]) == {"payments", "logistics"}
    assert groups_of(service, made["none"]) == set()


def test_tokens_are_rotated_without_a_restart(service: Service, tokens_file: Path) -> None:
    assert service.token
    assert service.get("/v1/applications").status_code == 200
    made = write_tokens(tokens_file, new=["payments"])
    assert service.get("/v1/applications").status_code == 401
    assert groups_of(service, made["new"]) == {"payments"}


def test_a_token_that_has_expired_is_worth_nothing(service: Service, tokens_file: Path) -> None:
    token, entry = tokens.create("old", FAR, "*")
    tokens_file.write_text(entry.replace(str(FAR), "2020-01-01"))
    assert service.get("/v1/applications", token=token).status_code == 401


@pytest.mark.parametrize("content", ["[broken", '[a]\nsha256 = "short"\nexpires = 2099-01-01\ngroups = "*"\n'])
def test_a_damaged_file_of_tokens_lets_nobody_in_and_says_so_in_the_log(
    process: Process, tokens_file: Path, content: str
) -> None:
    tokens_file.write_text(content)
    answer = process.get("/v1/applications")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert str(tokens_file) not in answer.text
    assert f"no caller can be authenticated: {tokens_file}" in process.log.read_text()


def test_a_token_made_by_the_command_is_shown_once_and_works(service: Service, tokens_file: Path) -> None:
    done = CliRunner().invoke(cli, ["token", "shop", "--group", "storefront", "--expires", "2099-01-01"])
    token = done.stderr.split()[-1]
    assert token not in done.stdout
    tokens_file.write_text(done.stdout)
    assert groups_of(service, token) == {"storefront"}


@pytest.mark.parametrize("group", ["*", "group:*", "", "default/*", "a\0b", "x" * 256])
def test_a_token_for_what_can_not_be_a_group_is_not_made(group: str) -> None:
    done = CliRunner().invoke(cli, ["token", "shop", "--group", group, "--expires", "2099-01-01"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--group" in done.stderr


def test_a_token_names_groups_by_their_keys() -> None:
    groups = ["Group:Default/Payments", "platform/Team-A", "user:jane", 'R&D: "Core"']
    given = [argument for group in groups for argument in ("--group", group)]
    done = CliRunner().invoke(cli, ["token", "shop", *given, "--expires", "2099-01-01"])
    [entry] = tomllib.loads(done.stdout).values()
    assert entry["groups"] == ["payments", "platform/team-a", "user:default/jane", 'r&d: "core"']


def test_with_nothing_configured_nobody_is_let_in(costs: Database) -> None:
    assert costs.info.dbname
    with api(token="finops_whatever") as closed:
        assert closed.get("/v1/applications").status_code == 401
        assert "no authentication is configured, every request will get 401: set FINOPS" in closed.log.read_text()


def test_insecure_local_says_so_and_shows_everything(costs: Database) -> None:
    assert costs.info.dbname
    with api("--insecure-local") as local:
        assert groups_of(local, "") == EVERY_GROUP
        assert "everybody on this machine sees every cost" in local.log.read_text()


def test_insecure_local_shows_a_first_login_everything_without_a_role(costs: Database) -> None:
    assert costs.info.dbname
    with api("--insecure-local", environment={"FINOPS_API_ROLE": "nobody_made_it"}) as local:
        assert groups_of(local, "") == EVERY_GROUP


def test_insecure_local_answers_to_no_other_name() -> None:
    with api_here(insecure_local=True) as local:
        assert local.get("/v1/applications", headers={"Host": "rebound.example.com"}).status_code == 400


def test_insecure_local_is_for_the_loopback_address_alone() -> None:
    command = [FINOPS_API, "serve", "--insecure-local", "--host", "0.0.0.0"]  # noqa: S104 - refused
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "127.0.0.1 only, not on 0.0.0.0" in done.stderr


def test_insecure_local_is_no_setting_of_the_environment(costs: Database) -> None:
    assert costs.info.dbname
    with api(environment={"FINOPS_API_INSECURE_LOCAL": "true"}) as closed:
        assert closed.get("/v1/applications").status_code == 401


def test_browsers_of_other_origins_are_told_nothing_unless_configured(shared: Shared) -> None:
    answer = shared.service.get("/v1/applications", headers={"Origin": "https://backstage.example.com"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_configured_origin_may_call(costs: Database) -> None:
    assert costs.info.dbname
    origin = "https://backstage.example.com"
    with api_here(insecure_local=True, cors_origins=json.dumps([origin])) as local:
        allowed = local.get("/v1/applications", headers={"Origin": origin}).headers["access-control-allow-origin"]
        other = local.get("/v1/applications", headers={"Origin": "https://other.example.com"}).headers
    assert (allowed, other.get("access-control-allow-origin")) == (origin, None)
