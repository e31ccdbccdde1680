"""What is presented to an HTTP source: nothing, a token in a header, a user and password, or OAuth2 client credentials.

Which of them follows from what is set. An OAuth2 token is asked for by a session of its own, that reaches the token's
host and no other; a token that is refused, as an expired one is, is asked for again once.
"""

from __future__ import annotations

from typing import Any

import requests
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)

from finops.ingest.config.redaction import learn_secret
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.services import HttpService
from finops.ingest.errors import SourceError
from finops.ingest.sources.kinds import HttpSource
from finops.ingest.sources.rest.errors import Endpoint, translate_errors
from finops.ingest.sources.rest.session import Deadline, Session

_ONE_DAY = 86_400  # seconds: a token is asked for again after that, whatever it says of itself


def create_auth(
    source: HttpSource, options: HttpService, limits: ExtractionSettings, deadline: Deadline
) -> AuthConfigBase | None:
    """What to present to the source."""
    if options.token_url and options.client_id and options.client_secret:
        asked = Endpoint(f"the token of {source.name}", f"sources.{source.service}", options, "token_url")
        presented = _ClientCredentials(
            access_token_url=asked.url,
            client_id=options.client_id,
            client_secret=options.client_secret.get_secret_value(),
            access_token_request_data={"scope": options.scope} if options.scope else {},
            session=Session(asked, limits, deadline),
        )
        presented.asked = asked
        return presented
    if options.username and options.password:
        return HttpBasicAuth(username=options.username, password=options.password.get_secret_value())
    if options.token is None:
        return None
    token, header = options.token.get_secret_value(), options.token_header or source.token_header
    _check_header(token, source.name, f"sources.{source.service}.token")
    if header == "Authorization":
        return BearerTokenAuth(token=token)
    return APIKeyAuth(name=header, api_key=token, location="header")


class _ClientCredentials(OAuth2ClientCredentials):
    """A token that is asked for with the client's secret, and again when it is refused or has expired."""

    asked: Endpoint

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.hooks["response"].append(self._renew)
        return super().__call__(request)

    def obtain_token(self) -> None:
        with translate_errors(self.asked):
            super().obtain_token()

    def parse_access_token(self, response_json: Any) -> str:  # noqa: ANN401
        token = response_json.get("access_token") if isinstance(response_json, dict) else None
        if not isinstance(token, str) or not token:
            raise SourceError(f"{self.asked.where}: the answer has no 'access_token': check {self.asked.setting}")
        _check_header(token, self.asked.where, self.asked.setting)
        learn_secret(token)
        return token

    def parse_expiration_in_seconds(self, response_json: Any) -> int:  # noqa: ANN401
        told = str(response_json.get("expires_in"))
        return min(int(told), _ONE_DAY) if told.isdecimal() else self.default_token_expiration

    def _renew(self, response: requests.Response, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """A hook of requests: what it returns takes the answer's place."""
        if response.status_code != requests.codes.unauthorized:
            return response
        self.obtain_token()
        request = response.request
        request.headers["Authorization"] = f"Bearer {self.access_token}"
        again = response.connection.send(request, **kwargs)
        again.history.append(response)
        return again


def _check_header(token: str, where: str, setting: str) -> None:
    if not (token.isascii() and token.isprintable()):
        raise SourceError(f"{where}: {setting} holds a character that no header can carry: set it again")
