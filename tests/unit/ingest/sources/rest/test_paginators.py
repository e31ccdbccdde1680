import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from finops.ingest.sources.catalog import GITLAB_STORAGE
from finops.ingest.sources.kinds import HttpSource
from tests.unit.http_service import Answer, Service, answer
from tests.unit.limits import changed
from tests.unit.odd_service import Exchange, serving_oddly
from tests.unit.reading import FIRST, ONCE, QUICK, SECOND, failure, ids, read

END = answer([])


def listed(kind: str, **parameters: object) -> HttpSource:
    """A source whose answer is a list, with this paginator."""
    return replace(GITLAB_STORAGE, paginator={"type": kind} | parameters, params={})


def wrapped(kind: str, **parameters: object) -> HttpSource:
    """A source whose answer is an object that holds the list, with this paginator."""
    return replace(listed(kind, **parameters), data_selector="items[*]", required="items")


def page(*numbers: int, **more: object) -> Answer:
    """A page of a wrapped source."""
    return answer({"items": [{"id": number} for number in numbers]} | more)


def asked(service: Service, name: str) -> list[str | None]:
    """What each request had as this parameter."""
    return [request.query.get(name) for request in service.asked]


def refusal(source: HttpSource, service: Service) -> str:
    """What is said when the source is read."""
    return failure(lambda: read(source, service.url, (FIRST,), ONCE))


# Page numbers


def test_page_numbers_go_on_until_an_empty_page(service: Service) -> None:
    service.will(answer([{"id": 1}, {"id": 2}]), answer([{"id": 3}]), END)
    assert ids(read(listed("page_number"), service.url)) == ["1", "2", "3"]


@pytest.mark.parametrize(("base_page", "numbers"), [(0, ["0", "1"]), (1, ["1", "2"])])
def test_page_numbers_begin_where_they_are_said_to(service: Service, base_page: int, numbers: list[str]) -> None:
    service.will(answer([{"id": 1}]), END)
    read(listed("page_number", page_param="p", base_page=base_page), service.url)
    assert asked(service, "p") == numbers


def test_page_numbers_go_on_over_an_empty_page_to_their_total(service: Service) -> None:
    service.will(page(1, pages=3), page(pages=3), page(3, pages=3))
    assert ids(read(wrapped("page_number", total_path="pages"), service.url)) == ["1", "3"]


def test_the_last_of_the_numbered_pages_is_the_last_request(service: Service) -> None:
    service.will(page(1, pages=2), page(2, pages=2))
    read(wrapped("page_number", total_path="pages"), service.url)
    assert asked(service, "page") == ["0", "1"]


def test_each_window_begins_at_the_first_page(service: Service) -> None:
    service.will(answer([{"id": 1}]), END, answer([{"id": 1}]), END)
    read(listed("page_number"), service.url, (FIRST, SECOND))
    assert asked(service, "page") == ["0", "1", "0", "1"]


# Offsets


def test_offsets_go_on_until_an_empty_page(service: Service) -> None:
    service.will(answer([{"id": 1}, {"id": 2}]), answer([{"id": 3}]), END)
    assert ids(read(listed("offset", limit=2), service.url)) == ["1", "2", "3"]


def test_a_server_that_gives_less_than_asked_is_asked_for_the_rest(service: Service) -> None:
    service.will(page(1, 2, total=5), page(3, 4, total=5), page(5, total=5))
    read(wrapped("offset", limit=1000, total_path="total"), service.url)
    assert asked(service, "offset") == ["0", "2", "4"]


def test_the_limit_is_asked_for_each_time(service: Service) -> None:
    service.will(answer([{"id": 1}]), END)
    read(listed("offset", limit=50, offset_param="skip", limit_param="top"), service.url)
    assert (asked(service, "skip"), asked(service, "top")) == (["0", "1"], ["50", "50"])


def test_an_empty_page_before_the_total_is_an_error(service: Service) -> None:
    service.will(page(1, total=5), page(total=5))
    assert "goes round in circles" in refusal(wrapped("offset", total_path="total"), service)


