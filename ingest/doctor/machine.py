"""What the doctor sees on this machine: versions, configuration, dbt's project and reference data, disk, exports."""

from __future__ import annotations

import csv
import os
import platform
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from finops.ingest.config import settings
from finops.ingest.config.reading import files, unreadable
from finops.ingest.doctor.finding import Finding, bad, doubt, failed, good
from finops.ingest.errors import FinopsError
from finops.ingest.periods import today
from finops.ingest.pipeline import dbt as transform
from finops.ingest.scheduler.nights import trigger
from finops.ingest.telemetry import traces

GIB = 1 << 30
LEAST_FREE, ENOUGH_FREE = 0.25, 2  # GiB: dlt writes what it reads to files of at most 64 MiB, dbt what it compiles
MAX_LISTED = 5  # names of a list
DAY_OF_NO_END = "9999-12-31"


def examine(*, reads_project: bool) -> Iterator[Finding]:
    """Everything that needs no connection to the database or a source."""
    yield _packages()
    yield from _disk()
    yield from _files()
    if unreadable():
        return  # nothing that is set is known
    yield from _schedule()
    yield from _exports()
    try:
        project = settings.dbt_project()
    except FinopsError as error:
        yield failed("dbt project", error)
        return
    yield from _reference_data(project)
    if reads_project:
        yield _project(project)


def _packages() -> Finding:
    wrong = []
    for text in requires("finops-module") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is not installed")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} is not {requirement.specifier}")
    if wrong:
        return bad("packages", "; ".join(wrong), "install what requirements.lock names (`make` does, into .venv)")
    shown = ", ".join(f"{name} {version(name)}" for name in ("finops-module", "dbt-core", "dbt-postgres", "dlt"))
    return good("packages", f"Python {platform.python_version()}, {shown}")


def _disk() -> Iterator[Finding]:
    folder = tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / GIB
    except OSError as error:
        yield bad("disk", f"{folder} can't be written ({error.strerror})", "set TMPDIR to a folder that can")
        return
    found = f"{free:.1f} GiB free in {folder}, where dlt and dbt write"
    remedy = "make room, or set TMPDIR to a folder that has some"
    if free < LEAST_FREE:
        yield bad("disk", found, remedy)
    else:
        yield doubt("disk", found, remedy) if free < ENOUGH_FREE else good("disk", found)


def _files() -> Iterator[Finding]:
    if problem := unreadable():
        yield bad("configuration files", problem, "correct that file: nothing of any can be read until then")
        return
    found = files()
    yield good("configuration files", ", ".join(map(str, found)) or "none; the environment says everything")
    for path in found:
        if path.name == "secrets.toml" and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield doubt("secrets", f"{path} can be read by other users", f"chmod 600 {path}")


def _schedule() -> Iterator[Finding]:
    try:
        schedule = settings.schedule()
        times = trigger(schedule.cron, schedule.timezone)
    except FinopsError as error:
        yield failed("schedule", error)
        return
    following = times.get_next_fire_time(None, datetime.now(times.timezone))
    at = following.astimezone(UTC)
    yield good(
        "schedule", f"of `finops serve-schedule`: {schedule.cron} {schedule.timezone}, next {at:%Y-%m-%d %H:%M} UTC"
    )


def _exports() -> Iterator[Finding]:
    try:
        exports = settings.exports()
    except FinopsError as error:
        yield failed("metrics", error)
        return
    if exports.textfile:
        folder = exports.textfile.resolve().parent
        if os.access(folder, os.W_OK | os.X_OK):
            yield good("metrics", f"to {exports.textfile}")
        else:
            yield bad("metrics", f"{folder} can't be written", "make that folder, or let this user write in it")
    if exports.pushgateway:
        yield _reached("metrics", exports.pushgateway.get_secret_value(), "metrics.pushgateway")
    if endpoint := traces.endpoint():
        yield _reached("traces", endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT")
        if find_spec("opentelemetry.exporter") is None:
            yield bad("traces", "OpenTelemetry is not installed", "pip install 'finops-module[otel]'")


def _reached(what: str, address: str, setting: str) -> Finding:
    """Only reachability is checked; authentication shows on the first export."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=5):
            return good(what, f"{parts.hostname}:{port} listens")
    except OSError as error:
        return doubt(
            what, f"{parts.hostname}:{port} does not answer ({error})", f"check {setting}; no run fails for it"
        )


def _reference_data(project: Path) -> Iterator[Finding]:
    """What dbt's tests would stop the run for, and what would be rejected tonight."""
    try:
        prices, products = _rows(project, "prices"), _rows(project, "products")
    except OSError as error:
        yield bad("reference data", f"{error.filename} can't be read ({error.strerror})", "check ingest.dbt_project")
        return
    try:
        overlapping = _overlapping(prices)
        priced = {row["product_id"] for row in prices if _holds(row, today().isoformat())}
        # a bill brings its costs along
        without = [
            row["product_id"] for row in products if row["product_id"] not in priced and row["domain"] != "public_cloud"
        ]
    except KeyError as error:
        yield bad("reference data", f"a seed of {project} has no column {error}", "see its _seeds.yml")
        return
    if overlapping:
        yield bad("prices", f"two are valid on a day for {_some(overlapping)}", "end one with valid_to in prices.csv")
    if without:
        yield doubt(
            "prices", f"none is valid today for {_some(without)}", "add them to prices.csv: their usage is rejected"
        )
    if not overlapping and not without:
        yield good("prices", f"{len(prices)} prices, each product has one today")


def _rows(project: Path, seed: str) -> list[dict[str, str]]:
    with (project / "seeds" / f"{seed}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _overlapping(prices: list[dict[str, str]]) -> list[str]:
    """Products of which two prices are valid on the same day; dates are compared as texts, which ISO 8601 allows."""
    in_order = sorted(prices, key=lambda row: (row["product_id"], row["valid_from"]))
    found = {
        before["product_id"]
        for before, after in pairwise(in_order)
        if before["product_id"] == after["product_id"] and (before["valid_to"] or DAY_OF_NO_END) > after["valid_from"]
    }
    return sorted(found)


def _holds(price: dict[str, str], day: str) -> bool:
    return price["valid_from"] <= day < (price["valid_to"] or DAY_OF_NO_END)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _project(project: Path) -> Finding:
    own = (project / "profiles.yml").exists()
    profile = "its own profiles.yml" if own else "the example profile (libpq's variables)"
    try:
        transform.parse(project)
    except FinopsError as error:
        return bad("dbt project", f"{project} with {profile}: {error}", "correct what dbt names")
    return good("dbt project", f"{project} with {profile}")
