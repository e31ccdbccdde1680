"""What the lines of a bill say, however they are written: a digest a line.

The digests of a month add up to one number, the same for the same lines in whatever order, files and packing. A file
most of whose lines are in another is a copy of it, or an earlier state of the same bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc
import simplejson

from finops.ingest.sources.focus.columns import (
    DECIMALS,
    INSTANTS,
    TAGS,
    Misfits,
    decimals,
    instants,
    plain,
    tags,
    texts,
)

# Not in any text of a bill; between columns, so that a word can't move from one to the next unseen.
SEPARATOR = "\x1f"
DIGEST_BYTES = 8
MODULUS = 2 ** (8 * DIGEST_BYTES)
PROBES = 32


def line_digests(table: pa.Table) -> pa.Array:
    """A 64-bit digest of each line; equal for lines that say the same, be it in CSV, gzip or Parquet."""
    names = sorted(table.column_names)
    columns = [_canonical(name, table[name].combine_chunks()) for name in names]
    lines = pc.binary_join_element_wise(*columns, SEPARATOR, null_handling="replace", null_replacement="")
    header = SEPARATOR.join(names).encode()
    seed = blake2b(header).digest()
    content = b"".join(
        blake2b(line, digest_size=DIGEST_BYTES, key=seed).digest() for line in pc.cast(lines, pa.binary()).to_pylist()
    )
    return pa.Array.from_buffers(pa.uint64(), table.num_rows, [None, pa.py_buffer(content)])


def _canonical(name: str, column: pa.Array) -> pa.Array:
    """The column as text, one spelling for one value."""
    if name in DECIMALS:
        return _spelt(*decimals(column))
    if name in INSTANTS:
        return _spelt(*instants(column))
    if name == TAGS:
        return _spelt(*tags(column, frozenset()))
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else simplejson.dumps(plain(value)) for value in column.to_pylist()])
    return texts(column)


def _spelt(values: pa.Array, misfits: Misfits) -> pa.Array:
    spelt = pc.cast(values, pa.string())
    if not misfits:
        return spelt
    return pa.array([misfits.get(row, text) for row, text in enumerate(spelt.to_pylist())], pa.string())


def overlaps(files: Mapping[str, pa.Array]) -> Iterator[tuple[str, str, int]]:
    """Pairs of files, the second of which holds more than half of the lines of the first, and how many.

    `files` are the digests of the lines by name. A file that shares none of its smallest digests with another is not
    compared with it: of one that shares half of its lines, that is one chance in 2^PROBES.
    """
    probes = {name: pc.unique(digests).sort()[:PROBES] for name, digests in files.items() if len(digests)}
    names = pa.concat_arrays(
        [pa.repeat(name, len(found)) for name, found in probes.items()] or [pa.array([], pa.string())]
    )
    smallest = pa.concat_arrays(list(probes.values()) or [pa.array([], pa.uint64())])
    for whole in probes:
        hits = pc.is_in(smallest, value_set=files[whole])
        for part in pc.unique(names.filter(hits)).to_pylist():
            if part == whole or (len(files[part]), part) > (len(files[whole]), whole):
                continue
            if (shared := _shared(files[whole], files[part])) * 2 > len(files[part]):
                yield part, whole, shared


def _shared(whole: pa.Array, part: pa.Array) -> int:
    there, wanted = (counted.flatten() for counted in (pc.value_counts(whole), pc.value_counts(part)))
    places = pc.index_in(wanted[0], value_set=there[0])
    counts = pc.fill_null(there[1].take(places), 0)
    return int(pc.sum(pc.min_element_wise(counts, wanted[1])).as_py())
