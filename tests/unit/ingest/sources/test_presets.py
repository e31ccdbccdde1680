"""Each product's preset over a real socket: what it is asked, what it documents that it answers, what goes wrong."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.sources.catalog import (
    ARTIFACTORY_STORAGE,
    CLOUDKITTY_SUMMARY,
    CLOUDKITTY_USAGE,
    CUBE_USAGE,
    GITLAB_CI_MINUTES,
    GITLAB_STORAGE,
    KUBERNETES_ALLOCATION,
    OPENSTACK_USAGE,
)
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import HttpSource, Window
from tests.unit.http_service import Answer, Service, answer
from tests.unit.limits import changed
from tests.unit.odd_service import Exchange, serving_oddly, tokens
from tests.unit.reading import FIRST, ONCE, QUICK, failure, ids, payloads, read

SEPTEMBER = Window(date(2026, 9, 1), date(2026, 9, 22))
SHOP, DATA = "gid://gitlab/Group/11", "gid://gitlab/Group/12"
BINARIES = {"binariesCount": "125,726", "binariesSize": "3.48 GB", "artifactsSize": "59.77 GB", "optimization": "5.82%"}


def usage(number: int, minutes: int = 10) -> dict[str, Any]:
    """A project's node of ciMinutesUsage."""
    project = {"id": f"gid://gitlab/Project/{number}", "fullPath": f"shop/{number}", "topics": ["java"]}
    return {"minutes": minutes, "sharedRunnersDuration": minutes * 60, "project": project}


def month(*nodes: dict[str, Any] | None, cursor: str | None = None, first: str = "2026-09-01") -> dict[str, Any]:
    """A month's node; GitLab has a cursor on the last page too, and says there that no page follows."""
    page = {"hasNextPage": cursor is not None, "endCursor": cursor or "the last one"}
    return {"month": "September", "monthIso8601": first, "projects": {"nodes": list(nodes), "pageInfo": page}}


def minutes_of(*months: dict[str, Any]) -> Answer:
    """GitLab's answer."""
    return answer({"data": {"ciMinutesUsage": {"nodes": list(months)}}})


def ci_minutes(
    service: Service, limits: ExtractionSettings = QUICK, namespaces: tuple[str, ...] = (SHOP,)
) -> list[Record]:
    """The records of the CI minutes of these namespaces."""
    options = {"ci_namespaces": json.dumps(namespaces), "token": "glpat-1"}
    return read(GITLAB_CI_MINUTES, service.url, (SEPTEMBER,), limits, **options)


@dataclass(frozen=True)
class Preset:
    """A product, an answer of it that is right, and what its one record is named (None: by its content)."""

    source: HttpSource
    document: Any
    record_id: str | None


NOVA = {"tenant_usages": [{"server_usages": [{"tenant_id": "t", "instance_id": "i", "hours": 1.0}]}]}
SUMMARY = {"total": 1, "columns": ["begin", "qty", "type"], "results": [["2026-09-01T00:00:00Z", 1.9, "volume.size"]]}
PRESETS = [
    Preset(OPENSTACK_USAGE, NOVA, "t/i"),
    Preset(CLOUDKITTY_USAGE, {"total": 1, "dataframes": [{"period": {}, "usage": {}}]}, None),
    Preset(CLOUDKITTY_SUMMARY, SUMMARY, None),
    Preset(KUBERNETES_ALLOCATION, {"code": 200, "data": [{"__idle__": {"name": "__idle__", "pvs": None}}]}, "__idle__"),
    Preset(GITLAB_STORAGE, [{"id": 7}], "7"),
    Preset(GITLAB_CI_MINUTES, {"data": {"ciMinutesUsage": {"nodes": [month(usage(7))]}}}, "gid://gitlab/Project/7"),
    Preset(ARTIFACTORY_STORAGE, {"repositoriesSummaryList": [{"repoKey": "npm"}, {"repoKey": "TOTAL"}]}, "npm"),
    Preset(CUBE_USAGE, {"data": [{"Usage.queries": "700"}]}, None),
]
every_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.source.path)


