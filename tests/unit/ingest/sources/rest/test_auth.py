from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from urllib.parse import quote

import pytest

from finops.ingest.sources.catalog import GITLAB_STORAGE, OPENSTACK_USAGE
from finops.ingest.sources.kinds import HttpSource
from tests.unit.http_service import Answer, Service, answer
from tests.unit.odd_service import Exchange, OddService, Reply, serving_oddly, tokens
from tests.unit.reading import FIRST, ONCE, QUICK, failure, ids, read

NUMBERED = replace(GITLAB_STORAGE, paginator="page_number", params={})
EXPIRED = Answer('{"message": "expired"}', 401)
END = answer([])
CLIENT = {"client_id": "finops", "client_secret": "client-s3cret"}

Start = Callable[[Reply], OddService]


@pytest.fixture
def start_authority() -> Iterator[Start]:
    """Starts a token endpoint that answers as a function says."""
    with ExitStack() as stack:

        def start(reply: Reply) -> OddService:
            running: AbstractContextManager[OddService] = serving_oddly(reply)
            return stack.enter_context(running)

        yield start


@pytest.fixture
def authority(start_authority: Start) -> OddService:
    """A token endpoint that hands out token-1, token-2 and so on."""
    return start_authority(tokens(expires_in=3600))


def client(authority: OddService, **more: str) -> dict[str, str]:
    """Client credentials for this authority."""
    return CLIENT | {"token_url": f"{authority.url}/oauth/token"} | more


def presented(service: Service, header: str = "Authorization") -> list[str | None]:
    """What each request carried."""
    return [asked.headers[header] for asked in service.asked]


def refusal(source: HttpSource, service: Service, **options: str) -> str:
    """What is said when the source is read, at the first attempt."""
    return failure(lambda: read(source, service.url, (FIRST,), ONCE, **options))


# A header, a user


def test_a_token_goes_in_the_header_that_is_set(service: Service) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, token="glpat-1", token_header="PRIVATE-TOKEN")
    assert (presented(service, "PRIVATE-TOKEN"), presented(service)) == (["glpat-1"], [None])


def test_a_header_of_the_source_s_own_can_be_set_to_a_bearer(service: Service) -> None:
    service.will(answer({"tenant_usages": []}))
    read(OPENSTACK_USAGE, service.url, token="gAAAA-1", token_header="Authorization")
    assert (presented(service), presented(service, "X-Auth-Token")) == (["Bearer gAAAA-1"], [None])


def test_a_user_and_password_go_as_basic_authentication(service: Service) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, username="finops", password="pâss:word")
    scheme, _, encoded = str(presented(service)[0]).partition(" ")
    assert (scheme, b64decode(encoded).decode()) == ("Basic", "finops:pâss:word")


def test_a_refused_password_names_its_settings(service: Service) -> None:
    service.will(EXPIRED)
    said = refusal(GITLAB_STORAGE, service, username="finops", password="s3cret")
    assert "check sources.gitlab.username and sources.gitlab.password" in said


def test_a_password_is_never_in_a_message(service: Service) -> None:
    service.will(EXPIRED)
    assert "s3cret" not in refusal(GITLAB_STORAGE, service, username="finops", password="s3cret")


# OAuth2 client credentials


def test_a_token_of_the_authority_goes_as_a_bearer(service: Service, authority: OddService) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, **client(authority))
    assert presented(service) == ["Bearer token-1"]


def test_the_authority_is_asked_as_the_specification_says(service: Service, authority: OddService) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, **client(authority, scope="usage.read"))
    form = {"grant_type": "client_credentials", "scope": "usage.read"} | CLIENT
    assert [(asked.command, asked.path) for asked in authority.asked] == [("POST", "/oauth/token")]
    assert authority.forms == [form]


def test_one_token_serves_every_page(service: Service, authority: OddService) -> None:
    service.will(answer([{"id": 1}]), answer([{"id": 2}]), END)
    read(NUMBERED, service.url, **client(authority))
    assert (presented(service), len(authority.asked)) == (["Bearer token-1"] * 3, 1)


def test_an_expired_token_is_asked_for_again_and_the_reading_goes_on(service: Service, authority: OddService) -> None:
    service.will(answer([{"id": 1}]), EXPIRED, answer([{"id": 2}]), END)
    assert ids(read(NUMBERED, service.url, **client(authority))) == ["1", "2"]
    assert presented(service) == [f"Bearer token-{number}" for number in (1, 1, 2, 2)]


def test_a_token_may_expire_more_than_once(service: Service, authority: OddService) -> None:
    service.will(EXPIRED, answer([{"id": 1}]), EXPIRED, answer([{"id": 2}]), END)
    assert ids(read(NUMBERED, service.url, **client(authority))) == ["1", "2"]


