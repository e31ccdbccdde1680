"""Hostile JSON of whatever shape, in each place that JSON is read: it lands, exactly, or is one clear error."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator

import bson
import fsspec
import psycopg
import pyarrow as pa
import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st

from finops.demo.postgres import Embedded
from finops.ingest.config.masking import NOTHING
from finops.ingest.errors import SourceError
from finops.ingest.sources.catalog import CMDB_VM
from finops.ingest.sources.documents import Record, encode
from finops.ingest.sources.exact_json import LEVELS, TOO_DEEP, read_json
from finops.ingest.sources.focus.columns import typed
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.manifests import read_manifests
from finops.ingest.sources.mongo import records
from finops.ingest.sources.rows import files
from tests.conftest import connected
from tests.unit.ingest.sources.rows.declaring import FIRST, of_files
from tests.unit.limits import LIMITS, configured
from tests.unit.mongo_wire import holding

pytestmark = pytest.mark.hostile

MAX_DEPTH = 100_000


def _nested(depth: int, kind: str, leaf: str) -> str:
    opening, closing = {"list": ("[", "]"), "object": ('{"a":', "}"), "both": ('[{"b":', "}]")}[kind]
    return opening * depth + leaf + closing * depth


NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?", fullmatch=True),
    st.integers(4200, 6000).map(lambda digits: "9" * digits),
    st.integers(900, 20_000).map(lambda digits: f"0.{'1' * digits}"),
    st.sampled_from(["1e131072", "1e-16384", "-0e-99999", "1e9999999999999999999", "1E+999", "NaN", "-Infinity"]),
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=())).map(json.dumps),
    st.sampled_from([r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"\\u0000"', '"' + "x" * 70_000 + '"', '""']),
)
LEAVES = NUMBERS | TEXTS | st.sampled_from(["null", "true", "false", "{}", "[]"])
DEPTHS = st.sampled_from([1, 50, LEVELS - 1, LEVELS, LEVELS + 1, 253, 254, 255, 300, 500, 800, 990, 1100, MAX_DEPTH])
DEEP = st.builds(_nested, DEPTHS, st.sampled_from(["list", "object", "both"]), LEAVES)
VALUES = st.recursive(
    LEAVES | DEEP,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(TEXTS, inner), max_size=4).map(
            lambda items: "{" + ",".join(f"{key}:{value}" for key, value in items) + "}"
        )
    ),
    max_leaves=6,
)
DOCUMENTS = st.lists(st.tuples(TEXTS, VALUES), max_size=4).map(
    lambda members: "{" + ",".join(f"{key}:{value}" for key, value in [*members, ('"size"', "12.50")]) + "}"
)


@pytest.fixture(scope="module")
def postgres(server: Embedded) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection to PostgreSQL, which has the last word on what can be stored."""
    with connected(server, "postgres") as connection:
        yield connection


def stored(postgres: psycopg.Connection[tuple[object, ...]], text: str, key: str) -> object:
    """What PostgreSQL has under a key of this JSON text, which it takes as json and as jsonb."""
    found = postgres.execute("select %s::json ->> %s, pg_column_size(%s::json::jsonb) > 0", (text, key, text))
    value, is_stored = found.fetchone() or (None, False)
    assert is_stored
    return value


def refusal(reading: Callable[[], object]) -> str:
    """What is said where this fails, in one line; nothing where it does not."""
    try:
        reading()
    except (ExportError, SourceError, ValueError) as error:
        return str(error)
    return ""


@given(text=DOCUMENTS)
def test_a_document_lands_or_is_a_clear_error(postgres: psycopg.Connection[tuple[object, ...]], text: str) -> None:
    landed: list[str] = []
    said = refusal(lambda: landed.append(encode(read_json(text), NOTHING)))
    assert said in ("", TOO_DEEP)
    assert [stored(postgres, document, "size") for document in landed] == ([] if said else ["12.50"])


@pytest.mark.parametrize("depth", [LEVELS, 253, 300, 400, 500])
def test_what_is_nested_too_deep_lands_as_its_text_and_nothing_of_it_is_lost(depth: int) -> None:
    inner, levels = json.loads(encode({"tree": read_json(_nested(depth, "list", "1.10"))}, NOTHING))["tree"], 1
    while isinstance(inner, list):
        inner, levels = inner[0], levels + 1
    assert levels < 255
    rest = inner if isinstance(inner, str) else "1.10"
    assert rest == _nested(depth + 1 - levels, "list", "1.10")


@given(text=DOCUMENTS | VALUES)
def test_tags_land_or_are_kept_to_the_letter(postgres: psycopg.Connection[tuple[object, ...]], text: str) -> None:
    columns = typed(pa.table({"Tags": [text], "BilledCost": ["1"]}), NOTHING)
    tags, others = columns["tags"][0].as_py(), columns["other_columns"][0].as_py()
    if tags is not None:
        stored(postgres, tags, "size")
    elif text not in ("null", "NULL", ""):
        assert stored(postgres, others, "Tags") == text


@given(text=DOCUMENTS | VALUES)
def test_a_line_of_json_lands_or_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    file.write_text(f'{{"size": "1"}}\n{text}\n', encoding="utf-8")
    lines = of_files(file, measure="inventory", date=None)
    said = refusal(lambda: list(files.records(lines, LIMITS, [FIRST])))
    assert said.isprintable()
    assert not said or re.search(r"rows\.jsonl(#2| line 2)", said)


MANIFESTS = st.builds('{{"dataFiles": {0}, "blobs": {0}}}'.format, VALUES) | st.builds(
    '{{"blobs": {0}}}'.format, VALUES
)


@given(text=MANIFESTS)
def test_a_manifest_is_read_or_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("export") / "manifest.json"
    file.write_text(text, encoding="utf-8")
    said = refusal(lambda: list(read_manifests(fsspec.filesystem("file"), str(file.parent), {str(file)})))
    assert not said or re.search("manifest.json is not a manifest .*: export it again, or remove it", said)


@pytest.mark.parametrize("depth", [50, 300, 600, 900, 5000])
def test_a_deep_document_of_a_cmdb_lands_or_is_one_clear_error(depth: int) -> None:
    tree = bson.encode({"size": 1})
    for _ in range(depth):  # the driver itself writes no deeper ones than it reads
        tree = struct.pack("<i", len(tree) + 8) + b"\x03a\0" + tree + b"\0"
    document = struct.pack("<i", len(tree) + 17) + b"\x10_id\0\1\0\0\0\x03t\0" + tree + b"\0"
    found: list[Record] = []
    with holding(RawBSONDocument(document)) as uri:
        said = refusal(lambda: found.extend(records(configured(CMDB_VM, uri=uri), LIMITS, [FIRST])))
    assert [record.payload.count("{") for record in found] == ([] if said else [depth + 2])
    assert not said or re.search(r"cmdb\.vm \(sources\.cmdb\.uri\).*sources\.cmdb\.filter", said)
