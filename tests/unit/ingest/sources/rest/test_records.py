import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ingest.errors import SourceError
from finops.ingest.sources.catalog import (
    ARTIFACTORY_STORAGE,
    CLOUDKITTY_USAGE,
    CUBE_USAGE,
    GITLAB_STORAGE,
    KUBERNETES_ALLOCATION,
    OPENSTACK_USAGE,
)
from finops.ingest.sources.kinds import HttpSource, Window
from tests.unit.http_service import Answer, Service, answer
from tests.unit.limits import LIMITS, changed
from tests.unit.odd_service import serving_oddly
from tests.unit.reading import FIRST, ONCE, SECOND, failure, payloads, read

CUBE_ANSWERS = ("continue_wait", "load_response_docs")
NO_PROJECTS = answer([])


def refusal(source: HttpSource, service: Service, **options: str) -> str:
    """What is said when the source is read, at the first attempt."""
    return failure(lambda: read(source, service.url, (FIRST,), ONCE, **options))


def server_usage(name: str) -> dict[str, object]:
    """A server in Nova's answer."""
    return {"tenant_id": "t1", "instance_id": name, "hours": 1.0, "ended_at": None}


def nova_page(*names: str, following: str | None = None) -> Answer:
    """A page of Nova's answer; `following` is the address of the next one."""
    page: dict[str, object] = {"tenant_usages": [{"server_usages": [server_usage(name) for name in names]}]}
    if following:
        page["tenant_usages_links"] = [{"href": following, "rel": "next"}]
    return answer(page)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nothing listens on, held for the test."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


# What is asked


def test_a_token_goes_as_a_bearer(service: Service) -> None:
    service.will(NO_PROJECTS)
    read(GITLAB_STORAGE, service.url, token="glpat-1")
    assert service.asked[0].headers["Authorization"] == "Bearer glpat-1"


def test_openstack_s_token_goes_in_its_own_header(service: Service) -> None:
    service.will(nova_page())
    read(OPENSTACK_USAGE, service.url, token="gAAAA-1")
    assert (service.asked[0].headers["X-Auth-Token"], service.asked[0].headers["Authorization"]) == ("gAAAA-1", None)


def test_without_a_token_nothing_is_presented(service: Service) -> None:
    service.will(NO_PROJECTS)
    read(GITLAB_STORAGE, service.url)
    assert "Authorization" not in service.asked[0].headers


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_goes_under_the_configured_address(service: Service, slash: str) -> None:
    service.will(nova_page())
    read(OPENSTACK_USAGE, f"{service.url}/compute/v2.1{slash}")
    assert service.asked[0].path == "/compute/v2.1/os-simple-tenant-usage"


def test_the_window_is_asked_for_by_its_days(service: Service) -> None:
    service.will(nova_page())
    read(OPENSTACK_USAGE, service.url, (Window(date(2026, 9, 30), date(2026, 10, 1)),))
    query = service.asked[0].query
    assert (query["start"], query["end"]) == ("2026-09-30T00:00:00", "2026-10-01T00:00:00")


def test_each_window_s_records_carry_its_day(service: Service) -> None:
    service.will(nova_page("a"), nova_page("b"))
    found = [(r.window_date, r.record_id) for r in read(OPENSTACK_USAGE, service.url, (FIRST, SECOND))]
    assert found == [(FIRST.start, "t1/a"), (SECOND.start, "t1/b")]


def test_configured_parameters_are_added_to_the_source_s(service: Service) -> None:
    service.will(NO_PROJECTS)
    read(GITLAB_STORAGE, service.url, params='{"membership": true, "at": "{day}", "month": "{month}"}')
    query = service.asked[0].query
    assert (query["at"], query["month"], query["statistics"]) == ("2026-09-01", "2026-09", "true")


def test_configured_parameters_win_over_the_source_s(service: Service) -> None:
    service.will(NO_PROJECTS)
    read(GITLAB_STORAGE, service.url, params='{"per_page": 20}')
    assert service.asked[0].query["per_page"] == "20"


def test_cube_s_query_goes_with_the_day_filled_in(service: Service) -> None:
    service.will(answer({"data": []}))
    query = '{"timeDimensions": [{"dimension": "Usage.day", "dateRange": ["{day}", "{day}"]}]}'
    read(CUBE_USAGE, service.url, query=query)
    asked = json.loads(service.asked[0].query["query"])
    assert asked["timeDimensions"][0]["dateRange"] == ["2026-09-01", "2026-09-01"]


