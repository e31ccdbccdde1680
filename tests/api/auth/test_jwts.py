"""JWTs as Backstage makes them: checked against the keys, the audience and the issuer that are configured."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.api.auth.jwts import Issuers
from finops.api.settings import Issuer
from tests.api.auth.test_access import EVERY_GROUP, groups_of
from tests.api.service import Service, Shared, api, api_here
from tests.e2e.finops import serving
from tests.hostility import times

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
    # not jwt.encode, which refuses claims that no honest issuer would sign
    return jwt.PyJWS().encode(json.dumps(present).encode(), key, algorithm="ES256", headers={"kid": kid})


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


@pytest.mark.hostile
def test_a_group_called_unallocated_is_not_shown_what_nobody_owns(trusting: Service) -> None:
    for name in ("group:default/unallocated", "group:unallocated", "Group:Default/UNALLOCATED"):
        assert groups_of(trusting, signed(ent=[name])) == set()


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


RSA_KEY = rsa.generate_private_key(65537, 2048)
EDWARDS_KEY = ed25519.Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()
OWN_KEY = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(OTHER_KEY.public_key())), "kid": "key-1"}
HEADERS: list[dict[str, Any]] = [
    {},
    {"jwk": OWN_KEY},
    {"jku": "http://127.0.0.1:9/jwks.json"},
    {"x5u": "http://127.0.0.1:9/certificate"},
    {"x5c": ["AAAA"]},
    {"crit": ["exp"]},
    {"b64": False, "crit": ["b64"]},
    {"typ": "at+jwt"},
    {"zip": "DEF"},
    {"kid": "../../../../dev/null"},
    {"kid": "' or '1'='1"},
    {"kid": ""},
]


@pytest.mark.hostile
@pytest.mark.parametrize("header", HEADERS, ids=",".join)
def test_a_forged_token_is_refused_and_fetches_nothing(trusting: Service, header: dict[str, Any]) -> None:
    claims = jwt.decode(signed(), options={"verify_signature": False})
    pem = PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = PUBLIC.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    secrets = [pem, pem.strip(), der, b"key-1", json.dumps(published_keys()["keys"][0]).encode(), b"x" * 32]
    given = {"kid": "key-1", **header}
    forged = [
        *(mac(claims, {**given, "alg": name}, secret) for name in ("HS256", "HS384", "HS512") for secret in secrets),
        *(mac(claims, {**given, "alg": name}, b"") for name in ("none", "None", "NONE", "nOnE", "", "ES256", "RS256")),
        jwt.encode(claims, OTHER_KEY, "ES256", headers=given if "b64" not in header else {"kid": "key-1"}),
        jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": "key-1"}),
        jwt.encode(claims, RSA_KEY, "PS512", headers={"kid": "key-1"}),
        jwt.encode(claims, EDWARDS_KEY, "EdDSA", headers={"kid": "key-1"}),
    ]
    head, payload, signature = signed().split(".")
    other = signed(ent=["group:default/controllers"]).split(".")
    zero = urlsafe_b64encode(bytes(64)).decode().rstrip("=")
    forged += [f"{head}.{other[1]}.{signature}", f"{head}.{payload}.{other[2]}", f"{head}.{payload}.{zero}"]
    forged += [f"{head}.{payload}.", f"{head}.{payload}", f".{payload}.{signature}", f"{head}..{signature}"]
    forged += [f"{head}.{payload}.{signature}.{signature}", f"{head}.{payload}.{signature}"[:-3]]
    for token in forged:
        assert trusting.get("/v1/applications", token=token).status_code == 401, token


def mac(claims: Any, header: dict[str, Any], secret: bytes) -> str:
    """A token with a shared secret's signature, whatever its header says; none without a secret."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    digest = {"HS384": "sha384", "HS512": "sha512"}.get(header["alg"], "sha256")
    signature = hmac.new(secret, b".".join(parts), digest).digest() if secret else b""
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def test_a_token_without_a_signature_is_refused(trusting: Service) -> None:
    claims = jwt.decode(signed(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "key-1"})
    assert trusting.get("/v1/applications", token=unsigned).status_code == 401


# What the claims become, asked of the code that the API asks


@pytest.fixture(scope="module")
def issuers() -> Iterator[list[dict[str, Any]]]:
    """Backstage, and a provider of identities whose groups are plain names."""
    with serving({"/jwks.json": published_keys()}) as address:
        users = {"jwks_url": f"{address}/jwks.json", "issuer": ISSUER, "audience": "backstage"}
        scopes = {
            "Group:Controllers": "*",
            "user:bob": ["Group:Default/Logistics", "platform/team-a"],
            "Domain Users": ["payments"],
            "cost-insights": ["user:jane"],
        }
        yield [{**users, "scopes": scopes}]


def seen(issuers: list[dict[str, Any]], **claims: Any) -> set[str] | str | None:
    """The keys of the groups that a signed token shows; None where it is refused."""
    found = asyncio.run(Issuers([Issuer(**issuer) for issuer in issuers]).identity(signed(**claims)))
    if found is None:
        return None
    return found.groups if found.groups == "*" else set(found.groups)