def records_of(preset: Preset, url: str, limits: ExtractionSettings = QUICK, /, **options: str) -> list[Record]:
    """The records of a preset, with what it can't do without."""
    required = {"cube": {"query": "{}"}, "gitlab": {"ci_namespaces": json.dumps([SHOP])}}
    return read(preset.source, url, (FIRST,), limits, **(required.get(preset.source.service, {}) | options))


# Every product


@every_preset
def test_a_right_answer_is_its_record(service: Service, preset: Preset) -> None:
    service.will(answer(preset.document))
    found = records_of(preset, service.url)
    assert len(found) == 1
    assert preset.record_id in (None, found[0].record_id)


@every_preset
def test_two_failures_of_the_server_are_got_over(service: Service, preset: Preset) -> None:
    service.will(Answer("oops", 500), Answer("<html>Bad Gateway</html>", 502), answer(preset.document))
    assert len(records_of(preset, service.url, changed(QUICK, http_attempts=3))) == 1


@every_preset
def test_a_page_for_people_is_one_clear_line(service: Service, preset: Preset) -> None:
    service.will(Answer("<html><body>Sign in to continue</body></html>"))
    said = failure(lambda: records_of(preset, service.url, ONCE))
    assert said == (
        f"{preset.source.name} ({service.url}): the answer is not JSON: check sources.{preset.source.service}.url"
    )


@every_preset
def test_half_an_answer_is_one_clear_line(service: Service, preset: Preset) -> None:
    service.will(Answer(json.dumps(preset.document)[:-1]))
    assert "the answer is not JSON" in failure(lambda: records_of(preset, service.url, ONCE))


@every_preset
def test_an_answer_that_breaks_off_is_one_clear_line(service: Service, preset: Preset) -> None:
    service.will(Answer(json.dumps(preset.document)[:-1], promised=9999))
    said = failure(lambda: records_of(preset, service.url, ONCE))
    assert said.startswith(f"{preset.source.name} ({service.url})")
    assert "\n" not in said


@every_preset
@pytest.mark.parametrize(
    "document",
    [{"errors": [{"message": "Internal server error"}]}, {"error": "Query timed out"}, {"message": "503"}, None],
    ids=repr,
)
def test_an_error_with_status_200_is_an_error_and_not_nothing(
    service: Service, preset: Preset, document: object
) -> None:
    service.will(answer(document))
    said = failure(lambda: records_of(preset, service.url, ONCE))
    assert said.startswith(f"{preset.source.name} ({service.url}): the answer")


@every_preset
def test_a_refused_token_names_its_setting(service: Service, preset: Preset) -> None:
    service.will(Answer('{"errors": [{"message": "Invalid token"}]}', 401))
    said = failure(lambda: records_of(preset, service.url, ONCE, token="s3cret"))
    assert f"answered 401 Unauthorized: check sources.{preset.source.service}.token" in said
    assert "s3cret" not in said


@every_preset
def test_a_token_that_expired_is_renewed_once(preset: Preset) -> None:
    presented: list[str | None] = []

    def reply(exchange: Exchange) -> None:
        presented.append(exchange.headers["Authorization"])
        if presented[-1] == "Bearer token-1":
            exchange.send(b'{"message": "401 Unauthorized"}', 401)
        else:
            exchange.send(json.dumps(preset.document).encode(), Content_Type="application/json")

    with serving_oddly(tokens()) as authority, serving_oddly(reply) as service:
        client = {"token_url": f"{authority.url}/token", "client_id": "finops", "client_secret": "s3cret"}
        assert len(records_of(preset, service.url, QUICK, **client)) == 1
    assert presented == ["Bearer token-1", "Bearer token-2"]


# GitLab's CI minutes


def test_ci_minutes_are_asked_for_by_namespace_and_month(service: Service) -> None:
    service.will(minutes_of(month(usage(1))))
    ci_minutes(service)
    asked = service.asked[0]
    assert (asked.method, asked.path, asked.headers["Authorization"]) == ("POST", "/api/graphql", "Bearer glpat-1")
    assert asked.body["variables"] == {"namespaceId": SHOP, "date": "2026-09-01", "after": None}
    assert "ciMinutesUsage(namespaceId: $namespaceId, date: $date)" in asked.body["query"]