# Pages


def test_gitlab_s_pages_are_followed_until_no_link_comes(service: Service) -> None:
    following = f'<{service.url}/api/v4/projects?id_after=2&pagination=keyset>; rel="next"'
    service.will(answer([{"id": 1}, {"id": 2}], Link=following), answer([{"id": 3}]))
    assert [record.record_id for record in read(GITLAB_STORAGE, service.url)] == ["1", "2", "3"]


def test_the_next_page_is_asked_for_as_the_link_has_it(service: Service) -> None:
    following = f'<{service.url}/api/v4/projects?id_after=2&pagination=keyset>; rel="next"'
    service.will(answer([{"id": 2}], Link=following), NO_PROJECTS)
    read(GITLAB_STORAGE, service.url)
    assert service.asked[1].query == {"id_after": "2", "pagination": "keyset"}


def test_the_next_page_is_asked_for_with_the_token(service: Service) -> None:
    following = f'<{service.url}/api/v4/projects?id_after=2>; rel="next"'
    service.will(answer([{"id": 2}], Link=following), NO_PROJECTS)
    read(GITLAB_STORAGE, service.url, token="glpat-1")
    assert service.asked[1].headers["Authorization"] == "Bearer glpat-1"


def test_nova_s_pages_are_followed_until_no_link_comes(service: Service) -> None:
    following = f"{service.url}/os-simple-tenant-usage?marker=b&limit=2"
    service.will(nova_page("a", "b", following=following), nova_page("c"))
    assert [record.record_id for record in read(OPENSTACK_USAGE, service.url)] == ["t1/a", "t1/b", "t1/c"]


@pytest.mark.parametrize("sizes", [(1,), (0, 2, 0, 1), (0,), ()], ids=str)
def test_every_element_of_several_lists_is_a_record(service: Service, sizes: tuple[int, ...]) -> None:
    names = [[f"{tenant}-{number}" for number in range(size)] for tenant, size in enumerate(sizes)]
    usages = [{"server_usages": [server_usage(name) for name in of_tenant]} for of_tenant in names]
    service.will(answer({"tenant_usages": usages}))
    expected = [f"t1/{name}" for of_tenant in names for name in of_tenant]
    assert [record.record_id for record in read(OPENSTACK_USAGE, service.url)] == expected


def test_nova_s_last_page_may_be_empty(service: Service) -> None:
    service.will(
        nova_page("a", following=f"{service.url}/os-simple-tenant-usage?marker=a"), answer({"tenant_usages": []})
    )
    assert [record.record_id for record in read(OPENSTACK_USAGE, service.url)] == ["t1/a"]


def test_offsets_go_on_until_the_total_is_reached(service: Service) -> None:
    service.will(*[answer({"total": 2001, "dataframes": [{"period": {"begin": str(page)}}]}) for page in range(3)])
    read(CLOUDKITTY_USAGE, service.url)
    assert [asked.query["offset"] for asked in service.asked] == ["0", "1000", "2000"]


def test_every_page_of_an_offset_is_read(service: Service) -> None:
    service.will(*[answer({"total": 1001, "dataframes": [{"page": page}]}) for page in range(2)])
    assert [payload["page"] for payload in payloads(read(CLOUDKITTY_USAGE, service.url))] == [0, 1]


def test_a_total_of_nothing_is_one_request_and_no_record(service: Service) -> None:
    service.will(answer({"total": 0, "dataframes": []}))
    assert (read(CLOUDKITTY_USAGE, service.url), len(service.asked)) == ([], 1)


def test_a_source_of_one_page_is_asked_once(service: Service) -> None:
    service.will(answer({"repositoriesSummaryList": [{"repoKey": "a"}]}, Link=f'<{service.url}/2>; rel="next"'))
    read(ARTIFACTORY_STORAGE, service.url)
    assert len(service.asked) == 1


# The token stays where it belongs


def test_a_next_page_on_another_host_is_an_error(service: Service, start_service: Callable[[], Service]) -> None:
    elsewhere = start_service()
    service.will(nova_page("a", following=f"{elsewhere.url}/os-simple-tenant-usage?marker=a"))
    assert "redirected to another host" in refusal(OPENSTACK_USAGE, service, token="gAAAA-1")


