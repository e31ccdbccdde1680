"""The session under every HTTP request: one host, certificates always checked, attempts with jitter, one deadline.

All of it stands in the session and its adapter, because redirects, renewed tokens and the token's own endpoint pass
there too. An answer is read here to its end, piece by piece: a server that sends a byte a minute is never silent, and
would outlive any timeout. Numbers are read as decimals, so that what lands is what was sent.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

import requests
import urllib3
from dlt.sources.helpers.requests.retry import (
    DEFAULT_RETRY_EXCEPTIONS,
    DEFAULT_RETRY_STATUS,
    retry_if_status,
    wait_exponential_retry_after,
)
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_any,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError
from finops.ingest.sources.exact_json import read_json
from finops.ingest.sources.rest.errors import Endpoint, failure, refusal

_PIECE = 1 << 16  # bytes
_MIB = 1 << 20
_VALUES_A_MIB = 1 << 16


class NotReadyError(SourceError):
    """The service still works on the answer, and says to ask again."""


class Deadline:
    """When reading a source must be over, whatever it does."""

    def __init__(self, seconds: float, where: str) -> None:
        self._end = time.monotonic() + seconds
        self._message = (
            f"{where}: not read to its end in {seconds} seconds: set ingest.http_deadline higher, or read less"
        )

    def left(self) -> float:
        """Return the seconds left, 0 when it is over."""
        return max(self._end - time.monotonic(), 0)

    def check(self) -> float:
        """Return the seconds left.

        Raises:
            SourceError: when there are none.
        """
        if not (left := self.left()):
            raise self.missed()
        return left

    def missed(self, last: str = "") -> SourceError:
        """Return the error for a deadline that is over, or would be before the next attempt."""
        return SourceError(f"{self._message} ({last})" if last else self._message)


class Session(requests.Session):
    """Reaches the host of one endpoint only: a token follows neither a link nor a redirect to another one.

    Attributes:
        clock_skew: by how much the server's clock is ahead of ours, as its last answer says it (to the second).
    """

    def __init__(self, asked: Endpoint, limits: ExtractionSettings, deadline: Deadline) -> None:
        super().__init__()
        self.clock_skew: timedelta | None = None
        self._asked = asked
        self._deadline = deadline
        self._last_attempt = stop_after_attempt(limits.http_attempts)
        half = limits.http_backoff / 2  # of each wait is by chance, so that many clients don't come back at once
        self._attempts = Retrying(
            retry=retry_any(retry_if_status(DEFAULT_RETRY_STATUS), retry_if_exception(_may_pass)),
            wait=_RetryAfter(half, max=limits.http_deadline) + wait_random_exponential(half, max=limits.http_deadline),
            stop=lambda state: self._last_attempt(state) or state.upcoming_sleep >= deadline.left(),
            retry_error_callback=self._give_up,
        )
        self.adapters.clear()
        self.mount("{0.scheme}://{0.netloc}/".format(urlsplit(asked.url)), _Adapter(asked, limits, deadline))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send, and again while it may help; a redirect is a part of the attempt that led to it."""
        if not kwargs.get("allow_redirects", True):
            return super().send(request, **kwargs)
        response: requests.Response = self._attempts(super().send, request, **kwargs)
        if (clock_skew := _clock_skew(response)) is not None:
            self.clock_skew = clock_skew
        return response

    def _give_up(self, state: RetryCallState) -> requests.Response:
        """Return the last answer, or raise what came instead."""
        outcome = cast("Future[requests.Response]", state.outcome)
        if not self._last_attempt(state):
            error = outcome.exception()
            last = failure(error, self._asked) if error else refusal(outcome.result(), self._asked)
            raise self._deadline.missed(last)
        return outcome.result()


class _Adapter(HTTPAdapter):
    """One exchange: inside the deadline, no larger than allowed, and never without a look at the certificate."""

    def __init__(self, asked: Endpoint, limits: ExtractionSettings, deadline: Deadline) -> None:
        super().__init__()
        self._asked = asked
        self._limits = limits
        self._deadline = deadline

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:  # noqa: ANN401
        """Build a response that reads numbers as decimals."""
        response = _ExactResponse()
        vars(response).update(vars(super().build_response(req, resp)))
        return response

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send a request, and read its answer to the end."""
        kwargs["stream"] = True
        kwargs["timeout"] = min(self._limits.http_timeout, self._deadline.check())
        kwargs["verify"] = self._asked.options.ca_bundle or kwargs.get("verify") or True
        response = super().send(request, *args, **kwargs)
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
                    raise self._too_large(f"{self._limits.http_max_answer_mib} MiB")
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from error
        # a value of a letter or two takes a hundred bytes of memory
        most = self._limits.http_max_answer_mib * _VALUES_A_MIB
        if sum(body.count(sign) for sign in (b",", b"[", b"{")) > most:
            raise self._too_large(f"{most:,} values")
        return bytes(body)

    def _too_large(self, limit: str) -> SourceError:
        return SourceError(
            f"{self._asked.where}: an answer of more than {limit}: ask for smaller pages, or set "
            "ingest.http_max_answer_mib higher"
        )


class _ExactResponse(requests.Response):
    """An answer that is parsed once, its numbers as decimals; text that is not UTF-8 is refused and not guessed at."""

    def json(self, **_: Any) -> Any:  # noqa: ANN401
        """Return the parsed body.

        Raises:
            requests.exceptions.InvalidJSONError: says what the answer is not.
        """
        return self._document

    @cached_property
    def _document(self) -> Any:  # noqa: ANN401
        try:
            return read_json(self.content)
        except UnicodeDecodeError as error:
            said = f"UTF-8 text ({error.reason} at byte {error.start})"
            raise requests.exceptions.InvalidJSONError(said, response=self) from error
        except json.JSONDecodeError as error:
            raise requests.exceptions.InvalidJSONError("JSON", response=self) from error
        except ValueError as error:
            raise requests.exceptions.InvalidJSONError(f"JSON that can be read, {error}", response=self) from error


class _RetryAfter(wait_exponential_retry_after):
    """dlt's wait, but a date that no calendar has counts as none."""

    def _parse_retry_after(self, retry_after: str) -> float | None:
        try:
            return super()._parse_retry_after(retry_after)
        except (ValueError, OverflowError):
            return None


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may help: a certificate that isn't trusted stays so."""
    return isinstance(error, (*DEFAULT_RETRY_EXCEPTIONS, NotReadyError)) and "CERTIFICATE_VERIFY" not in str(error)


def _clock_skew(response: requests.Response) -> timedelta | None:
    """By how much the server's clock is ahead of ours, to the second; None where it doesn't say the time."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
        return timedelta(seconds=round((told.astimezone(UTC) - datetime.now(UTC)).total_seconds()))
    except (ValueError, OverflowError):  # a date that no calendar has, too
        return None
