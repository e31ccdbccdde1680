"""The session under every HTTP request: one host, certificates always checked, attempts with jitter, one deadline.

All of it stands in the session and its adapter, because that is where redirects, renewed tokens and the token's own
endpoint pass too. An answer is read here to its end, piece by piece: a server that sends a byte a minute is never
silent, and would outlive any timeout.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from email.utils import mktime_tz, parsedate_tz
from typing import Any, cast
from urllib.parse import urlsplit

import requests
import urllib3
from dlt.sources.helpers.requests.retry import DEFAULT_RETRY_EXCEPTIONS, DEFAULT_RETRY_STATUS, retry_if_status
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_any, retry_if_exception

from finops.ingest.config.settings import ExtractionSettings
from finops.ingest.errors import SourceError
from finops.ingest.sources.rest.errors import Endpoint, failure, refusal

_LONGEST_BACKOFF = 60.0  # seconds
_PIECE = 1 << 16  # bytes
_MIB = 1 << 20


class NotReadyError(SourceError):
    """The service still works on the answer, and says to ask again."""


class Deadline:
    """When reading a source must be over, whatever it does."""

    def __init__(self, seconds: float, where: str) -> None:
        self._end = time.monotonic() + seconds
        self._said = f"{where}: not read to its end in {seconds} seconds: set ingest.http_deadline higher, or read less"

    def left(self) -> float:
        """Seconds; none of them negative."""
        return max(self._end - time.monotonic(), 0)

    def check(self) -> float:
        """Seconds left.

        Raises:
            SourceError: when there are none.
        """
        if not (left := self.left()):
            raise self.missed()
        return left

    def missed(self, last: str = "") -> SourceError:
        """What to say when it is over, or would be before the next attempt."""
        return SourceError(f"{self._said} ({last})" if last else self._said)


class Session(requests.Session):
    """Reaches the host of one endpoint only: a token follows neither a link nor a redirect to another one.

    Attributes:
        clock_skew: by how much the server's clock is ahead of ours, as its last answer says it (to the second).
    """

    def __init__(self, asked: Endpoint, ca_bundle: str | None, limits: ExtractionSettings, deadline: Deadline) -> None:
        super().__init__()
        self.clock_skew: timedelta | None = None
        self._asked = asked
        self._limits = limits
        self._deadline = deadline
        self._attempts = Retrying(
            retry=retry_any(retry_if_status(DEFAULT_RETRY_STATUS), retry_if_exception(_may_pass)),
            wait=_wait(limits.http_backoff),
            stop=self._is_over,
            retry_error_callback=self._give_up,
        )
        self.adapters.clear()
        self.mount(
            "{0.scheme}://{0.netloc}/".format(urlsplit(asked.url)), _Adapter(asked.where, ca_bundle, limits, deadline)
        )

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send, and again while it may help; a redirect is a part of the attempt that led to it."""
        if not kwargs.get("allow_redirects", True):
            return super().send(request, **kwargs)
        response: requests.Response = self._attempts(super().send, request, **kwargs)
        if (said := _time(response.headers.get("Date", ""))) is not None:
            self.clock_skew = timedelta(seconds=round(said - time.time()))
        return response

    def _is_over(self, state: RetryCallState) -> bool:
        too_late = state.upcoming_sleep >= self._deadline.left()
        return too_late or state.attempt_number >= self._limits.http_attempts

    def _give_up(self, state: RetryCallState) -> requests.Response:
        ended = _ended(state)
        if state.attempt_number < self._limits.http_attempts:
            last = failure(ended, self._asked) if isinstance(ended, BaseException) else refusal(ended, self._asked)
            raise self._deadline.missed(last)
        if isinstance(ended, BaseException):
            raise ended
        return ended


class _Adapter(HTTPAdapter):
    """One exchange: inside the deadline, no larger than allowed, and never without a look at the certificate."""

    def __init__(self, where: str, ca_bundle: str | None, limits: ExtractionSettings, deadline: Deadline) -> None:
        super().__init__()
        self._where = where
        self._ca_bundle = ca_bundle
        self._limits = limits
        self._deadline = deadline

    def send(  # noqa: PLR0913, PLR0917 the parent's signature
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002
        timeout: object = None,  # noqa: ARG002 the limits say it
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: Any = None,  # noqa: ANN401
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        seconds = min(self._limits.http_timeout, self._deadline.check())
        authorities = self._ca_bundle or verify or True
        response = super().send(request, stream=True, timeout=seconds, verify=authorities, cert=cert, proxies=proxies)
        try:
            response._content = self._read(response)  # noqa: SLF001 as requests itself does
        finally:
            response.close()
        return response

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                body += piece
                self._deadline.check()
                if len(body) > self._limits.http_max_answer_mib * _MIB:
                    raise SourceError(
                        f"{self._where}: an answer of more than {self._limits.http_max_answer_mib} MiB: ask for smaller"
                        " pages, or raise ingest.http_max_answer_mib"
                    )
        except urllib3.exceptions.DecodeError as error:
            raise requests.exceptions.ContentDecodingError(error, request=response.request) from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout(error, request=response.request) from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from error
        return bytes(body)


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may help: a certificate that isn't trusted stays so."""
    return isinstance(error, (*DEFAULT_RETRY_EXCEPTIONS, NotReadyError)) and "CERTIFICATE_VERIFY" not in str(error)


def _wait(backoff: float) -> Callable[[RetryCallState], float]:
    """Twice as long each time, half of it by chance, or as long as the server says: many clients don't come at once."""

    def wait(state: RetryCallState) -> float:
        longest = min(backoff * 2.0 ** min(state.attempt_number - 1, 30), _LONGEST_BACKOFF)
        chance = random.uniform(0, longest / 2)  # noqa: S311 no secret
        asked = _retry_after(state)
        return (longest / 2 if asked is None else asked) + chance

    return wait


def _retry_after(state: RetryCallState) -> float | None:
    """The seconds that the server says to wait: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    ended = _ended(state)
    response = ended if isinstance(ended, requests.Response) else getattr(ended, "response", None)
    text = "" if response is None else response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    at = _time(text)
    return None if at is None else max(at - time.time(), 0)


def _time(text: str) -> float | None:
    """An HTTP date as a unix time."""
    parsed = parsedate_tz(text)
    try:
        return mktime_tz(parsed) if parsed else None
    except (ValueError, OverflowError):  # a date that no calendar has
        return None


def _ended(state: RetryCallState) -> requests.Response | BaseException:
    """How an attempt ended."""
    outcome = cast("Future[requests.Response]", state.outcome)
    return outcome.exception() or outcome.result()
