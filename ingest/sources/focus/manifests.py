"""What a provider says that it delivered: the manifests of AWS and Azure, as one shape.

- AWS Data Exports write `<export>/metadata/BILLING_PERIOD=2024-09/[<run>/]<name>-Manifest.json`, whose `dataFiles` are
  S3 URIs, beside `<export>/data/…`: https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
- Azure Cost Management writes `<export>/<first day>-<last day>/[<time>/]<run>/manifest.json`, whose `blobs` have a name
  in the container, a size and a row count: "Manifest file" in Microsoft's tutorial "Create and manage exported data".

Google and Oracle write none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.focus.versions import stated_version

# The month of a manifest that names none.
UNKNOWN = "?"
_NAME = re.compile(r"(?:.*[-_/])?manifest\.json", re.IGNORECASE)
_AWS_DATA = re.compile(r"(?<=/)data(?=(?:/BILLING_PERIOD=[^/]*)?$)", re.IGNORECASE)
_AWS_PERIOD = re.compile(r"/BILLING_PERIOD=(\d{4}-\d{2})/", re.IGNORECASE)
_AWS_RUN = re.compile(r"/(\d{8}T\d{6})")
_AZURE_DAYS = re.compile(r"/\d{8}-\d{8}/")
_MOST_MONTHS = 120


@dataclass(frozen=True)
class ManifestFile:
    """A data file as a manifest names it, with or without its bucket, and what it says of it."""

    key: str
    size: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One delivery.

    Attributes:
        export_root: the folder of its export, with the slash: only what a manifest names counts in there.
        scope: what is billed; of two deliveries of one scope and month, one counts.
        months: the billing periods, `YYYY-MM`; none when it is a delivery of something else than FOCUS.
    """

    path: str
    export_root: str
    scope: str
    months: frozenset[str]
    written: datetime
    files: tuple[ManifestFile, ...]
    version: str | None = None


def read_manifests(where: str, filesystem: Any, folder: str, found: Mapping[str, Any]) -> Iterator[Manifest]:  # noqa: ANN401 fsspec
    """The manifests of a folder, of which `found` are the files, and of the metadata folder beside it, if it has one.

    Raises:
        SourceError: for a manifest that can't be understood.
    """
    if (beside := _AWS_DATA.sub("metadata", folder)) != folder:
        found = {**found, **filesystem.find(beside, detail=True)}
    paths = [path for path in found if _NAME.fullmatch(path)]
    for path, content in (filesystem.cat(paths) if paths else {}).items():
        try:
            manifest = _manifest(path, json.loads(content), _modified(found[path]))
        except (ValueError, TypeError, AttributeError) as error:
            raise SourceError(f"{where}: {path} is not a manifest ({error}): export it again, or remove it") from error
        if manifest is not None:
            yield manifest


def _manifest(path: str, document: Any, modified: datetime) -> Manifest | None:  # noqa: ANN401 any JSON
    if isinstance(document, dict) and "dataFiles" in document:
        return _aws(path, document, modified)
    if isinstance(document, dict) and "blobs" in document:
        return _azure(path, document, modified)
    return None


def _aws(path: str, document: Mapping[str, Any], modified: datetime) -> Manifest:
    files = tuple(ManifestFile(uri.rpartition("://")[2]) for uri in document["dataFiles"])
    before, metadata, _ = path.rpartition("/metadata/")
    export_root = f"{before if metadata else path.rpartition('/')[0]}/"
    months = {month for text in (path, *(f"/{file.key}" for file in files)) for month in _AWS_PERIOD.findall(text)}
    run = _AWS_RUN.search(path)
    written = datetime.strptime(run[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if run else modified
    return Manifest(
        path, export_root, export_root + path.rpartition("/")[2], frozenset(months or {UNKNOWN}), written, files
    )


def _azure(path: str, document: Mapping[str, Any], modified: datetime) -> Manifest:
    config, run = document.get("exportConfig") or {}, document.get("runInfo") or {}
    export_root = _azure_territory(path, str(config.get("exportName") or ""))
    # a daily export of the month to date and a monthly one of the same scope bill the same
    scope = str(config.get("resourceId") or export_root).lower().partition("/providers/microsoft.costmanagement/")[0]
    files = tuple(
        ManifestFile(blob["blobName"].strip(), blob.get("byteCount"), blob.get("dataRowCount"))
        for blob in document["blobs"] or ()
    )
    months = _months(_instant(run.get("startDate")), _instant(run.get("endDate")))
    if str(config.get("type") or "FocusCost").lower() != "focuscost":
        months = frozenset()
    written = _instant(run.get("submittedTime")) or modified
    version = stated_version(str(config.get("dataVersion") or ""))
    return Manifest(path, export_root, scope, months, written, files, version)


def _azure_territory(path: str, export: str) -> str:
    """The export's folder: above its folders of days, or by its name, or above the folder of the run."""
    if days := _AZURE_DAYS.search(path):
        return path[: days.start() + 1]
    before, named, _ = path.rpartition(f"/{export}/") if export else ("", "", "")
    return before + named or f"{path.rpartition('/')[0].rpartition('/')[0]}/"


def _months(first: datetime | None, end: datetime | None) -> frozenset[str]:
    """The months from the first day to the last, or to the first instant after it."""
    if first is None:
        return frozenset({UNKNOWN})
    month = Period.of(first.date())
    months = {str(month)}
    while end is not None and datetime.combine(month.next.first, datetime.min.time(), UTC) < end:
        month = month.next
        months.add(str(month))
        if len(months) > _MOST_MONTHS:
            raise ValueError(f"it says that it ends on {end:%Y-%m-%d}")
    return frozenset(months)


def _instant(value: object) -> datetime | None:
    if not value:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _modified(info: Mapping[str, Any]) -> datetime:
    """When an object was written, which every file system of fsspec says in its own words."""
    value = next((info[key] for key in ("LastModified", "last_modified", "mtime", "updated") if info.get(key)), 0)
    stamp = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else _instant(value)
    return stamp or datetime.fromtimestamp(0, UTC)
