"""Manifests: what AWS and Azure say that they delivered, as one shape.

- AWS Data Exports write `<export>/metadata/BILLING_PERIOD=2024-09/[<run>/]<name>-Manifest.json`, whose `dataFiles` are
  S3 URIs, beside `<export>/data/…`: https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
- Azure Cost Management writes `<export>/<first day>-<last day>/[<time>/]<run>/manifest.json`, whose `blobs` have a name
  in the container, a size and a row count: "Manifest file" in Microsoft's tutorial "Create and manage exported data".

Google and Oracle write none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from finops.ingest.periods import Period
from finops.ingest.sources.exact_json import read_json
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.versions import stated_version

# The month of a manifest that names none.
UNKNOWN = "?"
_NAME = re.compile(r"(?:.*[-_/])?manifest\.json", re.IGNORECASE)
_AWS_DATA = re.compile(r"(?<=/)data(?=(?:/BILLING_PERIOD=[^/]*)?$)", re.IGNORECASE)
_AWS_PERIOD = re.compile(r"/BILLING_PERIOD=(\d{4}-\d{2})/", re.IGNORECASE)
_AWS_RUN = re.compile(r"/(\d{8}T\d{6})")
_AZURE_DAYS = re.compile(r"/\d{8}-\d{8}/")
_MAX_MONTHS = 120


@dataclass(frozen=True)
class ManifestFile:
    """A data file as a manifest names it, with or without its bucket; its size in bytes and its lines, if stated."""

    key: str
    size: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One delivery.

    Attributes:
        export_root: the folder of its export, with the slash: only what a manifest names counts in there.
        scope: what is billed; of two deliveries of one scope and month, one counts.
        months: the billing periods, `YYYY-MM`; empty when it delivers something else than FOCUS.
        written: when; the newest complete delivery counts.
    """

    path: str
    export_root: str
    scope: str
    months: frozenset[str]
    written: datetime
    files: tuple[ManifestFile, ...]
    version: str | None = None


def read_manifests(filesystem: Any, folder: str, paths: set[str]) -> Iterator[Manifest]:  # noqa: ANN401 fsspec
    """Read the manifests among the `paths` of a folder, and those of the metadata folder that AWS puts beside it.

    Raises:
        ExportError: for a manifest that can't be understood.
    """
    if (beside := _AWS_DATA.sub("metadata", folder)) != folder:
        paths = paths | set(filesystem.find(beside))
    manifests = [path for path in sorted(paths) if _NAME.fullmatch(path)]
    for path, content in (filesystem.cat(manifests) if manifests else {}).items():
        try:
            document = read_json(content)
            if isinstance(document, dict) and "dataFiles" in document:
                yield _aws(path, document, filesystem)
            elif isinstance(document, dict) and "blobs" in document:
                yield _azure(path, document, filesystem)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise ExportError(f"{path} is not a manifest ({error}): export it again, or remove it") from error


def _aws(path: str, document: Mapping[str, Any], filesystem: Any) -> Manifest:  # noqa: ANN401 fsspec
    files = tuple(ManifestFile(uri.rpartition("://")[2]) for uri in document["dataFiles"])
    before, metadata, _ = path.rpartition("/metadata/")
    export_root = f"{before if metadata else path.rpartition('/')[0]}/"
    months = {month for text in (path, *(f"/{file.key}" for file in files)) for month in _AWS_PERIOD.findall(text)}
    run = _AWS_RUN.search(path)
    return Manifest(
        path=path,
        export_root=export_root,
        scope=export_root + path.rpartition("/")[2],
        months=frozenset(months or {UNKNOWN}),
        written=_instant(run[1]) if run else filesystem.modified(path),
        files=files,
    )


def _azure(path: str, document: Mapping[str, Any], filesystem: Any) -> Manifest:  # noqa: ANN401 fsspec
    config, run = document.get("exportConfig") or {}, document.get("runInfo") or {}
    export_root = _azure_root(path, str(config.get("exportName") or ""))
    is_focus = str(config.get("type") or "FocusCost").lower() == "focuscost"
    return Manifest(
        path=path,
        export_root=export_root,
        # a daily export of the month to date and a monthly one of the same scope bill the same
        scope=str(config.get("resourceId") or export_root).lower().partition("/providers/microsoft.costmanagement/")[0],
        months=_months(run.get("startDate"), run.get("endDate")) if is_focus else frozenset(),
        written=_instant(run["submittedTime"]) if run.get("submittedTime") else filesystem.modified(path),
        files=tuple(
            ManifestFile(blob["blobName"].strip(), blob.get("byteCount"), blob.get("dataRowCount"))
            for blob in document["blobs"] or ()
        ),
        version=stated_version(str(config.get("dataVersion") or "")),
    )


def _azure_root(path: str, export: str) -> str:
    """The export's folder: above its folders of days, or by its name, or above the folder of the run."""
    if days := _AZURE_DAYS.search(path):
        return path[: days.start() + 1]
    before, named, _ = path.rpartition(f"/{export}/") if export else ("", "", "")
    return before + named or f"{path.rpartition('/')[0].rpartition('/')[0]}/"


def _months(start: str | None, end: str | None) -> frozenset[str]:
    """The months from the first day to the last, or to the first instant after it."""
    if not start:
        return frozenset({UNKNOWN})
    month = Period.of(_instant(start).date())
    months = {str(month)}
    while end and datetime.combine(month.next.first, datetime.min.time(), UTC) < _instant(end):
        month = month.next
        months.add(str(month))
        if len(months) > _MAX_MONTHS:
            raise ValueError(f"it ends on {end}, more than {_MAX_MONTHS} months after its start")
    return frozenset(months)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
