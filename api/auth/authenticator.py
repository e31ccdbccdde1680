"""Authenticate the caller by bearer token or JWT."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.auth.jwts import Issuers, KeysError
from finops.api.auth.tokens import PREFIX, Tokens, TokensError
from finops.api.http.problems import ProblemError, unavailable
from finops.api.settings import Settings

LOG = logging.getLogger("finops.api")
BEARER = HTTPBearer(auto_error=False, description="A token of `finops-api token`, or a JWT of a configured issuer.")
LOCAL = Identity("insecure-local", EVERYTHING)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="finops"'}


class Authenticator:
    """Tells who a credential belongs to."""

    def __init__(self, settings: Settings, *, everybody: bool) -> None:
        self._everybody = everybody
        self._tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
        self._issuers = Issuers(settings.issuers)

    async def identity(self, credential: str | None) -> Identity | None:
        """Who calls; None where the credential is nobody's.

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


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> Identity:
    """The dependency of every route but the probes."""
    authenticator: Authenticator = request.app.state.authenticator
    try:
        identity = await authenticator.identity(credentials.credentials if credentials else None)
    except (TokensError, KeysError) as error:
        LOG.error("nobody can be let in: %s", error)  # noqa: TRY400 - the message is the story
        raise unavailable("who you are can't be checked now") from error
    if identity is None:
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "send `Authorization: Bearer …` with a token that is known here and has not expired",
            headers=CHALLENGE,
        )
    request.state.caller = identity.name
    request.app.state.allowance.spend(identity)
    return identity


Caller = Annotated[Identity, Depends(caller)]
