"""JWTs: accepted when a configured issuer signed them for this audience, and they have not expired.

Whatever a token says of itself is checked before its issuer's keys are needed: who sends nonsense causes no fetch. A
token that is signed well and whose claims are malformed is refused like any other, and the log says by which rule.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finops.api.auth.caller import Identity, union
from finops.api.auth.jwks import ALGORITHMS, Keys, KeysError
from finops.api.auth.references import Reference
from finops.api.settings import Issuer, Scope

LOG = logging.getLogger("finops.api")
MAX_GROUPS = 1000
UNALLOCATED = "group:unallocated"
# What PyJWT raises of a token, and what numbers without end and brackets without end make Python raise in it.
REFUSED = (jwt.InvalidTokenError, ArithmeticError, ValueError, RecursionError)


class Claims(BaseModel):
    """What a token says of its bearer."""

    model_config = ConfigDict(frozen=True, strict=True)

    subject: Reference
    groups: Annotated[list[Reference], Field(max_length=MAX_GROUPS)]


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
        except REFUSED:
            return None
        key_id = header.get("kid")
        if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str):
            return None
        unknown = None
        for issuer, keys in self._issuers:
            if issuer.issuer != named:
                continue
            try:
                key = await keys.get(key_id)
            except KeysError as error:
                unknown = error
                continue
            claims = _claims(token, key, issuer) if key else None
            if claims is not None:
                return Identity(claims.subject, union(_scopes(issuer, claims)))
        if unknown:
            raise unknown
        return None


def _claims(token: str, key: jwt.PyJWK, issuer: Issuer) -> Claims | None:
    required = ["exp", "sub", "aud", *(["iss"] if issuer.issuer else [])]
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=issuer.audience,
            issuer=issuer.issuer,
            options={"require": required},
        )
    except REFUSED:
        return None
    groups = claims.get(issuer.groups_claim)
    try:
        return Claims(subject=claims["sub"], groups=[] if groups is None else groups)
    except ValidationError as error:
        faults = {f"{fault['loc'][0]}: {fault['type']}" for fault in error.errors(include_input=False)}
        LOG.warning("a token of %s is refused, its claims are malformed: %s", issuer.issuer, ", ".join(sorted(faults)))
        return None


def _scopes(issuer: Issuer, claims: Claims) -> Iterator[Scope]:
    """What the subject may see, then what each group may see that the token puts it in.

    A group or a user shows its own costs. Any other name shows what `scopes` says: another kind of entity owns nothing,
    and `payments` alone may be a name of the identity provider's, and not the catalog's group. What nobody owns is not
    shown to the members of a group that somebody called `unallocated`: `scopes` or a token says who sees it.
    """
    for name in (claims.subject, *claims.groups):
        yield issuer.scopes.get(name, [])
    for name in (claims.subject, *claims.groups):
        if name.startswith("user:"):
            yield [name]
    for name in claims.groups:
        if name.startswith("group:") and name != UNALLOCATED:
            yield [name.removeprefix("group:")]
