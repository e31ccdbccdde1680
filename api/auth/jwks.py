"""The keys that an issuer publishes, fetched as seldom as possible and never at a caller's will.

They are used for five minutes, then fetched again while callers go on with those that are known; for a key id that is
not known they are fetched at most twice a minute, and after a failure once in five seconds: an invented id must not
become a flood of requests to Backstage. However many callers wait, one fetch is under way. While the issuer gives none,
the last keys are good for an hour, so that its outage is not this API's. The time of a fetch is limited as a whole, and
so is the size of what it gets: PyJWT's own client limits neither.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
import jwt

from finops.api.http.problems import RETRY_AFTER

LOG = logging.getLogger("finops.api")
# Asymmetric ones only: with HS256, a public key would pass for a shared secret.
ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]
LIFESPAN = 300  # seconds
OUTAGE_LIFESPAN = 3600  # seconds for which keys are used that can't be fetched again
REFETCH_AFTER = 30  # seconds
TIMEOUT = aiohttp.ClientTimeout(total=5)  # seconds, from the name's look-up to the last byte
MAX_BYTES = 1 << 18
MAX_KEYS = 100


class KeysError(Exception):
    """An issuer's keys can't be fetched."""


class Keys:
    """The keys of one issuer, by key id."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = -float("inf")
        self._problem = ""
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None where the issuer has no such key.

        Raises:
            KeysError: when that can't be known now.
        """
        key = self._known(key_id)
        now = time.monotonic()
        is_wanted = key is None or now - self._fetched_at > LIFESPAN
        may_try = now - self._tried_at > (RETRY_AFTER if self._problem else REFETCH_AFTER)
        if is_wanted and may_try and self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        if key is None and self._fetching is not None:
            await asyncio.shield(self._fetching)  # a caller who goes away takes it from none of the others
            key = self._known(key_id)
        if key is None and self._problem:
            raise KeysError(self._problem)
        return key

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if time.monotonic() - self._fetched_at < OUTAGE_LIFESPAN else None

    async def _fetch(self) -> None:
        """Fetch the keys, or note why they can't be had."""
        try:
            self._keys, self._problem = _parsed(await _read(self._url)), ""
            self._fetched_at = time.monotonic()
        except (aiohttp.ClientError, OSError, ValueError, KeysError) as error:
            late = isinstance(error, TimeoutError)
            reason = f"not answered within {TIMEOUT.total} s" if late else " ".join(str(error).split())
            address = urlsplit(self._url)
            self._problem = f"{address.scheme}://{address.hostname}:{address.port or ''}{address.path}: {reason}"
            LOG.error("no caller can be authenticated by keys that can't be fetched: %s", self._problem)  # noqa: TRY400
        finally:
            self._tried_at = time.monotonic()
            self._fetching = None


async def _read(url: str) -> bytes:
    """The body of an answer.

    Raises:
        KeysError: when it is not a 200 (a redirect would lead to keys that nobody configured), or is too long.
    """
    async with (
        # What it sends compressed is not what was asked for: a small answer can't become a long one here.
        aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True, auto_decompress=False) as session,
        session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        if answer.status != HTTPStatus.OK:
            raise KeysError(f"answered {answer.status}; redirects are not followed: configure the address of the keys")
        body = b""
        async for piece in answer.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > MAX_BYTES:
                raise KeysError(f"longer than {MAX_BYTES} bytes: is it the address of a JSON Web Key Set?")
        return body


def _parsed(body: bytes) -> dict[str, jwt.PyJWK]:
    """The signing keys in a JSON Web Key Set (RFC 7517).

    Raises:
        KeysError: when it holds none, or is something else.
    """
    try:
        found = jwt.PyJWKSet(json.loads(body)["keys"][:MAX_KEYS]).keys
        keys = {key.key_id: key for key in found if _is_for_signatures(key)}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, jwt.PyJWTError) as error:
        raise KeysError(f"not a JSON Web Key Set: {type(error).__name__}") from error
    if not keys:
        raise KeysError("holds no key with an id to check signatures with")
    return {str(key_id): key for key_id, key in keys.items()}


def _is_for_signatures(key: jwt.PyJWK) -> bool:
    return isinstance(key.key_id, str) and key.public_key_use in {"sig", None} and key.algorithm_name in ALGORITHMS