@pytest.mark.parametrize("more", [{}, {"total": None}, {"total": "many"}, {"total": []}], ids=repr)
def test_a_total_that_is_no_number_is_a_clear_error(service: Service, more: dict[str, object]) -> None:
    service.will(page(1, **more))
    assert "cannot determine the next page" in refusal(wrapped("offset", total_path="total"), service)


# Cursors


def test_cursors_are_followed_until_none_comes(service: Service) -> None:
    service.will(page(1, meta={"next": "b"}), page(2, meta={"next": "c"}), page(3, meta={}))
    assert ids(read(wrapped("cursor", cursor_path="meta.next"), service.url)) == ["1", "2", "3"]


def test_a_cursor_goes_in_its_parameter(service: Service) -> None:
    service.will(page(1, after="b&c=d"), page(2))
    read(wrapped("cursor", cursor_path="after", cursor_param="pageToken"), service.url)
    assert asked(service, "pageToken") == [None, "b&c=d"]


@pytest.mark.parametrize("last", [None, "", False], ids=repr)
def test_a_cursor_of_nothing_is_the_end(service: Service, last: object) -> None:
    service.will(page(1, after=last))
    assert ids(read(wrapped("cursor", cursor_path="after"), service.url)) == ["1"]


def test_an_empty_page_with_a_cursor_is_not_the_end(service: Service) -> None:
    service.will(page(after="b"), page(after="c"), page(3))
    assert ids(read(wrapped("cursor", cursor_path="after"), service.url)) == ["3"]


# Addresses


def test_another_relation_of_the_link_header_is_followed(service: Service) -> None:
    service.will(answer([{"id": 1}], Link=f'<{service.url}/more>; rel="continue"'), END)
    read(listed("header_link", links_next_key="continue"), service.url)
    assert service.asked[1].path == "/more"


def test_the_next_address_is_found_in_the_body(service: Service) -> None:
    service.will(page(1, links={"next": f"{service.url}/items?after=1"}), page(2))
    assert ids(read(wrapped("json_link", next_url_path="links.next"), service.url)) == ["1", "2"]


@pytest.mark.parametrize("address", ["/items?after=1", "?after=1", "items?after=1"])
def test_a_relative_address_stays_on_the_host(service: Service, address: str) -> None:
    service.will(page(1, next=address), page(2))
    read(wrapped("json_link", next_url_path="next"), service.url)
    assert asked(service, "after") == [None, "1"]


@pytest.mark.parametrize("last", [None, "", False], ids=repr)
def test_an_address_of_nothing_is_the_end(service: Service, last: object) -> None:
    service.will(page(1, next=last))
    assert ids(read(wrapped("json_link", next_url_path="next"), service.url)) == ["1"]


@pytest.mark.parametrize("address", [7, {"href": "/2"}, "http://[", "ftp://127.0.0.1/2", "http://", "//"], ids=repr)
def test_an_address_that_is_none_is_a_clear_error(service: Service, address: object) -> None:
    service.will(page(1, next=address))
    assert refusal(wrapped("json_link", next_url_path="next"), service).startswith("gitlab.storage (http://127.0.0.1:")


# Keysets


def test_a_keyset_goes_on_after_the_last_record(service: Service) -> None:
    service.will(answer([{"id": 4}, {"id": 9}]), answer([{"id": 12}]), END)
    read(listed("keyset", key_param="id_after"), service.url)
    assert asked(service, "id_after") == [None, "9", "12"]


def test_a_keyset_gives_every_record(service: Service) -> None:
    service.will(answer([{"id": 4}, {"id": 9}]), answer([{"id": 12}]), END)
    assert ids(read(listed("keyset", key_param="id_after"), service.url)) == ["4", "9", "12"]


def test_the_key_of_a_keyset_may_lie_deeper(service: Service) -> None:
    service.will(answer({"items": [{"id": 1, "meta": {"key": "k 1"}}]}), answer({"items": []}))
    read(wrapped("keyset", key_param="after", key_path="meta.key"), service.url)
    assert asked(service, "after") == [None, "k 1"]