def test_ci_minutes_land_with_the_month_of_the_answer(service: Service) -> None:
    service.will(minutes_of(month(usage(1, 95))))
    found = ci_minutes(service)
    assert [(record.record_id, record.window_date) for record in found] == [("gid://gitlab/Project/1", SEPTEMBER.start)]
    assert payloads(found) == [{**usage(1, 95), "monthIso8601": "2026-09-01"}]


def test_ci_minutes_are_followed_until_no_page_follows(service: Service) -> None:
    service.will(minutes_of(month(usage(1), cursor="a")), minutes_of(month(usage(2), cursor="b")), minutes_of(month()))
    assert ids(ci_minutes(service)) == ["gid://gitlab/Project/1", "gid://gitlab/Project/2"]
    assert [asked.body["variables"]["after"] for asked in service.asked] == [None, "a", "b"]


def test_the_cursor_of_the_last_page_is_not_followed(service: Service) -> None:
    service.will(minutes_of(month(usage(1))))
    assert (len(ci_minutes(service)), len(service.asked)) == (1, 1)


def test_ci_minutes_that_go_round_in_circles_are_an_error(service: Service) -> None:
    service.will(*[minutes_of(month(usage(number), cursor="a")) for number in range(9)])
    assert "the service goes round in circles" in failure(lambda: ci_minutes(service))


def test_each_namespace_is_asked_once(service: Service) -> None:
    service.will(minutes_of(month(usage(1))), minutes_of(month(usage(2))))
    assert len(ci_minutes(service, namespaces=(SHOP, DATA, SHOP))) == 2
    assert [asked.body["variables"]["namespaceId"] for asked in service.asked] == [SHOP, DATA]


def test_without_a_namespace_the_token_s_own_is_asked(service: Service) -> None:
    service.will(minutes_of(month(usage(1))))
    ci_minutes(service, namespaces=())
    assert service.asked[0].body["variables"]["namespaceId"] is None


def test_a_month_without_minutes_has_no_records(service: Service) -> None:
    service.will(minutes_of())
    assert ci_minutes(service) == []


def test_a_namespace_that_the_token_may_not_see_is_an_error_and_not_nothing(service: Service) -> None:
    service.will(answer({"data": {"ciMinutesUsage": None}}))
    assert "the answer has no 'data.ciMinutesUsage.nodes'" in failure(lambda: ci_minutes(service))


def test_an_error_of_graphql_is_told_in_its_words(service: Service) -> None:
    errors = [{"message": "Field 'ciMinutesUsage' doesn't exist on type 'Query'", "locations": [], "path": ["query"]}]
    service.will(answer({"errors": errors}))
    assert failure(lambda: ci_minutes(service)) == (
        f"gitlab.ci_minutes ({service.url}): the answer is an error, though its status is 200:"
        " Field 'ciMinutesUsage' doesn't exist on type 'Query'"
    )


def test_an_error_beside_data_is_an_error_too(service: Service) -> None:
    document = {"data": {"ciMinutesUsage": {"nodes": [month(usage(1))]}}, "errors": [{"message": "Timeout"}]}
    service.will(answer(document))
    assert failure(lambda: ci_minutes(service)).endswith("Timeout")


def test_a_project_that_the_token_may_not_see_is_an_error(service: Service) -> None:
    service.will(minutes_of(month({"minutes": 3, "sharedRunnersDuration": 180, "project": None})))
    assert "a record has no 'project', its identity" in failure(lambda: ci_minutes(service))


def test_an_answer_of_two_months_lands_with_both_to_be_rejected(service: Service) -> None:
    service.will(minutes_of(month(usage(1)), month(usage(1, 4), first="2026-08-01")))
    months = [payload["monthIso8601"] for payload in payloads(ci_minutes(service))]
    assert months == [["2026-09-01", "2026-08-01"]] * 2


# GitLab's projects


def test_projects_are_asked_for_with_their_statistics_and_attributes(service: Service) -> None:
    service.will(answer([]))
    read(GITLAB_STORAGE, service.url)
    assert service.asked[0].query == {
        "statistics": "true",
        "with_custom_attributes": "true",
        "pagination": "keyset",
        "order_by": "id",
        "sort": "asc",
        "per_page": "100",
    }


# Artifactory


