"""Documents as exact JSON text (exact_json.py), without what is masked (masked.py)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from finops.ingest.config.masking import Place
from finops.ingest.sources.exact_json import TOO_DEEP, write
from finops.ingest.sources.masked import mask_texts, may_hold_pairs, prepare


class Record(NamedTuple):
    """One record of a source, ready to land: `payload` is JSON text."""

    record_id: str
    window_date: date
    payload: str


def encode(document: dict[str, Any], place: Place) -> str:
    """Return the document as JSON text, masked by the rules of its place, in the document itself too.

    A date without a zone is in UTC.

    Raises:
        ValueError: when it is nested deeper than can be read.
    """
    try:
        prepare(document, place)
        text = write(document)
        if may_hold_pairs(text) and mask_texts(document, place):
            text = write(document)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    return text.decode()


def content_hash(payload: str) -> str:
    """Return an identity for a record that comes without one."""
    return hashlib.sha256(payload.encode()).hexdigest()[:32]


def identity(template: str, record: Mapping[str, Any]) -> str:
    """Return the identity of a record, by a format string over its values.

    Raises:
        LookupError: for a value that is missing or null, by its name.
        TypeError: for a part of something that has no parts.
    """
    return template.format_map(_Known(record))


class Identities:
    """Identities of one source's records that stay apart though what tells them apart is masked."""

    def __init__(self) -> None:
        """Begin; what is derived from a masked value is of this reading alone, so that nobody can guess the value."""
        self._salt = secrets.token_bytes(16)
        self._seen: dict[str, str] = {}

    def apart(self, masked: str, original: str) -> str:
        """Return the masked identity; with some digits behind it, where another original has the same one."""
        if masked == original:
            return masked
        digits = hashlib.blake2b(original.encode(errors="surrogatepass"), digest_size=8, key=self._salt).hexdigest()
        return masked if self._seen.setdefault(masked, digits) == digits else f"{masked}#{digits}"


class _Known:
    """The values of a record that are not null, for a format string."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __getitem__(self, key: str) -> object:
        """Return a value.

        Raises:
            KeyError: when it is missing or null.
        """
        if (value := self._record[key]) is None:
            raise KeyError(key)
        return value
