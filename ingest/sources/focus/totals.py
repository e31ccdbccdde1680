"""What a bill says, counted from its files before anything is landed: records, costs, and a digest of every line.

What lands is held against these totals, so a figure is reconciled with the file, and not with what the loader believes
that it loaded: the sums are Python's decimals of the file's own texts, where landing casts whole columns.

The digests of a month add up to one number, the same for the same lines in whatever order, files and packing. A file
most of whose lines are in another is a copy of it, or an earlier state of the same bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from finops.ingest.config.masking import NOTHING
from finops.ingest.exact import EXACT
from finops.ingest.sources.focus.batches import Batch, ahead
from finops.ingest.sources.focus.columns import COSTS, DECIMALS, INSTANTS, TAGS, is_number, misfits, parse, texts
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.files import ExportFile

# Not in any text of a bill; between columns, so that a word can't move from one to the next unseen.
SEPARATOR = "\x1f"
DIGEST_BYTES = 8
MODULUS = Decimal(2 ** (8 * DIGEST_BYTES))
PROBES = 32

# {window: {month of charge: {"records": 3, "EffectiveCost": Decimal, …, "content": digest}}}, months by their first day
Totals = dict[date, dict[date, dict[str, Decimal]]]


@dataclass(frozen=True)
class FileCount:
    """What a file says.

    Attributes:
        digests: one of each line, in the order of the file.
        sums: by window, month of charge and name, as in Totals.
        dataset: the data set of FOCUS that it holds instead of costs, "" of a file of costs.
    """

    file: ExportFile
    digests: pa.Array = field(default_factory=lambda: pa.array([], pa.uint64()))
    sums: Mapping[tuple[date, date, str], Decimal] = field(default_factory=dict)
    dataset: str = ""

    @property
    def windows(self) -> frozenset[date]:
        """The billing periods that the file has lines of."""
        return frozenset(window for window, _, _ in self.sums)


def count_lines(file: ExportFile, batches: Iterable[Batch]) -> FileCount:
    """Count the records of a file, sum their costs, and take a digest of each."""
    sums: dict[tuple[date, date, str], Decimal] = {}
    digests = [pa.array([], pa.uint64())]
    with closing(ahead((batch, line_digests(batch.table)) for batch in batches)) as read:
        for batch, contents in read:
            digests.append(contents)
            _count(sums, batch, contents)
    return FileCount(file, pa.concat_arrays(digests), sums)


def _count(sums: dict[tuple[date, date, str], Decimal], batch: Batch, contents: pa.Array) -> None:
    costs = {name: texts(batch.table[name].combine_chunks()) for name in COSTS if name in batch.table.column_names}
    lines = pa.table({"window": batch.windows, "month": batch.months, "content": contents, **costs})
    for key in lines.group_by(["window", "month"]).aggregate([]).to_pylist():
        window, month = key["window"], key["month"]
        found = lines.filter((pc.field("window") == window) & (pc.field("month") == month))
        _add(sums, (window, month, "records"), Decimal(found.num_rows))
        _add(sums, (window, month, "content"), Decimal(sum(found["content"].to_pylist())))
        for name in costs:
            _add(sums, (window, month, name), _sum(found[name].combine_chunks()))


def _sum(column: pa.Array) -> Decimal:
    """The sum of the texts that are numbers."""
    with localcontext(EXACT):
        return sum(filter(None, map(Decimal, column.filter(is_number(column)).to_pylist())), Decimal(0))


def add_up(counts: Iterable[FileCount]) -> Totals:
    """Return the totals of a bill from those of its files."""
    totals: Totals = {}
    for counted in counts:
        for (window, month, name), value in counted.sums.items():
            _add(totals.setdefault(window, {}).setdefault(month, {}), name, value)
    for months in totals.values():
        for entry in months.values():
            entry["content"] %= MODULUS
    return totals


def _add(sums: dict[Any, Decimal], key: object, value: Decimal) -> None:
    sums[key] = EXACT.add(sums.get(key, Decimal(0)), value)


def control_totals(window: Mapping[date, Mapping[str, Decimal]]) -> dict[str, dict[str, str]]:
    """Return the totals of a window as the ledger keeps them: plain decimal texts by `YYYY-MM`."""
    return {
        period.strftime("%Y-%m"): {name: format(value, "f") for name, value in sorted(totals.items())}
        for period, totals in sorted(window.items())
    }


def line_digests(table: pa.Table) -> pa.Array:
    """Return a 64-bit digest of each line; equal for lines that say the same, be it in CSV, gzip or Parquet."""
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
    if name not in (*DECIMALS, *INSTANTS, TAGS):
        return texts(column)
    values = parse(name, column, NOTHING)
    return pc.coalesce(texts(values), misfits(column, values))


def refuse_copies(counts: Iterable[FileCount]) -> None:
    """Refuse two states or two packings of a bill, which would count twice; the files of one manifest are one bill.

    Raises:
        ExportError: for a file most of whose lines are in another one.
    """
    found = {counted.file.name: counted for counted in counts}
    for part, whole, shared in overlaps({name: counted.digests for name, counted in found.items()}):
        manifest = found[part].file.manifest
        if manifest is None or manifest != found[whole].file.manifest:
            lines = len(found[part].digests)
            share = "all lines" if shared == lines else f"{shared:,} of {lines:,} lines"
            raise ExportError(
                f"{share} of {part} are in {whole}, too, and would count twice: keep one of the two, or put them into "
                "one file if both are due"
            )


def overlaps(files: Mapping[str, pa.Array]) -> Iterator[tuple[str, str, int]]:
    """Find pairs of files, the second of which holds more than half of the lines of the first, and how many.

    `files` are the digests of the lines by name. A file that shares none of its smallest digests with another is not
    compared with it: of one that shares half of its lines, that is one chance in 2^PROBES.
    """
    probes = {name: pc.unique(digests).sort()[:PROBES] for name, digests in files.items() if len(digests)}
    if not probes:
        return
    names = pa.concat_arrays([pa.repeat(name, len(found)) for name, found in probes.items()])
    smallest = pa.concat_arrays(list(probes.values()))
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
