import gzip
import os
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import pairwise

import pytest

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.sources.catalog import GITLAB_STORAGE
from tests.unit.authority import Authority
from tests.unit.http_service import Answer, Service, answer
from tests.unit.limits import changed
from tests.unit.odd_service import Exchange, serving_oddly, tokens
from tests.unit.reading import FIRST, ONCE, QUICK, failure, ids, read

BUSY = Answer("busy", 503)
END = answer([])


def gaps(service: Service) -> list[float]:
    """Seconds between the requests."""
    return [after.at - before.at for before, after in pairwise(service.asked)]


def refusal(url: str, limits: ExtractionSettings = QUICK, **options: str) -> str:
    """What is said when GitLab is read at this address."""
    return failure(lambda: read(GITLAB_STORAGE, url, (FIRST,), limits, **options))


# Attempts


def test_the_wait_doubles_and_half_of_it_is_chance(service: Service) -> None:
    service.will(BUSY, BUSY, BUSY, END)
    read(GITLAB_STORAGE, service.url, (FIRST,), changed(QUICK, http_attempts=4, http_backoff=0.1))
    late = 0.2  # as this machine may be
    expected = zip(gaps(service), (0.1, 0.2, 0.4), strict=True)
    assert [gap for gap, longest in expected if not longest / 2 <= gap <= longest + late] == []


def test_two_clients_do_not_come_back_at_once(start_service: Callable[[], Service]) -> None:
    waited = []
    for seed in (0, 3):
        service = start_service()
        service.will(BUSY, END)
        random.seed(seed)
        read(GITLAB_STORAGE, service.url, (FIRST,), changed(QUICK, http_backoff=0.4))
        waited += gaps(service)
    assert abs(waited[0] - waited[1]) > 0.05


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(service: Service, status: int) -> None:
    service.will(Answer("busy", status), answer([{"id": 1}]))
    assert ids(read(GITLAB_STORAGE, service.url)) == ["1"]


@pytest.mark.parametrize("broken", [Answer("[]", promised=5000), Answer("[]", silence=20)], ids=["breaks", "is silent"])
def test_a_connection_that_fails_is_tried_again(service: Service, broken: Answer) -> None:
    service.will(broken, answer([{"id": 1}]))
    assert ids(read(GITLAB_STORAGE, service.url, (FIRST,), changed(QUICK, http_timeout=1))) == ["1"]


def test_a_redirect_is_a_part_of_its_attempt(service: Service) -> None:
    service.will(*[Answer("", 302, {"Location": f"{service.url}/there"}), BUSY] * 9)
    assert "answered 503" in refusal(service.url, changed(QUICK, http_attempts=3))
    assert [asked.path for asked in service.asked] == ["/api/v4/projects", "/there"] * 3


def test_a_date_of_retry_after_is_waited_for(service: Service) -> None:
    then = int(time.time() + 1.3)
    service.will(Answer("slow down", 429, {"Retry-After": formatdate(then, usegmt=True)}), END)
    read(GITLAB_STORAGE, service.url)
    assert time.time() >= then


@pytest.mark.parametrize(
    "told",
    ["soon", "", "-5", "1.5.2", "Mon, 32 Foo 2026", "Wed, 21 Oct 99999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"],
)
def test_a_retry_after_that_says_nothing_is_as_if_it_were_not_there(service: Service, told: str) -> None:
    service.will(Answer("slow down", 429, {"Retry-After": told}), END)
    assert (read(GITLAB_STORAGE, service.url), len(service.asked)) == ([], 2)


# The deadline


@pytest.mark.parametrize(
    "told", ["7200", "9" * 400, formatdate(time.time() + 7200, usegmt=True)], ids=["seconds", "absurd", "date"]
)
def test_a_wait_beyond_the_deadline_is_not_begun(service: Service, told: str) -> None:
    service.will(Answer("slow down", 429, {"Retry-After": told}))
    begun = time.monotonic()
    said = refusal(service.url, changed(QUICK, http_deadline=60))
    assert "not read to its end in 60 seconds: set ingest.http_deadline higher" in said
    assert "answered 429 Too Many Requests: slow down" in said
    assert time.monotonic() - begun < 1


def test_attempts_end_at_the_deadline() -> None:
    with serving_oddly(lambda exchange: exchange.send(b"busy", 503)) as service:
        limits = changed(QUICK, http_attempts=1000, http_deadline=1)
        begun = time.monotonic()
        assert "ingest.http_deadline" in refusal(service.url, limits)
    assert time.monotonic() - begun < 1.5


def test_pages_end_at_the_deadline() -> None:
    def reply(exchange: Exchange) -> None:
        time.sleep(0.05)
        there = len(exchange.server.asked)
        exchange.send(f'[{{"id": {there}}}]'.encode(), Link=f'<{exchange.server.url}/{there}>; rel="next"')

    with serving_oddly(reply) as service:
        assert "not read to its end in 1 seconds" in refusal(service.url, changed(QUICK, http_deadline=1))


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    def drip(exchange: Exchange) -> None:
        exchange.begin(Content_Length="1000000")
        while not exchange.server.closing.wait(0.05):
            exchange.wfile.write(b" ")
            exchange.wfile.flush()

    with serving_oddly(drip) as service:
        begun = time.monotonic()
        assert "not read to its end in 1 seconds" in refusal(service.url, changed(QUICK, http_deadline=1))
    assert time.monotonic() - begun < 1.5


def test_a_silent_server_is_left_at_the_deadline(service: Service) -> None:
    service.will(Answer("[]", silence=20))
    begun = time.monotonic()
    assert "ingest.http_deadline" in refusal(service.url, changed(QUICK, http_deadline=1, http_timeout=60))
    assert time.monotonic() - begun < 1.5