@pytest.mark.parametrize("source", [OPENSTACK_USAGE, GITLAB_STORAGE], ids=lambda source: source.name)
def test_another_host_is_never_asked(
    service: Service, start_service: Callable[[], Service], source: HttpSource
) -> None:
    elsewhere = start_service()
    page = nova_page("a", following=f"{elsewhere.url}/x") if source is OPENSTACK_USAGE else answer([{"id": 1}])
    service.will(replace(page, headers={"Link": f'<{elsewhere.url}/x>; rel="next"'}))
    refusal(source, service, token="s3cret-token")
    assert elsewhere.asked == []


def test_a_redirect_to_another_host_is_not_followed(service: Service, start_service: Callable[[], Service]) -> None:
    elsewhere = start_service()
    service.will(Answer("", 302, {"Location": f"{elsewhere.url}/login"}))
    refusal(OPENSTACK_USAGE, service, token="gAAAA-1")
    assert elsewhere.asked == []


def test_a_redirect_to_another_host_is_a_clear_error(service: Service, start_service: Callable[[], Service]) -> None:
    service.will(Answer("", 302, {"Location": f"{start_service().url}/login"}))
    assert "check sources.openstack.url" in refusal(OPENSTACK_USAGE, service, token="gAAAA-1")


def test_a_redirect_that_goes_round_is_a_clear_error(service: Service) -> None:
    service.will(*[Answer("", 302, {"Location": f"{service.url}/again"})] * 40)
    assert refusal(GITLAB_STORAGE, service).startswith("gitlab.storage")


def test_a_token_is_never_in_a_message(service: Service) -> None:
    service.will(Answer('{"message": "401 Unauthorized"}', 401))
    assert "s3cret-token" not in refusal(GITLAB_STORAGE, service, token="s3cret-token")


@pytest.mark.parametrize("source", [OPENSTACK_USAGE, GITLAB_STORAGE], ids=lambda source: source.name)
def test_a_token_that_no_header_can_carry_is_an_error_that_keeps_it(service: Service, source: HttpSource) -> None:
    service.will(*[answer({})] * 2)
    assert "s3cret" not in refusal(source, service, token="s3cret\ntoken")


# What lands


def test_a_decimal_lands_to_the_letter(service: Service) -> None:
    service.will(Answer('{"total": 1, "dataframes": [{"qty": 2590.4216766357421234567, "price": 0.10}]}'))
    assert read(CLOUDKITTY_USAGE, service.url)[0].payload == '{"qty":2590.4216766357421234567,"price":0.10}'


def test_an_integer_beyond_a_double_lands_to_the_letter(service: Service) -> None:
    service.will(Answer('[{"id": 1, "storage_size": 9007199254740993}]'))
    assert read(GITLAB_STORAGE, service.url)[0].payload == '{"id":1,"storage_size":9007199254740993}'


def test_an_identity_beyond_a_double_keeps_every_digit(service: Service) -> None:
    service.will(Answer('[{"id": 9007199254740993}]'))
    assert read(GITLAB_STORAGE, service.url)[0].record_id == "9007199254740993"


def test_an_empty_text_and_a_null_land_apart(service: Service) -> None:
    service.will(Answer('[{"id": 1, "a": "", "b": null}]'))
    assert read(GITLAB_STORAGE, service.url)[0].payload == '{"id":1,"a":"","b":null}'


def test_a_masked_field_does_not_land(service: Service) -> None:
    service.will(answer([{"id": 1, "owner": {"Password": "s3cret"}}]))
    assert payloads(read(GITLAB_STORAGE, service.url)) == [{"id": 1, "owner": {"Password": "***"}}]


def test_a_record_without_an_identity_of_its_own_is_named_by_its_content(service: Service) -> None:
    service.will(*[Answer('{"total": 2, "dataframes": [{"qty": 1.2}, {"qty": 1.20}]}')] * 2)
    once, again = read(CLOUDKITTY_USAGE, service.url), read(CLOUDKITTY_USAGE, service.url)
    assert [record.record_id for record in once] == [record.record_id for record in again]


def test_two_records_without_an_identity_are_told_apart(service: Service) -> None:
    service.will(Answer('{"total": 2, "dataframes": [{"qty": 1.2}, {"qty": 1.3}]}'))
    assert len({record.record_id for record in read(CLOUDKITTY_USAGE, service.url)}) == 2


def test_a_record_that_lacks_its_identity_is_an_error(service: Service) -> None:
    service.will(answer([{"id": 1}, {"name": "brute"}]))
    assert "a record has no 'id', its identity" in refusal(GITLAB_STORAGE, service)