@pytest.mark.parametrize(
    ("claims", "keys"),
    [
        ({"ent": ["group:sandbox/payments"]}, {"sandbox/payments"}),
        ({"ent": ["group:platform/team-a", "group:default/team-a"]}, {"platform/team-a", "team-a"}),
        ({"ent": ["Group:Default/Payments", "group:payments", "group:default/payments"]}, {"payments"}),
        ({"ent": ["user:default/jane"]}, {"user:default/jane"}),
        ({"sub": "user:default/Jane", "ent": []}, {"user:default/jane"}),
        ({"ent": ["component:default/payments", "api:payments", "payments", "sandbox/payments"]}, set()),
        ({"ent": ["group:user:default/ceo"]}, {"group:user:default/ceo"}),  # the key of no group and no user
        ({"ent": []}, set()),
        ({"ent": None}, set()),
        ({"sub": "group:default/payments", "ent": []}, set()),
        ({"sub": "user:default/bob", "ent": []}, {"user:default/bob", "logistics", "platform/team-a"}),
        ({"ent": ["group:default/CONTROLLERS"]}, "*"),
        ({"ent": ["Controllers", "controllers", "default/controllers"]}, set()),
        ({"ent": ["Domain Users"]}, {"payments"}),
        ({"ent": ["domain users", "group:Domain Users"]}, {"domain users"}),
        ({"sub": "cost-insights", "ent": ["x" * 255]}, {"user:default/jane"}),
        ({"ent": [f"group:default/g{number}" for number in range(1000)]}, {f"g{number}" for number in range(1000)}),
    ],
)
def test_a_claim_shows_what_it_names_and_never_drops_a_namespace(
    issuers: list[dict[str, Any]], claims: dict[str, Any], keys: set[str] | str
) -> None:
    assert seen(issuers, **{"sub": "someone", **claims}) == keys


@pytest.mark.hostile
@pytest.mark.parametrize(
    "claims",
    [
        {"ent": "group:default/payments"},
        {"ent": {"group:default/payments": True}},
        {"ent": 7},
        {"ent": False},
        {"ent": [7]},
        {"ent": [None]},
        {"ent": [["group:default/payments"]]},
        {"ent": ["group:default/payments", {"a": 1}]},
        {"ent": [""]},
        {"ent": ["group:default/payments\0"]},
        {"ent": ["group:default/payments\n"]},
        {"ent": ["group:default/\ud800"]},
        {"ent": ["group:default/*"]},
        {"ent": ["group:*"]},
        {"ent": ["group:default/" + "x" * 250]},
        {"ent": [f"group:default/{number}" for number in range(10_000)]},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["user:default/ada"]},
        {"sub": {"user": "ada"}},
        {"sub": "ada\0"},
        {"sub": "ada\ud800"},
        {"sub": "a" * 256},
        {"exp": float("inf")},
        {"exp": "soon"},
        {"exp": [1]},
        {"exp": -float("inf")},
        {"nbf": float("inf")},
        {"iat": float("nan")},
        {"aud": {"backstage": 1}},
        {"aud": [7]},
    ],
    ids=lambda claims: str(claims)[:60].encode("ascii", "replace").decode(),
)
def test_a_malformed_claim_is_refused_however_well_it_is_signed(
    issuers: list[dict[str, Any]], claims: dict[str, Any]
) -> None:
    assert seen(issuers, **claims) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
REFERENCES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "group:", "GROUP:", "user:", "component:", "group:group:", "*:", ":"]),
        st.sampled_from(["", "default/", "sandbox/", "default/default/", "/", "*/", "../"]),
        st.sampled_from(
            ["payments", "PAYMENTS", "*", "", "storefront\0", "\ud800", "unallocated", "pay\u212aents", "%", "'"]
        ),
    ),
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "sub": REFERENCES | JSON,
        "ent": st.lists(REFERENCES, max_size=5) | JSON,
        **dict.fromkeys(("exp", "nbf", "iat", "iss", "aud", "jti"), JSON),
    },
)


@pytest.mark.hostile
@settings(max_examples=times(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claims=CLAIMS)
def test_whatever_a_signed_token_claims_is_answered_and_shows_no_more_than_it_names(
    trusting: Service, claims: dict[str, Any]
) -> None:
    answer = trusting.get("/v1/applications", token=signed(**claims))
    assert answer.status_code in {200, 401}, (claims, answer.text)
    shown = {line["group_id"] for line in answer.json()["data"]} if answer.status_code == 200 else set()
    named = claims.get("ent", ["group:payments", "group:storefront"])
    references = {text.lower() for text in named if isinstance(text, str)} if isinstance(named, list) else set()
    assert shown == {group for group in shown if references & {f"group:{group}", f"group:default/{group}"}}


@pytest.mark.hostile
@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "ES256", "RS256", "EdDSA", "ES256K", "", "\0"])
@pytest.mark.parametrize("part", ["header", "payload"])
def test_what_can_not_be_read_at_all_is_refused(trusting: Service, algorithm: str, part: str) -> None:
    parts = {
        "header": json.dumps({"alg": algorithm, "kid": "key-1"}),
        "payload": json.dumps({"iss": ISSUER, "aud": "backstage", "sub": "user:default/ada", "exp": 4102444800}),
    }
    for ugly in (
        "[" * 20_000,
        "1" * 5000,
        '{"a":' * 6000,
        "null",
        '"text"',
        "\xff",
        "{}",
        '{"kid": ["a"]}',
        '{"iss": {}}',
    ):
        given = {**parts, part: ugly}
        token = ".".join(urlsafe_b64encode(text.encode("latin-1")).decode().rstrip("=") for text in given.values())
        for signature in ("", "AAAA", "é"):
            answer = trusting.get(
                "/v1/applications", headers={"Authorization": f"Bearer {token}.{signature}".encode("latin-1")}, token=""
            )
            assert answer.status_code == 401, (ugly[:20], answer.text)


def test_an_issuer_that_does_not_give_its_keys_is_a_503() -> None:
    issuer = {"jwks_url": "http://127.0.0.1:9/jwks.json", "issuer": ISSUER, "audience": "backstage"}
    with api_here(issuers=json.dumps([issuer])) as service:
        answer = service.get("/v1/applications", token=signed())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