def test_a_silent_authority_is_left_at_the_deadline(service: Service) -> None:
    with serving_oddly(lambda exchange: exchange.server.closing.wait(20)) as authority:
        limits = changed(QUICK, http_deadline=1, http_timeout=60)
        said = refusal(service.url, limits, token_url=authority.url, client_id="finops", client_secret="s3cret")
    assert "ingest.http_deadline" in said


# The size of an answer


def test_an_answer_without_an_end_is_left_at_its_largest_size() -> None:
    def pour(exchange: Exchange) -> None:
        exchange.begin(Connection="close")
        while not exchange.server.closing.is_set():
            exchange.wfile.write(b" " * (1 << 16))

    with serving_oddly(pour) as service:
        said = refusal(service.url, changed(ONCE, http_max_answer_mib=1))
    assert "an answer of more than 1 MiB" in said


def test_a_small_answer_that_unpacks_without_end_is_left_at_its_largest_size() -> None:
    packed = gzip.compress(b" " * (8 << 20))
    with serving_oddly(lambda exchange: exchange.send(packed, Content_Encoding="gzip")) as service:
        assert "an answer of more than 1 MiB" in refusal(service.url, changed(ONCE, http_max_answer_mib=1))


def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(b'[{"id": 1}]')
    with serving_oddly(lambda exchange: exchange.send(packed, Content_Encoding="gzip")) as service:
        assert ids(read(GITLAB_STORAGE, service.url)) == ["1"]


def test_answers_in_chunks_are_put_together() -> None:
    def chunks(exchange: Exchange) -> None:
        exchange.begin(Transfer_Encoding="chunked")
        for piece in (b'[{"id"', b": 1}]", b""):
            exchange.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    with serving_oddly(chunks) as service:
        assert ids(read(GITLAB_STORAGE, service.url)) == ["1"]


def test_pages_come_over_one_connection() -> None:
    ports = set()

    def reply(exchange: Exchange) -> None:
        ports.add(exchange.client_address[1])
        there = len(exchange.server.asked)
        more = {"Link": f'<{exchange.server.url}/{there}>; rel="next"'} if there < 5 else {}
        exchange.send(f'[{{"id": {there}}}]'.encode(), **more)

    with serving_oddly(reply) as service:
        read(GITLAB_STORAGE, service.url)
        assert (len(service.asked), len(ports)) == (5, 1)


# TLS


def one_project(exchange: Exchange) -> None:
    """GitLab's answer."""
    exchange.send(b'[{"id": 1}]')


def test_a_server_is_trusted_by_the_bundle_that_is_set(authorities: tuple[Authority, Authority]) -> None:
    ours, _ = authorities
    with serving_oddly(one_project, ours.server) as service:
        assert ids(read(GITLAB_STORAGE, service.url, ca_bundle=str(ours.bundle))) == ["1"]


def test_a_server_is_not_trusted_without_its_bundle(authorities: tuple[Authority, Authority]) -> None:
    ours, _ = authorities
    with serving_oddly(one_project, ours.server) as service:
        said = refusal(service.url, token="glpat-1")
        assert ("no trusted connection: check sources.gitlab.ca_bundle" in said, service.asked) == (True, [])


def test_a_server_is_not_trusted_by_another_bundle(authorities: tuple[Authority, Authority]) -> None:
    ours, another = authorities
    with serving_oddly(one_project, ours.server) as service:
        assert "no trusted connection" in refusal(service.url, ca_bundle=str(another.bundle))


def test_a_certificate_of_another_name_is_not_trusted(authorities: tuple[Authority, Authority]) -> None:
    ours, _ = authorities
    with serving_oddly(one_project, ours.server) as service:
        url = service.url.replace("127.0.0.1", "localhost")
        os.environ["NO_PROXY"] = "localhost"
        assert "no trusted connection" in refusal(url, ca_bundle=str(ours.bundle))


def test_the_bundle_that_is_set_wins_over_the_environment_s(authorities: tuple[Authority, Authority]) -> None:
    ours, another = authorities
    os.environ["REQUESTS_CA_BUNDLE"] = str(another.bundle)
    with serving_oddly(one_project, ours.server) as service:
        assert ids(read(GITLAB_STORAGE, service.url, ca_bundle=str(ours.bundle))) == ["1"]


def test_a_certificate_that_is_not_trusted_is_not_tried_again(authorities: tuple[Authority, Authority]) -> None:
    ours, _ = authorities
    with serving_oddly(one_project, ours.server) as service:
        begun = time.monotonic()
        refusal(service.url, changed(QUICK, http_backoff=10))
    assert time.monotonic() - begun < 1


def test_the_bundle_holds_for_the_authority_of_tokens_too(authorities: tuple[Authority, Authority]) -> None:
    ours, _ = authorities
    options = {"client_id": "finops", "client_secret": "s3cret", "ca_bundle": str(ours.bundle)}
    with serving_oddly(tokens(), ours.server) as authority, serving_oddly(one_project, ours.server) as service:
        read(GITLAB_STORAGE, service.url, token_url=f"{authority.url}/token", **options)
        assert service.asked[0].headers["Authorization"] == "Bearer token-1"


def test_a_redirect_from_https_to_http_is_not_followed(
    service: Service, authorities: tuple[Authority, Authority]
) -> None:
    ours, _ = authorities
    with serving_oddly(lambda exchange: exchange.send(b"", 302, Location=f"{service.url}/x"), ours.server) as secure:
        said = refusal(secure.url, token="glpat-1", ca_bundle=str(ours.bundle))
    assert ("redirected to another host" in said, service.asked) == (True, [])
