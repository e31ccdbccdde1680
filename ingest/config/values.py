"""The text of a setting as a value of its kind, or a ConfigurationError that names the setting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from finops.ingest.errors import ConfigurationError


def whole(key: str, text: str, example: str, at_least: int) -> int:
    """A whole number."""
    if not text.isdecimal() or int(text) < at_least:
        raise ConfigurationError(
            f"{key} '{text}' is not a whole number from {at_least} up: write for example {example}"
        )
    return int(text)


def share(key: str, text: str) -> Decimal:
    """A number from 0 to 1."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= 1:
        raise ConfigurationError(f"{key} '{text}' is not a share: write a number from 0 to 1, for example 0.5")
    return found


def address(key: str, text: str) -> tuple[str, int]:
    """A host and a port."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 the last port
        raise ConfigurationError(
            f"{key} '{text}' is not an address to listen on: write host:port, such as 0.0.0.0:8090"
        )
    return host.strip("[]"), int(port)


def names(key: str, text: str) -> list[str]:
    """A JSON list of texts."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError(f"{key} '{text}' is not a JSON list of names")
    return found


def check_word(key: str, text: str, known: Sequence[str]) -> None:
    """Whether the text is one of these words, to the letter."""
    if text not in known:
        raise ConfigurationError(f"{key} '{text}' is not known: write one of {', '.join(known)}")


def check_object(key: str, text: str) -> None:
    """Whether the text is a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{key} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f'{key} is not a JSON object: write {{"key": "value"}}')  # it may be a secret
