"""Text without secrets: what was configured, in whatever encoding it comes back, and what looks like a credential.

Every section that is read makes its secrets known here (`learn`), and every error goes through `redact` where it is
made into text (errors.py). A server may echo what it was sent percent-encoded, escaped as JSON, HTML or Python,
in base64 or hexadecimal, and folded. So a text is decoded step by step, each byte knowing where it came from, and each
step is searched for the secrets.
"""

from __future__ import annotations

import html
import json
import os
import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

STARS = "***"
LONGEST = 1 << 16  # characters of a text that are looked at; the rest is cut off

# Names of what must not be shown, in their normal form (`is_secret`): parts of a name, and whole ones.
_PARTS = re.compile(
    "passw(or)?d|passphrase|secret|token|credential|authorization|signature|connection|"
    "(api|access|account|private|shared|hash|mask|claims)key"
)
_WHOLE = frozenset(("pwd", "pass", "sig", "auth", "key", "sas", "cookie", "pgpass"))
# What a name ends in that tells of a secret and is none.
_ABOUT = ("url", "header", "name", "file", "path", "type", "uri", "id", "arn")

# Greedy up to the last @: a password with a stray / or @ breaks the address, and must not be shown for it.
_PASSWORD = re.compile(r"://[^:/?#@]*:(.+)@")
# In a connection string of libpq or ODBC; the latter is percent-encoded in one of SQLAlchemy's.
_IN_CONNECTION = re.compile(
    r"(?:password|pwd|token|sig|accountkey|sharedaccesskey)\s*=\s*('(?:[^'\\]|\\.)*'|{[^}]*}|[^\s&;]+)", re.IGNORECASE
)