def test_a_record_that_is_no_object_is_an_error(service: Service) -> None:
    service.will(answer([{"id": 1}, "brute"]))
    assert "a record is not an object: brute" in refusal(GITLAB_STORAGE, service)


def test_artifactory_s_total_is_no_record(service: Service) -> None:
    service.will(answer({"repositoriesSummaryList": [{"repoKey": "npm"}, {"repoKey": "TOTAL"}, {"repoKey": "total"}]}))
    assert [record.record_id for record in read(ARTIFACTORY_STORAGE, service.url)] == ["npm", "total"]


def test_opencost_s_namespaces_are_records_of_all_its_maps(service: Service) -> None:
    allocations = [{"a.b/c": {"name": "a.b/c"}, "__idle__": {"name": "__idle__"}}, {"*": {"name": "*"}}, None]
    service.will(answer({"code": 200, "data": allocations}))
    assert [record.record_id for record in read(KUBERNETES_ALLOCATION, service.url)] == ["a.b/c", "__idle__", "*"]


def test_an_endpoint_that_has_nothing_gives_no_record(service: Service) -> None:
    service.will(NO_PROJECTS)
    assert read(GITLAB_STORAGE, service.url) == []


# What goes wrong


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_names_its_setting(service: Service, status: int) -> None:
    service.will(Answer('{"message": "no"}', status))
    assert f"answered {status} " in (said := refusal(GITLAB_STORAGE, service))
    assert "check sources.gitlab.token" in said


def test_a_wrong_path_names_the_address_s_setting(service: Service) -> None:
    service.will(Answer("{}", 404))
    assert refusal(OPENSTACK_USAGE, service).endswith("answered 404 Not Found: check sources.openstack.url")


def test_any_other_refusal_says_what_the_server_said(service: Service) -> None:
    service.will(Answer('{"message": "400 Bad request: order_by"}', 400))
    assert "400 Bad request: order_by" in refusal(GITLAB_STORAGE, service)


def test_a_server_that_fails_once_is_asked_again(service: Service) -> None:
    service.will(Answer("oops", 500), answer([{"id": 1}]))
    assert [record.record_id for record in read(GITLAB_STORAGE, service.url)] == ["1"]


def test_a_server_that_keeps_failing_is_given_up_after_the_attempts(service: Service) -> None:
    service.will(*[Answer("oops", 503)] * 9)
    with pytest.raises(SourceError, match="answered 503"):
        read(GITLAB_STORAGE, service.url)
    assert len(service.asked) == LIMITS.http_attempts


def test_a_refusal_for_good_is_not_asked_again(service: Service) -> None:
    service.will(Answer("{}", 401), NO_PROJECTS)
    with pytest.raises(SourceError):
        read(GITLAB_STORAGE, service.url)
    assert len(service.asked) == 1


def test_retry_after_is_waited_for(service: Service) -> None:
    service.will(Answer("slow down", 429, {"Retry-After": "1"}), NO_PROJECTS)
    read(GITLAB_STORAGE, service.url)
    assert service.asked[1].at - service.asked[0].at >= 1


def test_html_is_no_json(service: Service) -> None:
    service.will(Answer("<html>Please sign in</html>"))
    assert refusal(GITLAB_STORAGE, service).endswith("the answer is not JSON: check sources.gitlab.url")


def test_half_a_json_text_is_no_json(service: Service) -> None:
    service.will(Answer('[{"id": 1}, {"id"'))
    assert "the answer is not JSON" in refusal(GITLAB_STORAGE, service)


def test_a_connection_that_breaks_in_an_answer_is_a_clear_error(service: Service) -> None:
    service.will(Answer('[{"id": 1}', promised=5000))
    assert refusal(GITLAB_STORAGE, service).startswith("gitlab.storage")


def test_an_answer_that_is_not_compressed_as_it_says_is_a_clear_error(service: Service) -> None:
    service.will(Answer("[]", headers={"Content-Encoding": "gzip"}))
    assert refusal(GITLAB_STORAGE, service).startswith("gitlab.storage")


def test_a_silent_server_is_left_after_the_timeout(service: Service) -> None:
    service.will(Answer("[]", silence=20))
    with pytest.raises(SourceError, match=r"no answer: check sources\.gitlab\.url"):
        read(GITLAB_STORAGE, service.url, (FIRST,), changed(ONCE, http_timeout=1))


