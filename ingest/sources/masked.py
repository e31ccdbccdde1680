"""Mask what must not land, wherever in a record it stands: a field, an entry of a list of names and values, a text.

A text may be JSON, or hold pairs such as `owner=Jane; password: x`, `<password>x</password>`, `--token x` or an
address with a password. What follows a masked name in a text is masked up to the next pair, or to the end of the text:
too much rather than too little.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from bson import Code, DBRef, Decimal128, Int64, ObjectId, json_util

from finops.ingest.config.masking import MASK, NOTHING, Place
from finops.ingest.sources.exact_json import not_finite, read_json, write

# What neither holds other values nor may have to be replaced: most of a document, so told apart at a look.
_LEAVES = frozenset({str, int, bool, type(None), Decimal, Int64, ObjectId, datetime, Decimal128})
# A name has up to three words: which of them is the field's is for the rule to say. What follows is `=`, `=>` or `:`,
# but not an address's `://`, nor the `=` at the end of a text in base64.
_NAME = r"[^\W\d][\w.\[\]-]*+"
_SIGN = r"\s{0,4}(?:=>|=(?!=)(?!\s*+(?:-----END|\Z))(?![ \t]*[\r\n])|:(?!//))\s*"
_PAIR = re.compile(rf"""(?<![\w.-])(\\{{0,8}}["']|)(?P<name>{_NAME}(?:[ ][\w.-]++){{0,2}})\1{_SIGN}""")
# Where a value ends: the next pair; after nothing but a blank, the last word before the sign is its name.
_NEXT = re.compile(
    rf"""[;,&|\r\n}})\]]\s*+(\\{{0,8}}["']|){_NAME}(?:[ ][\w.-]++){{0,2}}\1{_SIGN}|\s(\\{{0,8}}["']|){_NAME}\2{_SIGN}"""
)
_JSON = re.compile(r"""\{\s*"|\[\s*["\[{]""")
_DECODER, _MAX_EMBEDDED = json.JSONDecoder(), 32
_TOKEN = re.compile(r"[^;,&|\s]*+")
_QUOTE = re.compile(r"""\\{0,8}["']""")
_ELEMENT = re.compile(rf"<(?P<name>{_NAME})(?:\s[^<>]*)?>")
_OPTION = re.compile(rf"(?<!\S)--?(?P<name>{_NAME})[ \t]++(?=[^-\s])")
_EQUALS, _BACKSLASH, _AT, _LESS, _BLANK, _QUOTE_MARK, _BRACE = b'=\\@< "{'  # as numbers, which are found the fastest
_ADDRESS = re.compile(r"://([^:/?#@\s]*):([^@\s/]+)@")


def prepare(value: Any, place: Place) -> Any:  # noqa: ANN401, C901 any JSON or BSON value, a branch a kind
    """Mask fields, and replace what JSON does not have, in place; return what stands for the value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if (below := place[key]).is_special:
                value[key] = _special(value, item, below, place)
            elif type(item) not in _LEAVES:
                value[key] = prepare(item, below)
    elif isinstance(value, list):
        if value and type(value[0]) is list:
            _mask_entries(value, place)
        for index, item in enumerate(value):
            if type(item) not in _LEAVES:
                value[index] = prepare(item, place)
    elif isinstance(value, float):
        return value if math.isfinite(value) else not_finite(value)
    elif isinstance(value, Code | DBRef):  # a str in Python; both hold documents
        return prepare(json_util.default(value), place)
    return value


def _special(record: dict[str, Any], item: Any, below: Place, place: Place) -> Any:  # noqa: ANN401 any JSON or BSON value
    """The value of a field that has a rule, or that may be named by a field beside it."""
    if below.rule is None:
        for name, naming in record.items():
            if place[name].is_naming and (type(naming) is not str or place[naming].rule or type(item) not in _LEAVES):
                item = _mask_named(naming, item, place)
        return item if type(item) in _LEAVES else prepare(item, below)
    if below.is_naming:  # what it names is masked while it still says so
        for other, value in record.items():
            if place[other].is_value:
                record[other] = _mask_named(item, value, place)
    return masked(item, below)


def _mask_named(naming: Any, value: Any, place: Place) -> Any:  # noqa: ANN401 any JSON or BSON value
    """Mask a value, or a list of them, that another one names, or a list of these."""
    if isinstance(naming, list) and isinstance(value, list):
        named = [_mask_named(*pair, place) for pair in zip(naming, value, strict=False)]
        return named + value[len(named) :]
    if not isinstance(naming, str):
        return value
    if (below := place[naming]).rule:
        return masked(value, below)
    return value if type(value) in _LEAVES else prepare(value, below)


def _mask_entries(entries: list[Any], place: Place) -> None:
    """Mask in a list of names and values, [["owner", "Jane"], …], as a map of Parquet is read."""
    if all(type(entry) is list and len(entry) == 2 and isinstance(entry[0], str) for entry in entries):  # noqa: PLR2004
        for entry in entries:
            entry[1] = _mask_named(entry[0], entry[1], place)


def masked(value: Any, place: Place) -> Any:  # noqa: ANN401 any JSON or BSON value
    """What stands for a value to which the rule of its place applies: of what is hashed, each value for itself."""
    if place.rule is None or place.rule.action == "drop":
        return MASK
    if isinstance(value, Code | DBRef):
        value = json_util.default(value)
    if isinstance(value, dict):
        return {key: masked(item, place) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, place) for item in value]
    if value is None:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        value = not_finite(value)
    return place.masked(value if isinstance(value, str) else write(value).decode())


def may_hold_pairs(text: bytes) -> bool:
    """Whether a JSON text may have texts in it that `mask_texts` has to read; most have none, and are not looked at."""
    if _EQUALS in text or _BACKSLASH in text or _AT in text or _LESS in text:
        return True
    return _BLANK in text and (b": " in text or b"--" in text)  # a search for two bytes takes ten times as long


def may_hold_structure(texts: bytes) -> bool:
    """Whether texts themselves, one behind the other, may hold what `mask_text` reads."""
    return _QUOTE_MARK in texts or _BRACE in texts or may_hold_pairs(texts)


def mask_texts(value: Any, place: Place) -> bool:  # noqa: ANN401 any JSON value
    """Mask inside the texts of a record, in place; return whether there was anything to mask."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    has_changed = False
    for key, item in items:
        below = place[str(key)] if isinstance(value, dict) else place
        if type(item) is str:
            if (text := mask_text(item, below)) != item:
                value[key] = text
                has_changed = True
        elif type(item) is dict or type(item) is list:
            has_changed = mask_texts(item, below) or has_changed
    return has_changed


def mask_text(text: str, place: Place) -> str:
    """Return a text without what a rule masks; as it is, to the letter, where there is none."""
    if text.lstrip()[:1] in ("{", "[", '"'):
        try:
            return mask_json(text, place)
        except (ValueError, RecursionError):
            pass  # cut off, or not JSON after all
    elif _JSON.search(text):
        text = _mask_embedded(text, place)
    if "=" in text or ":" in text:
        text = _mask_after(_PAIR, text, place, _end_of_value)
    if "</" in text:
        text = _mask_after(_ELEMENT, text, place, _end_of_element)
    if "--" in text:
        text = _mask_after(_OPTION, text, place, _end_of_word)
    if "://" in text and place["password"].rule:
        text = _ADDRESS.sub(lambda found: f"://{found[1]}:{place['password'].masked(found[2])}@", text)
    return text


def mask_json(text: str, place: Place) -> str:
    """Return a JSON text without what a rule masks; as it is, to the letter, where there is none.

    Raises:
        ValueError, RecursionError: when it is not JSON, or nested deeper than can be read.
    """
    value, original = read_json(text), prepare(read_json(text), NOTHING)
    if place.rule:
        value = masked(value, place)
    elif isinstance(value, str):
        value = mask_text(value, place)
    else:
        value = prepare(value, place)
        mask_texts(value, place)
    written = write(value)
    return text if written == write(original) else written.decode()


def _mask_embedded(text: str, place: Place) -> str:
    """Mask in what is JSON within a text."""
    kept, start = list[str](), 0
    for found in islice(_JSON.finditer(text), _MAX_EMBEDDED):
        if found.start() < start:
            continue
        with suppress(ValueError, RecursionError):
            _, end = _DECODER.raw_decode(text, found.start())
            kept += [text[start : found.start()], mask_json(text[found.start() : end], place)]
            start = end
    return "".join([*kept, text[start:]])


def _mask_after(
    names: re.Pattern[str], text: str, place: Place, end_of: Callable[[str, re.Match[str]], tuple[int, int]]
) -> str:
    """Mask what follows each name that has a rule; `end_of` says from where to where that is."""
    kept, position, start, named = list[str](), 0, 0, None
    while found := names.search(text, position):
        position = found.end()
        below = place.named(found["name"])
        if below.is_naming:  # of "key": "owner", "value": "Jane" in JSON that is cut off
            first, end = end_of(text, found)
            named = place.named(text[first:end])
        elif below.is_value and named is not None:
            below = named
        if below.rule is None:
            continue
        first, end = end_of(text, found)
        if first < end:
            kept += [text[start:first], below.masked(text[first:end])]
            position = start = end
    return "".join([*kept, text[start:]]) if kept else text


def _end_of_value(text: str, pair: re.Match[str]) -> tuple[int, int]:
    """The value of a pair: what is in its quotes, else all up to the next pair."""
    first = pair.end()
    if quote := _QUOTE.match(text, first):
        end = text.find(quote[0], quote.end())
        if end > 0:
            return quote.end(), end
    token = _TOKEN.match(text, first)
    following = _NEXT.search(text, token.end() if token else first)
    return first, following.start() if following else len(text.rstrip())


def _end_of_element(text: str, opening: re.Match[str]) -> tuple[int, int]:
    end = text.find(f"</{opening['name']}", opening.end())
    return opening.end(), end if end > 0 else len(text)


def _end_of_word(text: str, option: re.Match[str]) -> tuple[int, int]:
    first = option.end()
    if quote := _QUOTE.match(text, first):
        end = text.find(quote[0], quote.end())
        if end > 0:
            return quote.end(), end
    return first, first + len(text[first:].split(maxsplit=1)[0])
