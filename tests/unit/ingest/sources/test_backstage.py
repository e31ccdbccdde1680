"""Backstage's catalog over HTTP: pages by cursor, credentials, and errors as its backend words them."""

import base64
import json

from finops.ingest.sources.catalog import BACKSTAGE_CATALOG
from tests.unit.http_service import Answer, Service, answer
from tests.unit.odd_service import serving_oddly, tokens
from tests.unit.reading import FIRST, ONCE, failure, ids, payloads, read


def entity(kind: str, name: str, namespace: str = "default", **spec: object) -> dict[str, object]:
    """An entity as `fields` leaves it."""
    metadata = {"namespace": namespace, "name": name, "annotations": {"backstage.io/managed-by-location": "url:x"}}
    return {"kind": kind, "metadata": metadata, "spec": spec}


def cursor(last: str) -> str:
    """A cursor as the catalog makes one: base64 of JSON, `=` at its end."""
    return base64.b64encode(json.dumps({"orderFieldValues": [last], "isPrevious": False}).encode()).decode()


def page(*entities: dict[str, object], following: str | None = None, before: str | None = None) -> Answer:
    """A page: the last one has no `nextCursor` key at all."""
    info = {"nextCursor": following, "prevCursor": before}
    return answer(
        {
            "items": list(entities),
            "totalItems": 3,
            "pageInfo": {name: value for name, value in info.items() if value is not None},
        }
    )


def refused(status: int, name: str, message: str) -> Answer:
    """An error as Backstage's backend answers it (ErrorResponseBody of @backstage/errors)."""
    body = {
        "error": {"name": name, "message": message},
        "request": {"method": "GET", "url": "/api/catalog/entities/by-query"},
        "response": {"statusCode": status},
    }
    return Answer(json.dumps(body), status)


ERP = entity("Component", "erp", owner="corporate-it")
SHOP = entity("System", "shop", "web", owner="group:default/storefront")
TEAM = entity("Group", "storefront", type="team", children=[])


def test_pages_are_followed_by_cursor_to_the_one_that_has_none(service: Service) -> None:
    first, second = cursor("a"), cursor("b")
    service.will(page(ERP, following=first), page(SHOP, following=second, before=first), page(TEAM, before=second))
    assert ids(read(BACKSTAGE_CATALOG, service.url)) == [
        "Component:default/erp",
        "System:web/shop",
        "Group:default/storefront",
    ]
    assert [asked.query.get("cursor") for asked in service.asked] == [None, first, second]


def test_the_kinds_are_asked_for_and_nothing_personal(service: Service) -> None:
    service.will(page(ERP))
    read(BACKSTAGE_CATALOG, f"{service.url}/backend", token="finops-1")
    asked = service.asked[0]
    assert (asked.path, asked.headers["Authorization"]) == ("/backend/api/catalog/entities/by-query", "Bearer finops-1")
    assert (asked.query["filter"], asked.query["limit"]) == ("kind=component,kind=system,kind=group", "500")
    assert {"spec.owner", "metadata.annotations"} < set(asked.query["fields"].split(","))
    assert {"spec.members", "spec", "relations"} & set(asked.query["fields"].split(",")) == set()


def test_later_pages_have_the_same_fields(service: Service) -> None:
    service.will(page(ERP, following=cursor("a")), page(SHOP))
    read(BACKSTAGE_CATALOG, service.url)
    assert service.asked[1].query["fields"] == service.asked[0].query["fields"]


def test_an_entity_lands_as_it_came(service: Service) -> None:
    service.will(page(TEAM))
    assert payloads(read(BACKSTAGE_CATALOG, service.url)) == [TEAM]


def test_an_expired_token_names_its_setting_and_what_backstage_says(service: Service) -> None:
    service.will(refused(401, "AuthenticationError", "Invalid token"))
    said = failure(lambda: read(BACKSTAGE_CATALOG, service.url, (FIRST,), ONCE, token="old"))
    assert "answered 401 Unauthorized: check sources.backstage.token" in said
    assert "Invalid token" in said


def test_a_token_that_expires_between_two_pages_is_asked_for_again(
    service: Service,
) -> None:
    service.will(page(ERP, following=cursor("a")), refused(401, "AuthenticationError", "jwt expired"), page(SHOP))
    with serving_oddly(tokens(expires_in=3600)) as authority:
        client = {"token_url": authority.url, "client_id": "finops", "client_secret": "client-s3cret"}
        assert len(read(BACKSTAGE_CATALOG, service.url, **client)) == 2
    presented = [asked.headers["Authorization"] for asked in service.asked]
    assert presented == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_an_error_body_with_status_200_is_no_empty_catalog(service: Service) -> None:
    service.will(Answer(refused(500, "Error", "knex: timeout").text))
    assert "the answer has no 'items'" in failure(lambda: read(BACKSTAGE_CATALOG, service.url))


def test_a_catalog_that_goes_round_in_circles_is_left(service: Service) -> None:
    service.will(*(page(ERP, following=cursor("a")) for _ in range(3)))
    assert "goes round in circles" in failure(lambda: read(BACKSTAGE_CATALOG, service.url))


def test_an_entity_without_a_name_fails_the_source(service: Service) -> None:
    service.will(page({"kind": "Group", "metadata": {"namespace": "default"}}))
    assert "a record has no 'name', its identity" in failure(lambda: read(BACKSTAGE_CATALOG, service.url))
