"""The ugliest values of each type, and records that have each of them in each of their fields."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
from bson import Code, DBRef, Decimal128, Int64, MaxKey, MinKey, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from tests.hostility import times

GOOD = "good-one"  # what a record has that must not be lost
TEXTS = [
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "x" * 10_000, "漢" * 300, "\U0001f980" * 128,
    "\u202egood\u202c", "\u00a0", "\ufeff", "e\u0301" * 200, "NaN", "nan", "Infinity", "-Infinity", "inf", "-0",
    "+1", "1e400", "-1e999", "1e-999", "1e1000", "1e9999999999999999999", "1" * 1000, "1" * 5000, "." + "1" * 999,
    "0x10", "1_000", "1,5", "1 000", "\u0663", "--1", "1e", ".", "infinity", "-infinity", "now", "today", "epoch",
    "0001-01-01", "9999-12-31T23:59:59Z", "294276-12-31", "294277-01-01", "4714-11-24 BC", "2026-02-30",
    "2026-09-01T24:00:00Z", "2026-09-01T00:00:60Z", "2026-09-01T00:00:00+15:59", "2026-09-01T00:00:00-99:99",
    "99999999999999", "J2451187", "31/12/2026", "null", "true", "{}", "[]", "{", "[", '"', "'", "''", "\\",
    "\\u0000", "%", "%s", "{{ 1 }}", "$1", "'; drop table finops.fact_releve; --", "=HYPERLINK(1)", "../../etc",
    " GB", "GB", "1 GB", "1e999 PB", " " * 20_000 + "GB", "1" + " " * 20_000 + "x", "/" * 20_000, "a/" * 10_000,
    ":" * 5000, "\x1b[31m", "a\nb",
]  # fmt: skip
# As JSON writes them: numbers that no float is, nesting, keys that come twice.
RAW = [
    "null", "true", "false", "0", "-0", "-0.0", "-1", "1e308", "1e400", "-1e400", "1e-400", "1E+999",
    "1e9999999999999999999", "1" * 400, "1" * 5000, "0." + "1" * 300, "0." + "1" * 5000, "[]", "{}", "[[]]",
    "[null]", '["a", 1, null, {}, []]', '{"a": 1, "a": 2}', '{"": ""}', '{"\\u0000": "\\u0000"}',
    '{"key": null, "value": {}}', '[{"key": [], "value": "x"}]', '{"$date": "x"}', '{"$numberDecimal": "NaN"}',
    "[" * 60 + "]" * 60, '{"a":' * 60 + "1" + "}" * 60, "[" + "1," * 5000 + "1]",
    "[" + ",".join(f'"t{number}"' for number in range(2000)) + "]",
    '{"storage_size": "x", "repository_size": 1e400}', '{"start": "now"}', '{"unit": [], "qty": {}}',
]  # fmt: skip
BSON: list[Any] = [
    None, True, 0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, Int64(2**63 - 1),
    Int64(-(2**63)),
    *(Decimal128(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "-0", "9.9E+6144", "1E-6176", "0E+6111")),
    DatetimeMS(2**63 - 1), DatetimeMS(-(2**63)), DatetimeMS(253402300800000), datetime(1, 1, 1, tzinfo=UTC),
    b"\x00\xff" * 50, bson.ObjectId(), Regex("(", "i"), Code("x", {"a": 1}), DBRef("a", 1), MinKey(), MaxKey(),
    Timestamp(2**32 - 1, 2**32 - 1), {}, [], [[]], [None], {"": ""}, {"a.b": {"$c": 1}}, {"$date": "x"},
    {"value": {"display_value": []}}, [float("nan")] * 1000,
]  # fmt: skip


def values(seed: int) -> list[str]:
    """JSON texts: those above, and some that are made of parts of them."""
    made = random.Random(seed)  # noqa: S311 not a secret
    some = ["".join(made.sample(TEXTS, 2))[:3000] for _ in range(times(10))]
    return [*RAW, *map(json.dumps, [*TEXTS, *some])]


def ugly(record: Mapping[str, Any], seed: int, *identity: str) -> list[str]:
    """The record with each value in each of its fields, and in fields of its fields, one at a time, as JSON texts.

    But for what its identity is made of, which a source has to give: the last of it is another one each time.
    """
    found: list[str] = []
    for path in paths(record):
        for value in values(seed) if path[-1] not in identity else ():
            copy = json.loads(json.dumps(record).replace(GOOD, "ugly"))
            if identity:
                own = below(copy, path_of(copy, identity[-1])[:-1])
                own[identity[-1]] = f"{own[identity[-1]]}-{len(found)}"
            below(copy, path[:-1])[path[-1]] = "@here@"
            found.append(json.dumps(copy).replace('"@here@"', value))
    return found


def below(record: Any, path: Sequence[Any]) -> Any:
    """What is at a path."""
    for key in path:
        record = record[key]
    return record


def path_of(record: Any, name: str) -> tuple[Any, ...]:
    """Where the first field of a name is."""
    return next(path for path in paths(record) if path[-1] == name)


def paths(record: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value is in it."""
    for key, value in record.items() if isinstance(record, dict) else enumerate(record):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*above, key))