# What looks like a credential, whether or not it is known: what comes before it, and itself. Not where a remedy says
# with an ellipsis what to write.
_NAME = (
    r"[\w.-]*(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|signature|sig)"
)
_LOOKS = [
    re.compile(r"(://[^\s:/?#@]*:)(?!\d{1,5}/|…@)[^\s\"'<>]+(?=@)"),
    re.compile(
        rf"(\b{_NAME}(?:=|%3D)\s?)(?!…)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,\"'<>()]+)", re.IGNORECASE
    ),
    re.compile(rf"""(["']{_NAME}["']\s*:\s*["'])(?:[^"'\\]|\\.)+""", re.IGNORECASE),
    re.compile(r"(\b(?:Bearer|Basic) +)(?=\S*[0-9=])[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(
        r"(\b(?:Authorization|X-[\w-]*(?:Token|Key)|(?:Private|Job|Deploy)-Token): *(?:\w+ +)?)[\w.~+/=:-]{4,}",
        re.IGNORECASE,
    ),
    re.compile(r"()\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),
    re.compile(r"()\b(?:glpat-[\w-]{20,}|gh[pousr]_\w{36,})"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).+?(?=-----END|$)", re.DOTALL),
]

_ESCAPE = re.compile(
    rb"(?:%|\\x)(?P<byte>[0-9A-Fa-f]{2})|\\(?P<octal>[0-3][0-7]{2})|(?P<utf16>(?:\\u[0-9A-Fa-f]{4})+)"
    rb"|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});)|\\(?P<other>.)",
    re.DOTALL,
)
_ROUNDS = 5  # an encoded text may have been encoded again
# Left out of a text and of a secret: where a text is folded, what a form makes of a space, what base64 and UTF-16 are
# filled with.
_FILLING = re.compile(rb"[\s+=\0]+")
_SHORT = 5  # characters; a shorter secret is only one where it stands alone

_known: set[str] = set()


def learn(values: Mapping[str, object]) -> None:
    """Make the secrets in a section known; whether its values make sense does not matter."""
    _known.update(secrets_of(values))


def learn_secret(secret: str) -> None:
    """Make a secret known that no setting holds, such as a token that a server gave."""
    _known.update({secret} - {""})


def known() -> frozenset[str]:
    """Every secret that is known: of what was read, and of the environment."""
    environment = {name: value for name, value in os.environ.items() if value}
    # a path is not a secret, such as that of the working directory, which is called PWD
    named = {name: value for name, value in environment.items() if is_secret(name) and not value.startswith("/")}
    found = set(secrets_of(named))
    for name, value in environment.items():
        if name == "PGHOST" or name.lower().endswith("_proxy"):
            found.update(_in_address(value))
        elif name.startswith("OTEL_") and name.endswith("_HEADERS"):
            found.update(unquote(pair.partition("=")[2]).rpartition(" ")[2] for pair in value.split(","))
    return frozenset((found | _known) - {""})


def forget() -> None:
    """Forget what was learnt: each test has secrets of its own."""
    _known.clear()


def redact(text: str) -> str:
    """Return the text without secrets; of one that is longer than `LONGEST`, the beginning."""
    is_cut = len(text) > LONGEST
    text = text[:LONGEST]
    needles = _needles(known())
    spans = sorted(_spans(text, needles, is_cut=is_cut)) if needles else []
    shown, end = [], 0
    for start, stop in spans:
        if start >= end:
            shown += [text[end:start], STARS]
        end = max(end, stop)
    text = "".join([*shown, text[end:]])
    for pattern in _LOOKS:
        text = pattern.sub(rf"\g<1>{STARS}", text)
    return text


def escaped(text: str) -> str:
    """Return the text on one line, each character that a terminal obeys or nobody sees as JSON writes it.

    So a name can't begin a line of its own, colour a terminal, or turn the direction of what stands beside it.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def safe(text: str) -> str:
    """Return the text as it may be logged, stored or printed: without secrets, and on one line."""
    return escaped(redact(text))


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # a space, if not the usual one
        return character
    return json.dumps(character).strip('"')


def secrets_of(values: Mapping[str, object]) -> Iterator[str]:
    """The secrets in a section of the configuration, whether or not its values make sense."""
    # the rules of ingest.mask stand under the names of secrets, and are none
    texts = {key: _plain(value) for key, value in values.items() if value and key != "mask"}
    for key, value in texts.items():
        if key == "storage_options":
            yield from _texts(value)
        elif isinstance(value, str):
            if is_secret(key):
                yield value
            yield from _in_address(value)
            if is_secret(key) or key == "uri":
                yield from _in_connection(value)
        yield from _named(value)
    if "username" in texts and "password" in texts:  # as a service may repeat it
        yield b64encode(f"{texts['username']}:{texts['password']}".encode()).decode()


def _plain(value: object) -> object:
    """A value as it was written; a text that is JSON, as what it stands for."""
    value = getattr(value, "get_secret_value", lambda: value)()  # pydantic takes long to import
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value if isinstance(value, str | dict | list) else str(value)


def is_secret(name: str) -> bool:
    """Whether a value of this name must not be shown; names are alike whatever their case and separators."""
    normal = re.sub("[^a-z0-9]", "", name.lower())
    return normal in _WHOLE or bool(_PARTS.search(normal) and not normal.endswith(_ABOUT))


def _in_address(address: str) -> Iterator[str]:
    """The secrets in an address: of its user, and in its query, as a signed address has them."""
    if password := _PASSWORD.search(address):
        yield from (password[1], unquote(password[1]))
    if "?" in address:
        for pair in re.split("[&#;]", address.partition("?")[2]):
            name, _, value = pair.partition("=")
            if is_secret(name) and value:
                yield from (value, unquote(value))


def _in_connection(connection: str) -> Iterator[str]:
    for text in (connection, unquote(connection)):
        for found in _IN_CONNECTION.findall(text):
            yield from (found.strip("'{}"), re.sub(r"\\(.)", r"\1", found.strip("'{}")))


def _named(value: object) -> Iterator[str]:
    """The texts in a JSON value that have a secret's name."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and item and is_secret(str(key)):
                yield item
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _texts(value: object) -> Iterator[str]:
    """Every text in a bucket's options but its address: keys, and names, which hiding does not harm."""
    if isinstance(value, str) and value and not re.fullmatch(r"https?://[^@?]+", value):
        yield value
        yield from _in_connection(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)


class _Layer(NamedTuple):
    """A text, or what it decodes to: bytes, and which characters of the text each of them comes from."""

    data: bytes
    starts: list[int]
    ends: list[int]


class _Needle(NamedTuple):
    """What to look for, and how many characters before and after it tell a part of it, too."""

    data: bytes
    before: int = 0
    after: int = 0


def _layers(text: str) -> Iterator[_Layer]:
    """The text, and what it is decoded to, a step at a time."""
    encoded = [character.encode(errors="surrogatepass") for character in text]
    places = [place for place, character in enumerate(encoded) for _ in character]
    whole = _Layer(b"".join(encoded), places, [place + 1 for place in places])
    yield (filled := _without_filling(whole))
    # A fold may stand within what has to be decoded, or behind a % that stands for itself.
    for layer in (whole, filled):
        for _ in range(_ROUNDS):
            if not _ESCAPE.search(layer.data):
                break
            layer = _replaced(layer, _ESCAPE, _unescaped)  # noqa: PLW2901 the next step
            yield _without_filling(layer)


def _without_filling(layer: _Layer) -> _Layer:
    return _replaced(layer, _FILLING, lambda _: b"")


def _replaced(layer: _Layer, pattern: re.Pattern[bytes], by: Callable[[re.Match[bytes]], bytes]) -> _Layer:
    data, last = bytearray(), 0
    starts: list[int] = []
    ends: list[int] = []
    for found in pattern.finditer(layer.data):
        start, stop = found.span()
        new = by(found)
        data += layer.data[last:start] + new
        starts += layer.starts[last:start] + [layer.starts[start]] * len(new)
        ends += layer.ends[last:start] + [layer.ends[stop - 1]] * len(new)
        last = stop
    return _Layer(bytes(data) + layer.data[last:], starts + layer.starts[last:], ends + layer.ends[last:])


def _unescaped(found: re.Match[bytes]) -> bytes:
    kind = str(found.lastgroup)
    text = found[kind].decode("latin-1")
    if kind == "byte":
        return bytes.fromhex(text)
    if kind == "octal":
        return bytes([int(text, 8)])
    if kind == "utf16":
        return bytes.fromhex(text.replace("\\u", "")).decode("utf-16-be", "replace").encode()
    if kind == "html":
        return html.unescape(text).encode()
    return b"" if text in "nrtfbv" else found[kind]


@lru_cache(maxsize=4)
def _needles(secrets: frozenset[str]) -> tuple[_Needle, ...]:
    """What to look for: each secret as it is and decoded, and the same in base64 and in hexadecimal."""
    found: dict[bytes, _Needle] = {}
    for secret in secrets:
        whole = {layer.data for layer in _layers(secret)} | {_FILLING.sub(b"", secret.encode("latin-1", "ignore"))}
        raw = {secret.encode(errors="surrogatepass"), unquote(secret).encode(errors="surrogatepass")}
        for data in whole:
            found.setdefault(data, _Needle(data))
        for data in raw:
            if len(data) >= _SHORT:
                for needle in (*_in_base64(data), _Needle(data.hex().encode()), _Needle(data.hex().upper().encode())):
                    found.setdefault(needle.data, needle)
    found.pop(b"", None)
    return tuple(found.values())


def _in_base64(data: bytes) -> Iterator[_Needle]:
    """What base64 makes of it wherever it stands in a text: the characters that its neighbours have no part in."""
    for offset, first in enumerate((0, 2, 3)):
        length = offset + len(data)
        encoded = b64encode(bytes(offset) + data)[first : length * 4 // 3]
        for characters in (encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))):
            if len(needle := _FILLING.sub(b"", characters)) > _SHORT:
                yield _Needle(needle, before=min(offset, 1), after=min(length % 3, 1))


def _spans(text: str, needles: Iterable[_Needle], *, is_cut: bool) -> Iterator[tuple[int, int]]:
    """Where the secrets are in the text."""
    for data, starts, ends in _layers(text):
        for needle, before, after in needles:
            place = data.find(needle)
            while place >= 0:
                stop = place + len(needle)
                start, end = starts[max(place - before, 0)], ends[min(stop + after, len(data)) - 1]
                if len(needle) >= _SHORT or not (
                    text[max(start - 1, 0) : start].isalnum() or text[end : end + 1].isalnum()
                ):
                    yield start, end
                place = data.find(needle, place + 1)
            if is_cut:  # a secret that is cut off is none of these, and its beginning is shown
                part = next((size for size in range(len(needle) - 1, 2, -1) if data.endswith(needle[:size])), 0)
                if part:
                    yield starts[len(data) - part], ends[-1]