def test_a_token_that_is_refused_twice_names_its_settings(service: Service, authority: OddService) -> None:
    service.will(EXPIRED, EXPIRED, END)
    said = failure(lambda: read(GITLAB_STORAGE, service.url, (FIRST,), QUICK, **client(authority)))
    assert "answered 401 Unauthorized: check sources.gitlab.client_id and sources.gitlab.client_secret" in said
    assert len(service.asked) == 2


def test_an_attempt_after_a_renewed_token_carries_it(service: Service, authority: OddService) -> None:
    service.will(EXPIRED, Answer("busy", 503), END)
    read(GITLAB_STORAGE, service.url, **client(authority))
    assert presented(service) == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


def test_a_token_is_asked_for_again_when_its_time_is_over(service: Service, start_authority: Start) -> None:
    service.will(answer([{"id": 1}]), END)
    read(NUMBERED, service.url, **client(start_authority(tokens(expires_in=0))))
    assert presented(service) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("told", [None, "soon", -5, 10**30, 3600.5, [], "3600"], ids=repr)
def test_a_token_whose_time_is_odd_is_used(service: Service, start_authority: Start, told: object) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, **client(start_authority(tokens(expires_in=told))))
    assert presented(service) == ["Bearer token-1"]


def test_the_client_s_secret_goes_to_the_authority_alone(service: Service, authority: OddService) -> None:
    service.will(END)
    read(GITLAB_STORAGE, service.url, **client(authority))
    assert "client-s3cret" not in str(service.asked[0])


def test_the_source_s_token_does_not_follow_a_link_to_the_authority(service: Service, authority: OddService) -> None:
    service.will(answer([{"id": 1}], Link=f'<{authority.url}/projects>; rel="next"'))
    assert "redirected to another host" in refusal(GITLAB_STORAGE, service, **client(authority))
    assert [asked.command for asked in authority.asked] == ["POST"]


def test_the_client_s_secret_does_not_follow_a_redirect(service: Service, start_authority: Start) -> None:
    elsewhere = start_authority(tokens())
    authority = start_authority(lambda exchange: exchange.send(b"", 307, Location=f"{elsewhere.url}/token"))
    said = refusal(GITLAB_STORAGE, service, **client(authority))
    assert ("check sources.gitlab.token_url" in said, elsewhere.asked) == (True, [])


def test_an_authority_that_fails_once_is_asked_again(service: Service, start_authority: Start) -> None:
    service.will(END)
    hand_out, turns = tokens(), iter([503])

    def reply(exchange: Exchange) -> None:
        if status := next(turns, None):
            exchange.send(b"busy", status)
        else:
            hand_out(exchange)

    read(GITLAB_STORAGE, service.url, **client(start_authority(reply)))
    assert presented(service) == ["Bearer token-1"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_client_that_is_refused_names_its_settings(service: Service, start_authority: Start, status: int) -> None:
    authority = start_authority(lambda exchange: exchange.send(b'{"error": "invalid_client"}', status))
    said = refusal(GITLAB_STORAGE, service, **client(authority))
    assert said.startswith(f"the token of gitlab.storage ({authority.url}/oauth/token): answered {status} ")
    assert "check sources.gitlab.client_id and sources.gitlab.client_secret" in said
    assert service.asked == []


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"[]", b"7", b"{}", b'{"access_token": null}', b'{"access_token": 7}', b'{"access_token": ""}'],
)
def test_an_authority_that_gives_no_token_names_its_setting(
    service: Service, start_authority: Start, body: bytes
) -> None:
    authority = start_authority(lambda exchange: exchange.send(body))
    said = refusal(GITLAB_STORAGE, service, **client(authority))
    assert ("check sources.gitlab.token_url" in said, service.asked) == (True, [])


def test_a_token_that_no_header_can_carry_is_a_clear_error(service: Service, start_authority: Start) -> None:
    authority = start_authority(tokens(access_token="line\nbreak"))
    assert "no header can carry" in refusal(GITLAB_STORAGE, service, **client(authority))


def test_an_authority_that_is_down_names_its_setting(service: Service, authority: OddService) -> None:
    authority.server_close()
    said = refusal(GITLAB_STORAGE, service, **client(authority))
    assert "no answer: check sources.gitlab.token_url" in said


def test_a_secret_with_odd_characters_arrives_whole(service: Service, authority: OddService) -> None:
    service.will(END)
    odd = "a&b=c d+é%41"
    read(GITLAB_STORAGE, service.url, **client(authority, client_secret=odd))
    assert authority.forms[0]["client_secret"] == odd
    assert quote(odd, safe="") in authority.asked[0].body.decode().replace("+", "%20")
