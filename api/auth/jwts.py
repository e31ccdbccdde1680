"""JWTs: accepted when a configured issuer signed them for this audience, and they have not expired.

PyJWT fetches the keys in a thread. They are kept for five minutes, and fetched again for an unknown key id at most once
every half minute: an invented id must not become a flood of requests to Backstage. PyJWT's own cache has no such limit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jwt
from anyio import to_thread

from finops.api.auth.caller import Identity, union
from finops.api.settings import Issuer, Scope

# Asymmetric ones only: with HS256, a public key would pass for a shared secret.
ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]
KEYS_LIFESPAN = 300  # seconds
REFETCH_AFTER = 30  # seconds
TIMEOUT = 5  # seconds
GROUP_KIND = "group:"


class KeysError(Exception):
    """An issuer's keys can't be fetched."""


class Keys:
    """The keys that one issuer publishes, by key id."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=TIMEOUT)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = -float("inf")

    async def get(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id, fetched where that may help; None where the issuer has no such key.

        Raises:
            KeysError: when the keys can't be fetched.
        """
        age = time.monotonic() - self._fetched_at
        if age > KEYS_LIFESPAN or (key_id not in self._keys and age > REFETCH_AFTER):
            try:
                found = await to_thread.run_sync(self._client.get_signing_keys)
            except jwt.PyJWKClientError as error:
                raise KeysError(str(error)) from error
            self._keys = {key.key_id: key for key in found}
            self._fetched_at = time.monotonic()
        return self._keys.get(key_id)


class Issuers:
    """The configured issuers."""

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self._issuers = [(issuer, Keys(issuer.jwks_url)) for issuer in issuers]

    async def identity(self, token: str) -> Identity | None:
        """The caller; None where no issuer signed this token, or it has expired.

        Raises:
            KeysError: when the keys of the issuer that it names can't be fetched.
        """
        try:
            header = jwt.get_unverified_header(token)
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.InvalidTokenError:
            return None
        for issuer, keys in self._issuers:
            if issuer.issuer != named:
                continue
            key = await keys.get(header.get("kid"))
            claims = _claims(token, key, issuer) if key else None
            if claims is not None:
                return Identity(str(claims["sub"]), union(_scopes(issuer, claims)))
        return None


def _claims(token: str, key: jwt.PyJWK, issuer: Issuer) -> Mapping[str, Any] | None:
    required = ["exp", "sub", "aud", *(["iss"] if issuer.issuer else [])]
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=issuer.audience,
            issuer=issuer.issuer,
            options={"require": required},
        )
    except jwt.InvalidTokenError:
        return None
    return claims


def _scopes(issuer: Issuer, claims: Mapping[str, Any]) -> Iterator[Scope]:
    """What the subject may see, then what each group may see that the token puts it in."""
    yield issuer.scopes.get(str(claims["sub"]), [])
    references = claims.get(issuer.groups_claim)
    for reference in references if isinstance(references, list) else []:
        yield issuer.scopes.get(str(reference), [])
        if str(reference).startswith(GROUP_KIND):
            yield [str(reference).rpartition("/")[2]]
