"""HTTP: what may be asked and what is wrong with it, pages, CSV, caches, limits, logs and metrics."""

from __future__ import annotations

import base64
import csv
import io
import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.api.http.test_page import folder
from tests.api.service import Process, Service, Shared, api, api_here, republish, write_tokens
from tests.e2e.finops import Database

LISTS = ("applications", "groups", "domains", "families", "products", "sources", "periods", "prices")
CSV = {"Accept": "text/csv"}
DIMENSIONS = ["application", "group", "domain", "family", "product", "source", "charge_category", "month", "quarter"]
SELECTION = ["from", "to", "domain", "family", "product", "source", "charge_category", "currency"]
PARAMETERS = ["limit", "cursor", *SELECTION, "group_by", "order", "compare", "top"]


def table(text: str) -> list[dict[str, str]]:
    """The lines of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def cursor_of(*content: object) -> str:
    """A cursor that somebody made up."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


# What may be asked


@pytest.mark.parametrize(
    ("path", "parameter", "allowed"),
    [
        ("/v1/costs?group_by=team", "group_by", DIMENSIONS),
        ("/v1/costs?group_by=domain&group_by=domain", "group_by", None),
        ("/v1/costs?group_by=domain&group_by=family&group_by=source&group_by=month", "group_by", None),
        ("/v1/costs?order=price", "order", ["-cost", "cost", "-delta", "delta", "key", "-key"]),
        ("/v1/costs?order=delta", "order", ["-cost", "cost", "key", "-key"]),
        ("/v1/costs?compare=last", "compare", ["none", "previous"]),
        ("/v1/history?granularity=week", "granularity", ["month", "quarter"]),
        ("/v1/costs?domain=cloud", "domain", ["public_cloud"]),
        ("/v1/costs?family=Integrations", "family", ["Integration"]),
        ("/v1/history?product=queue", "product", ["nimbus.database", "nimbus.queue"]),
        ("/v1/costs?source=focus", "source", ["focus.nimbus"]),
        ("/v1/costs?currency=USD", "currency", ["EUR"]),
        ("/v1/costs?form=2026-09", "form", PARAMETERS),
        ("/v1/applications?limits=3", "limits", ["limit", "cursor", "q"]),
        ("/v1/products?q=vm", "q", ["limit", "cursor"]),
        ("/v1/groups?q=", "q", None),
        ("/v1/groups?q=%00", "q", None),
        (f"/v1/groups?q={'x' * 201}", "q", None),
        ("/v1/applications/SHOP-WEB/owners?limit=1", "limit", []),
        ("/v1/me?x=1", "x", []),
        ("/v1/runs?status=BROKEN", "status", ["RUNNING", "SUCCESS", "FAILED"]),
        ("/v1/runs?kind=daily", "kind", ["nightly", "reprocess", "adhoc"]),
        ("/v1/runs?state=FAILED", "state", ["limit", "cursor", "status", "kind"]),
        ("/v1/runs/86a7b04b-43e8-4dca-8e68-01d9e96b0222?steps=1", "steps", []),
        ("/v1/runs/last", "run_id", None),
        ("/v1/costs?from=2026-13", "from", None),
        ("/v1/costs?from=2026-9", "from", None),
        ("/v1/costs?to=2026-09-01", "to", None),
        ("/v1/costs?from=0001-01", "from", None),
        ("/v1/costs?from=2026-10&to=2026-09", "from", None),
        ("/v1/costs?from=1970-01&to=2199-12", "from", None),
        ("/v1/costs?limit=0", "limit", None),
        ("/v1/costs?limit=1001", "limit", None),
        ("/v1/costs?top=0", "top", None),
        ("/v1/costs?top=101", "top", None),
        ("/v1/costs?family=%00", "family", None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_would_be_right(
    shared: Shared, path: str, parameter: str, allowed: list[str] | None
) -> None:
    problem = shared.problem(path, 422)
    assert [(fault["parameter"], fault.get("allowed")) for fault in problem["errors"]] == [(parameter, allowed)]
    assert problem["detail"].startswith(f"{parameter}: ")


def test_all_that_is_wrong_is_said_at_once(shared: Shared) -> None:
    problem = shared.problem("/v1/costs?group_by=team&from=now&limit=x", 422)
    assert {fault["parameter"] for fault in problem["errors"]} == {"group_by", "from", "limit"}


# Lists and pages


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_the_same_in_pages_whole_and_as_csv(shared: Shared, name: str) -> None:
    whole = shared.json(f"/v1/{name}")
    assert whole["data"]
    assert "next" not in whole
    found: list[Any] = []
    answer = shared.service.get(f"/v1/{name}?limit=1")
    while True:
        found += answer.json()["data"]
        if "next" not in answer.links:
            break
        answer = shared.service.get(answer.links["next"]["url"])
    assert found == whole["data"]
    lines = table(shared.service.get(f"/v1/{name}", headers=CSV).text)
    worked_out = {"is_open", "estimated_share"}
    assert [{key: value for key, value in line.items() if value} for line in lines] == [
        {key: str(value) for key, value in entry.items() if key not in worked_out} for entry in whole["data"]
    ]


def test_what_lists_hold(shared: Shared) -> None:
    assert shared.json("/v1/groups")["data"][-2] == {
        "group_id": "storefront",
        "group_name": "Storefront",
        "application_count": 4,
        "total_application_count": 4,
        "first_period": "2026-09",
        "last_period": "2026-10",
    }
    assert [row["period"] for row in shared.json("/v1/periods")["data"]] == ["2026-09", "2026-10"]
    assert [row["family"] for row in shared.json("/v1/families")["data"]] == ["Integration"]
    assert [row["product_name"] for row in shared.json("/v1/products")["data"]] == ["nimbus.database", "nimbus.queue"]
    assert [row["source"] for row in shared.json("/v1/sources")["data"]] == ["focus.nimbus"]
    assert [row["domain"] for row in shared.json("/v1/domains")["data"]] == ["public_cloud"]


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("/v1/applications", "shop-w", ["SHOP-WEB"]),
        ("/v1/applications", "WEB SHOP", ["SHOP-WEB"]),
        ("/v1/applications", "%", ["100%_OK"]),
        ("/v1/applications", "_ok", ["100%_OK"]),
        ("/v1/applications", "0%_o", ["100%_OK"]),
        ("/v1/applications", "ÉTÉ", ["100%_OK"]),
        ("/v1/applications", "\\", []),
        ("/v1/groups", "STORE", ["storefront"]),
        ("/v1/groups", "%", []),
    ],
)
def test_a_list_is_searched_by_id_and_name(
    service: Service, costs: Database, path: str, text: str, found: list[str]
) -> None:
    costs.execute(
        "update finops.dim_application set application_name = 'The Web Shop' where application_id = 'SHOP-WEB'"
    )
    costs.execute(
        "insert into finops.dim_application (application_id, application_name, group_id, group_name)"
        " values ('100%_OK', 'Campagne d''été', 'storefront', 'Storefront')"
    )
    costs.execute("refresh materialized view finops.mv_application")
    key = "application_id" if path == "/v1/applications" else "group_id"
    assert [row[key] for row in service.json(path, params={"q": text})["data"]] == found
    assert [row[key] for row in table(service.get(path, params={"q": text}, headers=CSV).text)] == found


def test_a_search_goes_on_as_it_began(shared: Shared) -> None:
    everything = shared.json("/v1/applications", q="S")["data"]
    first = shared.json("/v1/applications", q="S", limit=1)
    rest = shared.json("/v1/applications", q="S", cursor=first["next"])
    assert first["data"] + rest["data"] == everything
    assert 1 < len(everything) < len(shared.json("/v1/applications")["data"])
    for other in ({}, {"q": "s"}):
        shared.problem("/v1/applications", 422, cursor=first["next"], **other)


def test_a_search_shows_one_s_own_groups_alone(shared: Shared) -> None:
    assert shared.json("/v1/applications", "payments", q="shop")["data"] == []
    assert shared.json("/v1/groups", "payments", q="o")["data"] == []


def test_a_cursor_is_for_one_question(shared: Shared) -> None:
    first = shared.json("/v1/costs", group_by="application", limit=2)
    assert shared.json("/v1/costs", group_by="application", limit=3, cursor=first["next"])["line_count"] == 5
    for other in (
        {"group_by": "product"},
        {"group_by": "application", "order": "cost"},
        {"group_by": "application", "to": "2026-09"},
    ):
        fault = shared.problem("/v1/costs", 422, cursor=first["next"], **other)["errors"][0]
        assert (fault["parameter"], "belongs to another request" in fault["detail"]) == ("cursor", True)
    assert shared.problem("/v1/costs", 422, group_by="application", top=2, cursor=first["next"])


def test_a_made_up_cursor_is_refused(shared: Shared) -> None:
    good = shared.json("/v1/costs", group_by="application", limit=1)["next"]
    question, version, rank, key = json.loads(base64.urlsafe_b64decode(good + "=="))
    for cursor in (
        "",
        "é",
        "null",
        good[:-3],
        good + "x",
        cursor_of(),
        cursor_of(question, version, rank),
        cursor_of(question, version, "1e999999", key),
        cursor_of(question, version, "NaN", key),
        cursor_of(question, version, 1, key),
        cursor_of(question, version, rank, None),
        cursor_of(question, version, rank, "\x00"),
        cursor_of(question, version, rank, "\ud800"),
        base64.urlsafe_b64encode(b"[" * 1400).decode(),
    ):
        assert shared.problem("/v1/costs", 422, group_by="application", limit=1, cursor=cursor)["errors"]


def test_a_cursor_does_not_outlive_its_data(service: Service, costs: Database) -> None:
    cursor = service.json("/v1/applications?limit=1")["next"]
    republish(costs)
    answer = service.get(f"/v1/applications?limit=1&cursor={cursor}")
    assert answer.status_code == 409
    assert "start again" in answer.json()["detail"]


# CSV


@pytest.mark.parametrize("asked", ["", "&compare=previous&from=2026-10", "&top=2", "&limit=1&order=key"])
def test_csv_has_all_lines_of_the_json(shared: Shared, asked: str) -> None:
    path = f"/v1/costs?group_by=month&group_by=application{asked}"
    answer = shared.service.get(path, headers=CSV)
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    expected = shared.json(path.replace("&limit=1", ""))["data"]
    assert [(line["month"], line["application"], line["cost"], line["delta"]) for line in table(answer.text)] == [
        (
            line["keys"].get("month", ""),
            line["keys"].get("application", ""),
            line["cost"],
            line.get("delta", {}).get("amount", ""),
        )
        for line in expected
    ]
    assert {line["currency"] for line in table(answer.text)} == {"EUR"}


def test_history_is_csv_too(shared: Shared) -> None:
    assert shared.service.get("/v1/history", headers=CSV).text.splitlines() == [
        "period,cost,currency,estimated,previous,delta,ratio,is_open",
        "2026-09,157.25,EUR,0,,,,false",
        "2026-10,190.000000000001,EUR,0,157.25,32.750000000001,0.208267,false",
    ]


@pytest.mark.hostile
def test_no_text_in_a_csv_is_a_formula(costs: Database) -> None:
    names = {
        '=HYPERLINK("https://elsewhere.example";"Costs")': '\'=HYPERLINK("https://elsewhere.example";"Costs")',
        "+1": "'+1",
        "-2": "'-2",
        "@SUM(A1)": "'@SUM(A1)",
        " \t =1": "' \t =1",
        "\uff1d1": "'\uff1d1",
        "Shop;=1": "Shop;'=1",  # for one whose separator is a semicolon
        "Shop\n=1": "Shop\n'=1",
        "R&D - a=b, 1+1": "R&D - a=b, 1+1",
        "'=1": "'=1",
    }
    with api_here(insecure_local=True) as service:
        for name, written in names.items():
            costs.execute(
                "update finops.dim_application set application_name = %s where application_id = 'ERP'", [name]
            )
            costs.execute("refresh materialized view finops.mv_application")
            told = service.get("/v1/applications").json()["data"]
            answer = service.get("/v1/applications", headers=CSV)
            names_of = {line["application_id"]: line["application_name"] for line in table(answer.text)}
            assert names_of["ERP"] == written
            assert {line["application_name"] for line in told} >= {name}
            assert answer.headers["content-disposition"] == 'attachment; filename="applications.csv"'


def test_a_browser_shows_no_answer_as_a_page(shared: Shared) -> None:
    for path in ("/v1/costs", "/v1/costs?from=now", "/v1/nothing", "/livez", "/openapi.json"):
        headers = shared.service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", path
        assert headers["cross-origin-resource-policy"] == "same-origin", path


def test_csv_has_a_ceiling(costs: Database) -> None:
    assert costs.info.dbname
    with api_here(insecure_local=True, csv_lines=5) as service:
        assert len(table(service.get("/v1/costs?group_by=application", headers=CSV).text)) == 5
        refused = service.get("/v1/costs?group_by=application&group_by=month", headers=CSV)
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "group_by")
    assert "more than 5 lines" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/html, text/csv;q=0.9, */*;q=0.1", "text/csv"),
        ("application/*;q=0.2, text/csv;q=0", "application/json"),
    ],
)
def test_accept_chooses(shared: Shared, accept: str, media_type: str) -> None:
    answer = shared.service.get("/v1/costs", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type)


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=1", "*/*;q=0", "text/csv;q=none"])
def test_who_takes_neither_is_told_so(shared: Shared, accept: str) -> None:
    answer = shared.service.get("/v1/costs", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")


def test_a_slow_reader_holds_no_connection_and_is_given_up(costs: Database) -> None:
    costs.execute(
        "insert into finops.fact_releve select md5(number::text)::uuid, run_id, application_id,"
        " 'p' || number || repeat('x', 1000), family, domain, charge_category, period, usage_quantity, usage_unit,"
        " unit_cost, total_cost, currency, source_cost, source_currency, billed_cost, list_cost, source, is_estimated,"
        " estimated_cost, estimated_reasons, line_count, daily_cost, created_at"
        " from finops.fact_releve cross join generate_series(1, 20000) as number where application_id = 'SEARCH'"
    )
    republish(costs)
    environment = {"FINOPS_API_POOL_SIZE": "1", "FINOPS_API_STALL_TIMEOUT": "2"}
    with api("--insecure-local", environment=environment) as service:
        address = urlsplit(service.url)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((address.hostname, address.port))
            slow.sendall(b"GET /v1/costs HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\n\r\n")
            assert slow.recv(12) == b"HTTP/1.1 200"
            assert service.json("/v1/costs?limit=1")["line_count"] == 20_002
            for _ in range(100):
                if "client stalled" in service.log.read_text():
                    break
                time.sleep(0.1)
            assert "client stalled for 2.0 s; connection closed" in service.log.read_text()
        whole = service.get("/v1/costs", headers=CSV)
        assert (len(whole.text.splitlines()), whole.headers.get("content-encoding")) == (20_003, "gzip")


# Caches


def test_what_did_not_change_is_a_304_until_something_is_published(service: Service, costs: Database) -> None:
    for path in ("/v1/costs", "/v1/history", "/v1/applications", "/v1/applications/ERP/costs?group_by=month"):
        first = service.get(path)
        tag = first.headers["etag"]
        for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            again = service.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            assert again.headers["cache-control"] == first.headers["cache-control"] == "private, no-cache"
        assert service.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200
        republish(costs)
        changed = service.get(path, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)


def test_no_cache_gives_one_s_answer_to_another(shared: Shared) -> None:
    tags = set()
    for caller in ("everything", "storefront", "payments"):
        for headers in ({}, CSV):
            answer = shared.service.get("/v1/costs", token=shared.tokens[caller], headers=headers)
            assert {"accept", "authorization"} <= {name.strip().lower() for name in answer.headers["vary"].split(",")}
            tags.add(answer.headers["etag"])
    assert len(tags) == 6
    for tag in tags - {shared.service.get("/v1/costs").headers["etag"]}:
        assert shared.service.get("/v1/costs", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/v1/nowhere", "/v1/costs?top=0"])
def test_what_says_nothing_of_caches_is_kept_by_none(shared: Shared, path: str) -> None:
    assert shared.service.get(path).headers["cache-control"] == "no-store"


def test_a_token_that_is_gone_gets_no_304(shared: Shared) -> None:
    tag = shared.service.get("/v1/costs").headers["etag"]
    answer = shared.service.get("/v1/costs", token="", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["cache-control"]) == (401, "no-store")


def test_a_large_answer_is_compressed_for_who_can_read_it(shared: Shared) -> None:
    path = "/v1/costs?group_by=application&group_by=month&group_by=product&compare=previous"
    plain = shared.service.get(path, headers={"Accept-Encoding": "identity"})
    packed = shared.service.get(path, headers={"Accept-Encoding": "gzip"})
    assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
    assert plain.json() == packed.json()
    assert plain.headers["etag"] == packed.headers["etag"]


# Limits, logs, metrics


def test_one_caller_s_allowance_ends_and_the_other_s_does_not(costs: Database, tokens_file: Path) -> None:
    assert costs.info.dbname
    made = write_tokens(tokens_file, busy="*", quiet="*")
    with api_here(tokens_file=tokens_file, rate_limit="3/hour") as service:
        answers = [service.get("/v1/groups", token=made["busy"]) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 0 < int(answers[3].headers["retry-after"]) <= 3600
        assert answers[3].headers["content-type"] == "application/problem+json"
        assert service.get("/v1/groups", token=made["quiet"]).status_code == 200
        assert service.get("/healthz", token=made["busy"]).status_code == 200


def test_a_query_that_takes_too_long_is_a_503(costs: Database) -> None:
    with api_here(insecure_local=True, statement_timeout=0.2) as service:
        assert service.get("/v1/groups").status_code == 200
        with costs.transaction():
            costs.execute("refresh materialized view finops.mv_application")  # readers wait for its end
            started = time.monotonic()
            answer = service.get("/v1/groups")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert time.monotonic() - started < 5


def test_the_access_log_tells_who_and_what_and_no_secret(process: Process) -> None:
    assert process.token
    process.get("/v1/groups?access_token=hunter2")
    process.get("/v1/costs?limit=1")
    for _ in range(50):  # a line is written after its answer
        entries = [json.loads(line) for line in process.log.read_text().splitlines()]
        if entries[-1].get("path") == "/v1/costs":
            break
        time.sleep(0.1)
    requests_told = [entry for entry in entries if entry["logger"] == "finops.api.access"]
    assert [(entry["path"], entry["status"], entry["caller"]) for entry in requests_told] == [
        ("/v1/groups", 422, "everything"),
        ("/v1/costs", 200, "everything"),
    ]
    assert {"method", "bytes", "milliseconds", "client", "time", "level"} <= requests_told[0].keys()
    for secret in (process.token, "hunter2", "Bearer"):
        assert secret not in process.log.read_text()


def test_prometheus_is_told_of_requests_the_pool_and_the_data(service: Service) -> None:
    costs = ("/v1/costs", "/v1/applications/ERP/costs", "/v1/applications/NOPE/costs", "/nowhere")
    for path in (*costs, "/", "/docs", "/openapi.json", f"{folder(service)}/chart.js", "/page/1/secret.js"):
        service.get(path)
    requests.request("PROPFIND", f"{service.url}/v1/costs", timeout=30)
    answer = service.get("/metrics", token="")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for expected in (
        'seconds_count{method="GET",route="/v1/costs",status="200"} 1.0',
        'seconds_count{method="GET",route="/v1/applications/{application_id}/costs",status="200"} 1.0',
        'seconds_count{method="GET",route="/v1/applications/{application_id}/costs",status="404"} 1.0',
        'seconds_count{method="GET",route="none",status="404"} 1.0',
        'seconds_count{method="GET",route="/",status="200"} 1.0',
        'seconds_count{method="GET",route="/docs",status="200"} 2.0',
        'seconds_count{method="GET",route="/openapi.json",status="200"} 1.0',
        'seconds_count{method="GET",route="/page/{digest}/{path}",status="200"} 1.0',
        'seconds_count{method="GET",route="/page/{digest}/{path}",status="404"} 1.0',
        'seconds_count{method="other",route="/v1/costs",status="405"} 1.0',
        "finops_api_pool_size 2.0",
        "finops_api_data_as_of_seconds 1.",
    ):
        assert expected in answer.text
    for secret in ("ERP", "NOPE", "everything", "PROPFIND", "secret"):
        assert secret not in answer.text


def test_the_specification_describes_what_is_answered(shared: Shared) -> None:
    specification = shared.service.json("/openapi.json", token="")
    costs = specification["paths"]["/v1/applications/{application_id}/costs"]["get"]
    assert set(costs["responses"]) == {"200", "304", "401", "404", "406", "409", "422", "429", "503"}
    assert set(costs["responses"]["200"]["content"]) == {"application/json", "text/csv"}
    assert costs["responses"]["200"]["content"]["application/json"]["example"]["currency"] == "EUR"
    assert {"ETag", "Vary", "Link"} <= set(costs["responses"]["200"]["headers"])
    for path, operations in specification["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            undescribed = [
                parameter for parameter in operation.get("parameters", []) if not parameter.get("description")
            ]
            assert undescribed == [], path
            assert all(content.get("content") or status == "304" for status, content in operation["responses"].items())


def test_every_route_but_the_probes_asks_who_calls(shared: Shared) -> None:
    paths = shared.service.json("/openapi.json", token="")["paths"]
    open_to_all = {
        path
        for path in paths
        if shared.service.get(path.replace("{", "").replace("}", ""), token="").status_code != 401
    }
    assert open_to_all == {"/healthz", "/readyz", "/metrics"}
