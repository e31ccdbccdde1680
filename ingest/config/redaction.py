"""What must never be printed: passwords, tokens, keys. Everything that the loader says goes through `redact`."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from finops.ingest.config.values import from_json

# Greedy up to the last @: a password with a stray / or @ breaks the address, and must not be shown for it.
_PASSWORD = re.compile(r"://[^:/?#@]*:(.+)@")
# What else the address of a database may hold, which no one has to know; ODBC's own is percent-encoded.
_PASSPHRASE = re.compile(
    r"(?:[?&](?:tlsCertificateKeyFilePassword|proxyPassword|token)=|(?:\bPWD|%3BPWD)(?:=|%3D))((?:(?!%3B)[^&;])+)",
    re.IGNORECASE,
)
# Who knows a signed address may read what it names.
_SIGNATURE = re.compile(r"[?&](?:X-(?:Amz|Goog)-Signature|sig|token)=([^&#]+)", re.IGNORECASE)
# In a libpq connection string: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
_IN_CONNECTION = re.compile(r"(?:ssl)?password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text without the secrets, which come longest first."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def secrets_of(values: Mapping[str, object]) -> Iterator[str]:
    """The secrets in a section of the configuration, whether or not its values make sense."""
    texts = {key: str(value) for key, value in values.items() if value}
    yield from (texts[key] for key in ("token", "password", "client_secret", "connection") if key in texts)
    if "username" in texts and "password" in texts:  # as a service may repeat it
        yield b64encode(f"{texts['username']}:{texts['password']}".encode()).decode()
    for key in ("uri", "url", "token_url", "pushgateway", "connection"):
        if password := _PASSWORD.search(texts.get(key, "")):
            yield from (password[1], unquote(password[1]))
    yield from (found[1].strip("'") for found in _IN_CONNECTION.finditer(texts.get("connection", "")))
    for signature in _SIGNATURE.findall(texts.get("url", "")):
        yield from (signature, unquote(signature))
    for passphrase in _PASSPHRASE.findall(texts.get("uri", "") + texts.get("connection", "")):
        yield from (passphrase, unquote(passphrase))
    try:
        yield from _texts(from_json(values.get("storage_options") or {}))
    except ValueError:
        yield texts["storage_options"]


def _texts(value: object) -> Iterator[str]:
    """Every text in a bucket's options, at any depth: keys, and names, which hiding does not harm."""
    if isinstance(value, str) and value:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)