def test_artifactory_s_repositories_land_with_what_they_share(service: Service) -> None:
    repositories = [{"repoKey": "a", "usedSpace": "32.22 GB (15.77%)"}, {"repoKey": "b"}, {"repoKey": "TOTAL"}]
    service.will(answer({"binariesSummary": BINARIES, "fileStoreSummary": {}, "repositoriesSummaryList": repositories}))
    assert payloads(read(ARTIFACTORY_STORAGE, service.url)) == [
        {"repoKey": "a", "usedSpace": "32.22 GB (15.77%)", "binariesSummary": BINARIES},
        {"repoKey": "b", "binariesSummary": BINARIES},
    ]


# CloudKitty


def test_the_summary_is_asked_for_by_project_and_type() -> None:
    with serving_oddly(lambda exchange: exchange.send(json.dumps(SUMMARY).encode())) as odd:
        read(CLOUDKITTY_SUMMARY, odd.url)
        assert odd.asked[0].path == (
            "/v2/summary?begin=2026-09-01T00%3A00%3A00&end=2026-09-02T00%3A00%3A00&groupby=project_id&groupby=type"
            "&offset=0&limit=1000"
        )


def test_a_parameter_that_is_set_to_a_list_comes_several_times() -> None:
    with serving_oddly(lambda exchange: exchange.send(json.dumps(SUMMARY).encode())) as odd:
        read(CLOUDKITTY_SUMMARY, odd.url, params='{"groupby": ["type", "project_id"], "filters": "{day}"}')
        assert "groupby=type&groupby=project_id&filters=2026-09-01" in odd.asked[0].path


def test_a_row_of_the_summary_that_does_not_fit_its_columns_is_an_error(service: Service) -> None:
    service.will(answer({**SUMMARY, "results": [["2026-09-01T00:00:00Z", 1.9]]}))
    said = failure(lambda: read(CLOUDKITTY_SUMMARY, service.url))
    assert "a record does not fit the columns ['begin', 'qty', 'type']: ['2026-09-01T00:00:00Z'" in said


def test_a_summary_of_nothing_has_no_records(service: Service) -> None:
    service.will(answer({"total": 0, "columns": [], "results": []}))
    assert read(CLOUDKITTY_SUMMARY, service.url) == []


def test_the_summary_s_pages_go_on_by_their_rows(service: Service) -> None:
    rows = [[f"2026-09-0{day}T00:00:00Z", 1.9, "volume.size"] for day in (1, 2, 3)]
    service.will(
        answer({**SUMMARY, "total": 3, "results": rows[:2]}), answer({**SUMMARY, "total": 3, "results": rows[2:]})
    )
    assert len(read(CLOUDKITTY_SUMMARY, service.url)) == 3
    assert [asked.query["offset"] for asked in service.asked] == ["0", "2"]


def test_the_real_summary_lands_under_the_names_of_its_columns(service: Service, real_input: Path) -> None:
    service.will(Answer((real_input / "openstack" / "cloudkitty_summary_get.json").read_text()))
    found = payloads(read(CLOUDKITTY_SUMMARY, service.url))
    assert len(found) == 4
    assert found[0] == {
        "begin": "2019-06-01T00:00:00Z",
        "end": "2019-07-01T00:00:00Z",
        "qty": Decimal("2590.421676635742"),
        "rate": Decimal("1295.210838317871"),
        "project_id": "fe9c35372db6420089883805b37a34af",
        "type": "image.size",
    }


# OpenCost


def test_what_nobody_asked_for_in_a_cluster_is_a_record_like_any_other(service: Service) -> None:
    special = ["__idle__", "__unallocated__", "__unmounted__"]
    maps = [{name: {"name": name, "pvs": None, "cpuCoreHours": 1.5} for name in special}, {}, None]
    service.will(answer({"code": 200, "status": "success", "data": maps}))
    assert ids(read(KUBERNETES_ALLOCATION, service.url)) == special


def test_idle_is_asked_for(service: Service) -> None:
    service.will(answer({"data": [{}]}))
    read(KUBERNETES_ALLOCATION, service.url)
    assert service.asked[0].query == {
        "window": "2026-09-01T00:00:00Z,2026-09-02T00:00:00Z",
        "aggregate": "namespace",
        "includeIdle": "true",
    }
