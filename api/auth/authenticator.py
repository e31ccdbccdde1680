"""Authenticate the caller by bearer token or JWT.

strangers.py asks an `Authenticator` before any other work and puts the identity into `request.state`; `authenticate`, a
dependency of whole routers (app.py), refuses whoever has none.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.auth.jwts import Issuers
from finops.api.auth.tokens import PREFIX, Tokens
from finops.api.http.problems import ProblemError, unavailable
from finops.api.settings import Settings

BEARER = HTTPBearer(auto_error=False, description="A token of `finops-api token`, or a JWT of a configured issuer.")
LOCAL = Identity("insecure-local", EVERYTHING)
REMEDY = "send `Authorization: Bearer …` with a token that is known here and has not expired"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="finops"'}


class Authenticator:
    """Finds out whose a credential is."""

    def __init__(self, settings: Settings, *, everybody: bool) -> None:
        self._everybody = everybody
        self._tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
        self._issuers = Issuers(settings.issuers)

    async def identity(self, credential: str | None) -> Identity | None:
        """The caller; None where the credential is unknown or has expired.

        Raises:
            TokensError, KeysError: when that can't be decided now.
        """
        if self._everybody:
            return LOCAL
        if not credential:
            return None
        if credential.startswith(PREFIX):
            return self._tokens.identity(credential) if self._tokens else None
        return await self._issuers.identity(credential)


async def authenticate(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
    """Refuse a request whose caller strangers.py did not find, and count the others against their rate limit."""
    if getattr(request.state, "is_undecided", False):
        raise unavailable("your credentials can't be checked now")
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, REMEDY, headers=CHALLENGE)
    request.app.state.rate_limit.count(identity)
