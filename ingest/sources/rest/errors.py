"""What goes wrong over HTTP, in words that name the setting to check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import requests

from finops.ingest.config.redaction import LONGEST
from finops.ingest.config.services import HttpService
from finops.ingest.errors import SourceError, one_line

_CREDENTIALS = {  # what is set for a way to authenticate: what to check when it is refused
    "token_url": "{0}.client_id and {0}.client_secret",
    "username": "{0}.username and {0}.password",
    "token": "{0}.token",
}


@dataclass(frozen=True)
class Endpoint:
    """One address of a service.

    Attributes:
        name: whose address it is, e.g. `gitlab.storage`.
        section: where the service is configured, e.g. `sources.gitlab`.
        options: what is set there.
        key: the setting that holds the address.
    """

    name: str
    section: str
    options: HttpService
    key: Literal["url", "token_url"] = "url"

    @property
    def url(self) -> str:
        """The address."""
        return str(getattr(self.options, self.key))

    @property
    def setting(self) -> str:
        """The setting that holds the address, in full."""
        return f"{self.section}.{self.key}"

    @property
    def where(self) -> str:
        """Whose address it is and which, to begin a message with."""
        return f"{self.name} ({self.url})"


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
            return f"no trusted connection: check {asked.section}.ca_bundle ({_cause(error)})"
        case requests.ConnectionError() | requests.Timeout():
            return f"no answer: {check}, or that the service is up ({_cause(error)})"
        case _:
            return f"the answer broke off or can't be read ({_cause(error)}): run it again"


def refusal(response: requests.Response, asked: Endpoint) -> str:
    """An error status, and what to do about it."""
    status = f"answered {response.status_code} {excerpt(response.reason)}"
    said = excerpt(response.content[: LONGEST + 1].decode(errors="replace"))
    # a token's endpoint says 400 where others say 401 (RFC 6749, 5.2)
    if response.status_code in {401, 403} or (response.status_code, asked.key) == (400, "token_url"):
        way = next((way for way in _CREDENTIALS if getattr(asked.options, way) is not None), "token")
        credentials = _CREDENTIALS[way].format(asked.section)
        return f"{status}: check {credentials} and what it may read" + (f" ({said})" if said else "")
    if response.status_code == requests.codes.not_found:
        return f"{status}: check {asked.setting}"
    return f"{status}: {said}"


def excerpt(value: object) -> str:
    """The beginning of what came, on one line."""
    try:
        return one_line(str(value), 120)
    except RecursionError:
        return "[[…]]"


def _cause(error: BaseException) -> str:
    reason = getattr(error.args[0] if error.args else None, "reason", error)
    return excerpt(reason).rpartition(">: ")[2]
