"""The files of an export: which of them count, and how they are read.

Where there are manifests, the newest complete set of each billing period counts. A manifest is written last: a file of
its export that no chosen manifest names is left over, or not finished yet. Exports are copied between buckets, so a
named file is found by its place in the export too. Where there is no manifest, all files count.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.focus.manifests import UNKNOWN, Manifest, read_manifests

SUFFIXES = (".csv", ".csv.gz", ".parquet")
# About 5,000 lines of CSV at a time: bigger blocks cost memory and gain nothing.
BLOCK_BYTES = 4 * 1024 * 1024
BATCH_ROWS = 20_000


@dataclass(frozen=True)
class ExportFile:
    """One file of an export.

    Attributes:
        window: the month of its partition; None where its lines say it.
        manifest: the manifest that names it, with what that states: the number of lines, the version of FOCUS.
    """

    path: str
    name: str
    window: date | None
    size: int = 0
    manifest: str | None = None
    rows: int | None = None
    version: str | None = None


class Listing:
    """What lies in the folders of an export.

    Attributes:
        empty: names of files that were to hold data and hold nothing, not even a header.
        skipped: manifests whose sets are not complete, and why.
    """

    def __init__(self, where: str, filesystem: Any, root: str, periods: Sequence[Period]) -> None:  # noqa: ANN401 fsspec
        """List the folders and read the manifests.

        Raises:
            FileNotFoundError: when the folder does not exist.
            SourceError: for a manifest that can't be understood.
        """
        self._where = where
        self._ordered = {str(period) for period in periods} | {UNKNOWN}
        self._files: list[ExportFile] = []
        self._manifests: list[Manifest] = []
        self.skipped: dict[str, str] = {}
        if "{period}" not in root and not filesystem.exists(root):
            raise FileNotFoundError(f"no such folder: {root}")
        for folder, window in _partitions(root, periods).items():
            found = filesystem.find(folder, detail=True)
            self._files += _data_files(found, folder, root.partition("{period}")[0], window)
            self._manifests += read_manifests(where, filesystem, folder, found)
        self.empty = sorted(file.name for file in self._files if not file.size)
        self._by_name: defaultdict[str, list[ExportFile]] = defaultdict(list)
        for file in self._files:
            self._by_name[file.path.rpartition("/")[2]].append(file)

    def choose(self, refused: Mapping[str, str]) -> list[ExportFile]:
        """The files that count, by name; `refused` are manifests whose files turned out to be wrong, and why.

        Raises:
            SourceError: when an ordered billing period has manifests, and no set of them is complete.
        """
        self.skipped = dict(refused)
        territories = tuple({manifest.export_root for manifest in self._manifests})
        chosen = [file for file in self._files if file.size and not file.path.startswith(territories)]
        scopes: defaultdict[str, list[Manifest]] = defaultdict(list)
        for manifest in sorted(self._manifests, key=lambda found: (found.written, found.path), reverse=True):
            scopes[manifest.scope].append(manifest)
        for newest_first in scopes.values():
            chosen += self._newest_complete(newest_first)
        return sorted(chosen, key=lambda file: file.name)

    def _newest_complete(self, newest_first: Iterable[Manifest]) -> Iterator[ExportFile]:
        covered: set[str] = set()
        problems: dict[str, str] = {}
        for manifest in newest_first:
            if manifest.months <= covered:
                continue
            files, problem = self._set(manifest)
            if problem:
                self.skipped[manifest.path] = problem
                problems = dict.fromkeys(manifest.months, problem) | problems
            elif both := manifest.months & covered:
                raise SourceError(
                    f"{self._where}: {manifest.path} is about {', '.join(sorted(both))} and other months, and a newer "
                    "export is not: export each month by itself, or remove it"
                )
            else:
                covered |= manifest.months
                yield from files
        # a month that nobody asked for keeps what it has
        if lacking := (problems.keys() - covered) & self._ordered:
            month = min(lacking)
            raise SourceError(f"{self._where}: no complete set of {month}: {problems[month]}; export it again")

    def _set(self, manifest: Manifest) -> tuple[list[ExportFile], str]:
        """The files that a manifest names, and what is wrong with them if anything is."""
        if manifest.path in self.skipped:
            return [], self.skipped[manifest.path]
        files = []
        for stated in manifest.files:
            alike = self._by_name[stated.key.rpartition("/")[2]]
            file = next((file for file in alike if _is(stated.key, file.path, manifest.export_root)), None)
            if file is None:
                return [], f"{manifest.path} names {stated.key}, which is not there"
            # Azure does not say whether it counts bytes before or after compression: there, lines are counted
            sized = stated.size is not None and (file.name.endswith(".csv") or stated.rows is None)
            if sized and file.size != stated.size:
                return [], f"{file.name} has {file.size} bytes, and {manifest.path} says {stated.size}"
            if not file.size and not sized:
                return [], f"{file.name} of {manifest.path} is empty"
            files.append(replace(file, manifest=manifest.path, rows=stated.rows, version=manifest.version))
        return [file for file in files if file.size], ""


def _partitions(root: str, periods: Sequence[Period]) -> dict[str, date | None]:
    if "{period}" not in root:
        return {root: None}
    return {root.replace("{period}", str(period)): period.first for period in periods}


def _data_files(
    found: Mapping[str, Mapping[str, Any]], folder: str, base: str, window: date | None
) -> Iterator[ExportFile]:
    for path, info in found.items():
        hidden = any(part.startswith(("_", ".")) for part in path.removeprefix(folder).strip("/").split("/"))
        if path.endswith(SUFFIXES) and not hidden:
            name = path.removeprefix(base).lstrip("/") or path.rpartition("/")[2]
            yield ExportFile(path, name, window, int(info.get("size") or 0))


def _is(key: str, path: str, export_root: str) -> bool:
    """Whether a manifest's name is this file: the whole name, that in the container, or the place in the export."""
    place = path.removeprefix(export_root)
    return path == key or path.endswith(f"/{key}") or (place != path and f"/{key}".endswith(f"/{place}"))


def read_header(filesystem: Any, path: str) -> list[str]:  # noqa: ANN401 fsspec
    """The names of a file's columns."""
    if path.endswith(".parquet"):
        with filesystem.open(path, "rb") as binary:
            return list(pq.ParquetFile(binary).schema_arrow.names)
    with filesystem.open(path, "rb", compression="infer") as binary:
        header = next(csv.reader([binary.readline(BLOCK_BYTES).decode("utf-8-sig")]), [])
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise pa.ArrowInvalid(f"its header names {', '.join(twice)} twice")
    return header


def read_tables(filesystem: Any, path: str, header: Sequence[str]) -> Iterator[pa.Table]:  # noqa: ANN401 fsspec
    """The lines of a file, a few thousand at a time, of the columns of its header; CSV's as texts."""
    with filesystem.open(path, "rb", compression=None if path.endswith(".parquet") else "infer") as binary:
        if path.endswith(".parquet"):
            batches = pq.ParquetFile(binary).iter_batches(batch_size=BATCH_ROWS, columns=list(header))
        else:
            batches = pacsv.open_csv(
                binary,
                read_options=pacsv.ReadOptions(block_size=BLOCK_BYTES),
                parse_options=pacsv.ParseOptions(newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.string()),
                    strings_can_be_null=False,
                    include_columns=list(header),
                ),
            )
        for batch in batches:
            batch.validate(full=True)  # a Parquet file may hold texts that are none
            yield pa.Table.from_batches([batch])