@pytest.mark.parametrize("last", [{"id": 1}, {"id": 1, "key": None}, "x"], ids=repr)
def test_a_last_record_without_its_key_is_a_clear_error(service: Service, last: object) -> None:
    service.will(answer([last]))
    assert "the last record has no 'key'" in refusal(listed("keyset", key_param="after", key_path="key"), service)


# What never ends


def endless(source: HttpSource, reply: Callable[[Exchange, int], None]) -> tuple[str, int]:
    """What is said of a service that answers every request with more, and how often it was asked."""
    turns = itertools.count(1)
    with serving_oddly(lambda exchange: reply(exchange, next(turns))) as service:
        said = failure(lambda: read(source, service.url, (FIRST,), changed(QUICK, http_max_pages=20)))
    return said, len(service.asked)


def test_an_endless_chain_of_addresses_ends_at_the_page_count() -> None:
    said, requests = endless(
        wrapped("json_link", next_url_path="next"),
        lambda exchange, turn: exchange.send(json.dumps({"items": [{"id": turn}], "next": f"/{turn}"}).encode()),
    )
    assert ("more than 20 pages" in said, "ingest.http_max_pages" in said, requests) == (True, True, 20)


def test_endless_page_numbers_end_at_the_page_count() -> None:
    said, requests = endless(
        listed("page_number"), lambda exchange, turn: exchange.send(json.dumps([{"id": turn}]).encode())
    )
    assert ("more than 20 pages" in said, requests) == (True, 20)


def test_as_many_pages_as_are_allowed_are_no_error(service: Service) -> None:
    service.will(answer([{"id": 1}]), answer([{"id": 2}]), END)
    limits = changed(QUICK, http_max_pages=3)
    assert ids(read(listed("page_number"), service.url, (FIRST,), limits)) == ["1", "2"]


@pytest.mark.parametrize(
    "source",
    [
        listed("page_number"),
        listed("offset", limit=1),
        listed("limit_offset", limit=1),
    ],
    ids=["page_number", "offset by the records", "offset by the limit"],
)
def test_a_page_that_repeats_is_an_error(service: Service, source: HttpSource) -> None:
    service.will(*[answer([{"id": 1}])] * 9)
    said = refusal(source, service)
    assert ("a page repeats an earlier one" in said, len(service.asked)) == (True, 2)


def test_pages_that_repeat_in_turn_are_an_error(service: Service) -> None:
    service.will(*[answer([{"id": 1}]), answer([{"id": 2}])] * 9)
    assert ("a page repeats" in refusal(listed("page_number"), service), len(service.asked)) == (True, 3)


def test_a_keyset_that_is_ignored_is_an_error(service: Service) -> None:
    service.will(*[answer([{"id": 1}])] * 9)
    assert "goes round in circles" in refusal(listed("keyset", key_param="id_after"), service)


def test_a_cursor_that_came_before_is_an_error(service: Service) -> None:
    service.will(page(1, after="a"), page(2, after="b"), page(3, after="a"))
    said = refusal(wrapped("cursor", cursor_path="after"), service)
    assert ("goes round in circles" in said, len(service.asked)) == (True, 3)


def test_an_address_that_came_before_is_an_error(service: Service) -> None:
    service.will(page(1, next="/2"), page(2, next="/3"), page(3, next="/2"))
    said = refusal(wrapped("json_link", next_url_path="next"), service)
    assert ("goes round in circles" in said, len(service.asked)) == (True, 3)


def test_a_link_to_the_very_first_page_is_an_error(service: Service) -> None:
    source = replace(listed("header_link"), params={"per_page": "2"})
    service.will(answer([{"id": 1}], Link=f'<{service.url}/api/v4/projects?per_page=2>; rel="next"'))
    assert ("goes round" in refusal(source, service), len(service.asked)) == (True, 1)


def test_one_page_for_each_window_is_no_repetition(service: Service) -> None:
    service.will(answer([{"id": 1}]), answer([{"id": 1}]))
    assert ids(read(listed("single_page"), service.url, (FIRST, SECOND))) == ["1", "1"]
