"""The files of an export that count.

Where there are manifests, the newest complete set of each billing period counts. A manifest is written last: a file of
its export that no chosen manifest names is left over, or not finished yet. Exports are copied between buckets, so a
named file is found by its place in the export too. Where there is no manifest, all files count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from finops.ingest.periods import Period
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.manifests import UNKNOWN, Manifest, read_manifests

PERIOD = "{period}"  # in an address: the month, as YYYY-MM
SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class ExportFile:
    """One file of an export.

    Attributes:
        window: the first day of its partition's month; None where its lines say it.
        size: in bytes.
        manifest: the manifest that names it, with the number of lines and the version of FOCUS that it states.
    """

    path: str
    name: str
    window: date | None
    size: int = 0
    manifest: str | None = None
    rows: int | None = None
    version: str | None = None


@dataclass
class Listing:
    """What lies in the folders of an export."""

    files: list[ExportFile] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)

    @cached_property
    def _by_basename(self) -> Mapping[str, list[ExportFile]]:
        found: defaultdict[str, list[ExportFile]] = defaultdict(list)
        for file in self.files:
            found[file.path.rpartition("/")[2]].append(file)
        return found

    def named(self, key: str, export_root: str) -> ExportFile | None:
        """The file that a manifest names: by its whole path, its path in the container, or its place in the export."""
        for file in self._by_basename.get(key.rpartition("/")[2], ()):
            place = file.path.removeprefix(export_root)
            if f"/{file.path}".endswith(f"/{key}") or (place != file.path and f"/{key}".endswith(f"/{place}")):
                return file
        return None


def list_files(filesystem: Any, root: str, periods: Sequence[Period]) -> Listing:  # noqa: ANN401 fsspec
    """List the folder, or the one of each month where the address has a `{period}`, and read its manifests.

    Raises:
        FileNotFoundError: when the folder does not exist.
        ExportError: for a manifest that can't be understood.
    """
    base, dated, _ = root.partition(PERIOD)
    if not dated and not filesystem.exists(root):
        raise FileNotFoundError(f"no such folder: {root}")
    folders: dict[str, date | None] = {root: None}
    if dated:
        folders = {root.replace(PERIOD, str(period)): period.first for period in periods}
    listing = Listing()
    for folder, window in folders.items():
        found = filesystem.find(folder, detail=True)
        for path, info in found.items():
            hidden = any(part.startswith(("_", ".")) for part in path.removeprefix(folder).strip("/").split("/"))
            if path.endswith(SUFFIXES) and not hidden:
                name = path.removeprefix(base).lstrip("/") or path.rpartition("/")[2]
                listing.files.append(ExportFile(path, name, window, int(info.get("size") or 0)))
        listing.manifests += read_manifests(filesystem, folder, set(found))
    return listing


def dated_months(filesystem: Any, root: str) -> list[Period]:  # noqa: ANN401 fsspec
    """The months of which there is something where an address with a `{period}` leads to, earliest first."""
    start, _, rest = (re.escape(part) for part in root.rstrip("/").partition(PERIOD))
    is_month = re.compile(f"{start}([0-9]{{4}}-(?:0[1-9]|1[0-2])){rest.replace(re.escape(PERIOD), '.*')}/?")
    paths = filesystem.glob(root.rstrip("/").replace(PERIOD, "[0-9][0-9][0-9][0-9]-[01][0-9]"))
    return sorted({Period.parse(found[1]) for path in paths if (found := is_month.fullmatch(path))})


def choose(
    listing: Listing, periods: Sequence[Period], problem_with: Callable[[ExportFile], str | None]
) -> tuple[list[ExportFile], dict[str, str]]:
    """Choose the files that count, by name; and say which manifests do not count, and why.

    Args:
        listing: what there is.
        periods: the months to extract; only these must have a complete set.
        problem_with: looks into a file that a manifest names, and says what is wrong with it.

    Raises:
        ExportError: when a month to extract has manifests, and no set of them is complete.
    """
    roots = tuple({manifest.export_root for manifest in listing.manifests})
    chosen = [file for file in listing.files if file.size and not file.path.startswith(roots)]
    skipped: dict[str, str] = {}
    needed = {UNKNOWN, *map(str, periods)}
    scopes: defaultdict[str, list[Manifest]] = defaultdict(list)
    for manifest in sorted(listing.manifests, key=lambda found: (found.written, found.path), reverse=True):
        scopes[manifest.scope].append(manifest)
    for newest_first in scopes.values():
        covered: set[str] = set()
        problems: dict[str, str] = {}  # the newest one of each month
        for manifest in newest_first:
            if manifest.months <= covered:
                continue
            files, problem = _set(manifest, listing)
            if problem := problem or next(filter(None, map(problem_with, files)), None):
                skipped[manifest.path] = problem
                problems = dict.fromkeys(manifest.months, problem) | problems
                continue
            _refuse_mixed(manifest, covered)
            covered |= manifest.months
            chosen += files
        if lacking := (problems.keys() - covered) & needed:
            month = min(lacking)
            raise ExportError(f"no complete set of {month}: {problems[month]}; export it again")
    return sorted(chosen, key=lambda file: file.name), skipped


def _refuse_mixed(manifest: Manifest, covered: set[str]) -> None:
    """Refuse a set of several months of which a newer set covers some: its lines can't be told apart by month."""
    if both := manifest.months & covered:
        raise ExportError(
            f"{manifest.path} is about {', '.join(sorted(both))} and other months, and a newer export is not: "
            "export each month by itself, or remove it"
        )


def _set(manifest: Manifest, listing: Listing) -> tuple[list[ExportFile], str | None]:
    """The files that a manifest names and that hold data; and what is wrong with one, without reading it."""
    files = []
    for stated in manifest.files:
        file = listing.named(stated.key, manifest.export_root)
        if file is None:
            return [], f"{manifest.path} names {stated.key}, which is not there"
        # Azure does not say whether it counts bytes before or after compression: there, lines are counted
        is_sized = stated.size is not None and (file.name.endswith(".csv") or stated.rows is None)
        if is_sized and file.size != stated.size:
            return [], f"{file.name} has {file.size} bytes, and {manifest.path} says {stated.size}"
        if not file.size and not is_sized:
            return [], f"{file.name} of {manifest.path} is empty"
        files.append(replace(file, manifest=manifest.path, rows=stated.rows, version=manifest.version))
    return [file for file in files if file.size], None
