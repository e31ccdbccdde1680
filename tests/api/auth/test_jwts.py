"""JWTs as Backstage makes them: checked against the keys, the audience and the issuer that are configured."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.auth.test_access import EVERY_GROUP, groups_of
from tests.api.service import Service, Shared, api, api_here
from tests.e2e.finops import serving

ISSUER = "https://backstage.example.com/api/auth"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def published_keys() -> dict[str, Any]:
    """What a JWKS address answers."""
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [{**key, "kid": "key-1", "alg": "ES256", "use": "sig"}]}


def signed(key: ec.EllipticCurvePrivateKey = KEY, kid: str = "key-1", **claims: Any) -> str:
    """A user's token; a claim of None is left out."""
    whole = {
        "iss": ISSUER,
        "aud": "backstage",
        "sub": "user:default/ada",
        "ent": ["user:default/ada", "group:default/payments", "group:default/storefront"],
        "exp": int(time.time()) + 600,
        **claims,
    }
    present = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(present, key, algorithm="ES256", headers={"kid": kid})


@pytest.fixture(scope="module")
def trusting(shared: Shared) -> Iterator[Service]:
    """An API that believes Backstage's users, and one of its plugins."""
    with serving({"/jwks.json": published_keys()}) as address:
        users = {"jwks_url": f"{address}/jwks.json", "issuer": ISSUER, "audience": "backstage"}
        plugins = {"jwks_url": f"{address}/jwks.json", "issuer": None, "audience": "finops"}
        issuers = [
            {**users, "scopes": {"group:default/controllers": "*", "user:default/bob": ["logistics"]}},
            {**plugins, "scopes": {"cost-insights": "*"}},
        ]
        with api(environment={**shared.environment, "FINOPS_API_ISSUERS": json.dumps(issuers)}) as service:
            yield service


def test_a_user_sees_the_groups_that_the_token_names(trusting: Service) -> None:
    assert groups_of(trusting, signed()) == {"payments", "storefront"}


def test_a_user_or_a_group_may_be_given_more(trusting: Service) -> None:
    assert groups_of(trusting, signed(sub="user:default/bob", ent=["user:default/bob"])) == {"logistics"}
    assert groups_of(trusting, signed(ent=["group:default/controllers"])) == EVERY_GROUP


def test_a_user_of_no_group_sees_nothing(trusting: Service) -> None:
    assert groups_of(trusting, signed(ent=None)) == set()


def test_a_plugin_s_token_has_no_issuer_and_sees_what_its_name_was_given(trusting: Service) -> None:
    assert groups_of(trusting, signed(iss=None, aud="finops", sub="cost-insights", ent=None)) == EVERY_GROUP
    assert groups_of(trusting, signed(iss=None, aud="finops", sub="catalog", ent=None)) == set()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://elsewhere.example.com"},
        {"iss": None},
        {"aud": "finops"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"nbf": 4102444800},
        {"key": OTHER_KEY},
        {"kid": "key-2"},
    ],
    ids=" ".join,  # the same in every process
)
def test_a_token_that_is_wrong_in_one_thing_is_refused(trusting: Service, claims: dict[str, Any]) -> None:
    assert trusting.get("/v1/applications", token=signed(**claims)).status_code == 401


def test_a_token_without_a_signature_is_refused(trusting: Service) -> None:
    claims = jwt.decode(signed(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "key-1"})
    assert trusting.get("/v1/applications", token=unsigned).status_code == 401


def test_an_issuer_that_does_not_give_its_keys_is_a_503() -> None:
    issuer = {"jwks_url": "http://127.0.0.1:9/jwks.json", "issuer": ISSUER, "audience": "backstage"}
    with api_here(issuers=json.dumps([issuer])) as service:
        answer = service.get("/v1/applications", token=signed())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