def test_nothing_listening_is_a_clear_error(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(SourceError) as failure:
        read(GITLAB_STORAGE, url, (FIRST,), ONCE)
    assert str(failure.value).startswith(f"gitlab.storage ({url}): no answer: check sources.gitlab.url")


def test_an_error_of_the_network_is_one_line(closed_port: int) -> None:
    with pytest.raises(SourceError) as failure:
        read(GITLAB_STORAGE, f"http://127.0.0.1:{closed_port}", (FIRST,), ONCE)
    assert "\n" not in str(failure.value)


def test_cube_is_asked_again_while_it_works_on_the_query(service: Service) -> None:
    service.will(answer({"error": "Continue wait"}), answer({"data": [{"Usage.queries": "700"}]}))
    assert payloads(read(CUBE_USAGE, service.url, query="{}")) == [{"Usage.queries": "700"}]


def test_cube_that_never_ends_is_an_error(service: Service) -> None:
    service.will(*[answer({"error": "Continue wait"})] * 9)
    with pytest.raises(SourceError, match="Continue wait"):
        read(CUBE_USAGE, service.url, query="{}")


@pytest.mark.parametrize(
    "source",
    [OPENSTACK_USAGE, CLOUDKITTY_USAGE, KUBERNETES_ALLOCATION, GITLAB_STORAGE, ARTIFACTORY_STORAGE, CUBE_USAGE],
    ids=lambda source: source.name,
)
@pytest.mark.parametrize("document", [{"error": "Query timed out"}, {"total": 0}, "text", 7, True], ids=repr)
def test_a_document_of_another_shape_is_an_error_and_not_nothing(
    service: Service, source: HttpSource, document: object
) -> None:
    service.will(answer(document))
    needed = {"query": "{}"} if source is CUBE_USAGE else {}
    assert refusal(source, service, **needed).startswith(f"{source.name} ({service.url})")


def test_an_error_in_an_answer_of_200_is_told(service: Service) -> None:
    service.will(answer({"error": "Query timed out"}))
    assert "the answer has no 'data': {'error': 'Query timed out'}" in refusal(CUBE_USAGE, service, query="{}")


# Odd input


def test_invalid_utf_8_is_an_error_and_not_a_guess() -> None:
    with serving_oddly(lambda exchange: exchange.send(b'[{"id": 1, "name": "caf\xe9"}]')) as service:
        said = failure(lambda: read(GITLAB_STORAGE, service.url))
    assert "the answer is not UTF-8 text" in said


def test_a_byte_order_mark_is_no_part_of_the_answer() -> None:
    with serving_oddly(lambda exchange: exchange.send(b'\xef\xbb\xbf[{"id": 1}]')) as service:
        assert payloads(read(GITLAB_STORAGE, service.url)) == [{"id": 1}]


@pytest.mark.parametrize(
    ("text", "landed"), [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"), ("1e400", None)]
)
def test_what_is_no_number_lands_as_what_it_is(service: Service, text: str, landed: str | None) -> None:
    service.will(Answer(f'[{{"id": 1, "size": {text}}}]'))
    size = payloads(read(GITLAB_STORAGE, service.url))[0]["size"]
    assert size == ({"$numberDouble": landed} if landed else Decimal("1e400"))


@pytest.mark.parametrize("text", ["9" * 5000, "1e99999999999999999999"], ids=["digits", "exponent"])
def test_a_number_that_nothing_can_hold_lands_as_its_text(service: Service, text: str) -> None:
    service.will(Answer(f'[{{"id": 1, "size": {text}, "exact": 1.10}}]'))
    assert payloads(read(GITLAB_STORAGE, service.url)) == [{"id": 1, "size": text, "exact": Decimal("1.10")}]


def test_what_is_nested_beyond_all_measure_is_a_clear_error(service: Service) -> None:
    service.will(Answer(f'[{{"id": 1, "tree": {"[" * 100_000}{"]" * 100_000}}}]'))
    assert "the answer is not JSON that can be read, it is nested deeper" in refusal(GITLAB_STORAGE, service)


@pytest.mark.parametrize("depth", [200, 400, 600, 900])
def test_a_deep_record_lands_or_is_a_clear_error(service: Service, depth: int) -> None:
    service.will(Answer(f'[{{"id": 1, "tree": {"[" * depth}{"]" * depth}}}]'))
    try:
        landed = read(GITLAB_STORAGE, service.url)[0].payload.count("[")
    except SourceError as error:
        landed = "nested deeper" in str(error) and depth
    assert landed == depth


def test_a_record_of_16_mib_lands_whole(service: Service) -> None:
    service.will(answer([{"id": 1, "notes": "x" * (16 << 20)}]))
    assert len(payloads(read(GITLAB_STORAGE, service.url))[0]["notes"]) == 16 << 20


def test_a_nul_lands_as_a_replacement_character(service: Service) -> None:
    service.will(answer([{"id": 1, "name": "a\0b"}]))
    assert payloads(read(GITLAB_STORAGE, service.url))[0]["name"] == "a\ufffdb"


def test_an_identity_of_null_is_none(service: Service) -> None:
    service.will(answer([{"id": None}]))
    assert "a record has no 'id', its identity" in refusal(GITLAB_STORAGE, service)


def test_an_answer_without_a_body_is_a_clear_error(service: Service) -> None:
    service.will(Answer("", 204))
    assert "the answer is not JSON" in refusal(GITLAB_STORAGE, service)


def test_a_record_that_speaks_of_waiting_is_a_record(service: Service) -> None:
    service.will(Answer('[{"id": 1, "error": "Continue wait", "size": 0.10}]'))
    assert payloads(read(GITLAB_STORAGE, service.url)) == [{"id": 1, "error": "Continue wait", "size": Decimal("0.10")}]


def test_a_redirect_on_the_same_host_is_followed(service: Service) -> None:
    service.will(Answer("", 302, {"Location": f"{service.url}/api/v4/projects/"}), answer([{"id": 1}]))
    read(GITLAB_STORAGE, service.url, token="glpat-1")
    assert [asked.headers["Authorization"] for asked in service.asked] == ["Bearer glpat-1"] * 2


# What real products send


def test_real_artifactory_summary_lands_without_its_total(service: Service, real_input: Path) -> None:
    service.will(Answer((real_input / "artifactory" / "storageinfo_jfrog_docs.json").read_text()))
    found = read(ARTIFACTORY_STORAGE, service.url)
    assert [record.record_id for record in found] == ["plugins-release", "repo"]


def test_real_artifactory_rows_keep_their_bytes(service: Service, real_input: Path) -> None:
    rows = json.loads((real_input / "artifactory" / "storageinfo_repo_rows_7x.json").read_text())
    service.will(answer({"repositoriesSummaryList": rows}))
    assert payloads(read(ARTIFACTORY_STORAGE, service.url)) == rows


def test_real_cube_answers_land_after_the_wait(service: Service, real_input: Path) -> None:
    service.will(*[Answer((real_input / "cube" / f"{name}.json").read_text()) for name in CUBE_ANSWERS])
    assert payloads(read(CUBE_USAGE, service.url, query="{}")) == [{"users.count": "700"}]


def test_real_gitlab_projects_land_whole(service: Service, real_input: Path) -> None:
    text = (real_input / "gitlab" / "projects.json").read_text()
    service.will(Answer(text))
    assert payloads(read(GITLAB_STORAGE, service.url)) == json.loads(text)


def test_real_cloudkitty_dataframes_land_whole(service: Service, real_input: Path) -> None:
    text = (real_input / "openstack" / "cloudkitty_dataframes_get.json").read_text()
    service.will(Answer(text))
    expected = json.loads(text, parse_float=Decimal)["dataframes"]
    assert payloads(read(CLOUDKITTY_USAGE, service.url)) == expected


def test_real_nova_usage_is_named_by_tenant_and_server(service: Service, real_input: Path) -> None:
    document = json.loads((real_input / "openstack" / "nova_simple_tenant_usage_detail.json").read_text())
    service.will(answer({"tenant_usages": document["tenant_usages"]}))
    expected = "6f70656e737461636b20342065766572/1f1deceb-17b5-4c04-84c7-e0d4499c8fe0"
    assert [record.record_id for record in read(OPENSTACK_USAGE, service.url)] == [expected]


def test_real_opencost_allocations_are_one_a_namespace(service: Service, real_input: Path) -> None:
    text = (real_input / "opencost" / "allocation-example-output.json").read_text()
    service.will(Answer(text))
    expected = [name for found in json.loads(text)["data"] for name in found]
    assert [record.record_id for record in read(KUBERNETES_ALLOCATION, service.url)] == expected
