"""What goes wrong over HTTP, in words that name the setting to check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import requests

from finops.ingest.config.services import HttpService
from finops.ingest.errors import SourceError

_CREDENTIALS = {  # what is set for a way to authenticate: what to check when it is refused
    "token_url": "sources.{0}.client_id and sources.{0}.client_secret",
    "username": "sources.{0}.username and sources.{0}.password",
    "token": "sources.{0}.token",
}


@dataclass(frozen=True)
class Endpoint:
    """What a message says of an address.

    Attributes:
        name: whose address it is, e.g. `gitlab.storage`.
        url: the address.
        setting: the key of the configuration that holds the address.
        credentials: the keys that hold what is presented to it.
        ca_bundle: the key that holds the authority that its certificate is checked against.
        refusals: the statuses that mean that the credentials were refused.
    """

    name: str
    url: str
    setting: str
    credentials: str
    ca_bundle: str
    refusals: frozenset[int]

    @property
    def where(self) -> str:
        """Whose address it is and which, to begin a message with."""
        return f"{self.name} ({self.url})"


def endpoint(name: str, service: str, options: HttpService, key: Literal["url", "token_url"] = "url") -> Endpoint:
    """The endpoint whose address is in one setting of a service."""
    way = next((way for way in _CREDENTIALS if getattr(options, way) is not None), "token")
    return Endpoint(
        name=name,
        url=getattr(options, key),
        setting=f"sources.{service}.{key}",
        credentials=_CREDENTIALS[way].format(service),
        ca_bundle=f"sources.{service}.ca_bundle",
        # a token's endpoint says 400 where others say 401 (RFC 6749, 5.2)
        refusals=frozenset({401, 403, 400} if key == "token_url" else {401, 403}),
    )


@contextmanager
def translate_errors(asked: Endpoint) -> Iterator[None]:
    """Turn what a client library says into a SourceError."""
    try:
        yield
    except requests.RequestException as error:
        raise SourceError(f"{asked.where}: {failure(error, asked)}") from error


def failure(error: BaseException, asked: Endpoint) -> str:
    """What a client library says, in words that name the setting."""
    check = f"check {asked.setting}"
    match error:
        case requests.HTTPError():
            return refusal(error.response, asked)
        case requests.exceptions.InvalidSchema():
            said = "redirected to another host; credentials are only sent to the configured one"
            return f"{said}: {check} ({excerpt(error)})"
        case requests.exceptions.InvalidJSONError():
            return f"the answer is not {error}: {check}"
        case requests.exceptions.SSLError():
            return f"no trusted connection: check {asked.ca_bundle} ({_cause(error)})"
        case requests.ConnectionError() | requests.Timeout():
            return f"no answer: {check}, or that the service is up ({_cause(error)})"
        case _:
            return f"the answer broke off or can't be read ({_cause(error)}): run it again"


def refusal(response: requests.Response, asked: Endpoint) -> str:
    """An error status, and what to do about it."""
    status = f"answered {response.status_code} {response.reason}"
    said = excerpt(response.content[:1000].decode(errors="replace"))
    if response.status_code in asked.refusals:
        return f"{status}: check {asked.credentials} and what it may read" + (f" ({said})" if said else "")
    if response.status_code == requests.codes.not_found:
        return f"{status}: check {asked.setting}"
    return f"{status}: {said}"


def excerpt(value: object) -> str:
    """The beginning of what came, on one line."""
    text = " ".join(str(value)[:1000].split())
    return text if len(text) <= 120 else text[:117] + "…"  # noqa: PLR2004 a line of a message


def _cause(error: BaseException) -> str:
    reason = getattr(error.args[0] if error.args else None, "reason", error)
    return excerpt(reason).rpartition(">: ")[2]
