"""Authenticate the caller by bearer token or JWT.

`authenticate` is a dependency of whole routers (app.py). It puts the caller's identity into `request.state`: a route
without it has none to read the database with.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.auth.jwks import KeysError
from finops.api.auth.jwts import Issuers
from finops.api.auth.tokens import PREFIX, Tokens, TokensError
from finops.api.http.problems import ProblemError, unavailable
from finops.api.settings import Settings

LOG = logging.getLogger("finops.api")
BEARER = HTTPBearer(auto_error=False, description="A token of `finops-api token`, or a JWT of a configured issuer.")
LOCAL = Identity("insecure-local", EVERYTHING)
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


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> None:
    """Put the caller's identity into `request.state`, and count the request against its rate limit."""
    authenticator: Authenticator = request.app.state.authenticator
    try:
        identity = await authenticator.identity(credentials.credentials if credentials else None)
    except (TokensError, KeysError) as error:
        LOG.error("no caller can be authenticated: %s", error)  # noqa: TRY400 - the message says it all
        raise unavailable("your credentials can't be checked now") from error
    if identity is None:
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "send `Authorization: Bearer …` with a token that is known here and has not expired",
            headers=CHALLENGE,
        )
    request.state.identity = identity
    request.app.state.rate_limit.count(identity)
