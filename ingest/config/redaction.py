"""What must never be printed: passwords, tokens, keys. Everything that the loader says goes through `redact`."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

# Greedy up to the last @: a password with a stray / or @ breaks the address, and must not be shown for it.
_PASSWORD = re.compile(r"://[^:/?#@]*:(.+)@")
# What else a MongoDB URI may hold, which no one has to know.
_PASSPHRASE = re.compile(r"[?&](?:tlsCertificateKeyFilePassword|proxyPassword)=([^&]+)", re.IGNORECASE)


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text without the secrets, which come longest first."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def secrets_of(options: Mapping[str, str]) -> Iterator[str]:
    """The secrets among the options of a source, whether or not the options make sense."""
    yield from (options[key] for key in ("token", "password", "client_secret") if options.get(key))
    if "username" in options and "password" in options:  # as a service may repeat it
        yield b64encode(f"{options['username']}:{options['password']}".encode()).decode()
    for key in ("uri", "url", "token_url"):
        if password := _PASSWORD.search(options.get(key, "")):
            yield from (password[1], unquote(password[1]))
    for passphrase in _PASSPHRASE.findall(options.get("uri", "")):
        yield from (passphrase, unquote(passphrase))
    try:
        storage = json.loads(options.get("storage_options", "{}"))
    except json.JSONDecodeError:
        yield options["storage_options"]
    else:
        yield from _texts(storage)


def _texts(value: object) -> Iterator[str]:
    """Every text in a bucket's options, at any depth: keys, and names, which hiding does not harm."""
    if isinstance(value, str) and value:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)
