"""The doctor's checks of this machine: packages, disk, configuration, exports and dbt project."""

from __future__ import annotations

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
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from finops.ingest.config import reading
from finops.ingest.config import settings as configuration
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, counted
from finops.ingest.errors import FinopsError, describe, install_extra
from finops.ingest.pipeline import dbt as transform
from finops.ingest.reports import settings as report
from finops.ingest.scheduler.nights import trigger
from finops.ingest.telemetry import traces as traces_export

GIB = 1 << 30
LEAST_FREE, ENOUGH_FREE = 0.25, 2  # GiB: dbt writes what it compiles


def packages() -> Iterator[Finding]:
    """Check that each dependency is installed in a version that the module allows."""
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
    shown = (f"{name} {version(name)}" for name in ("finops-module", "dbt-core", "dbt-postgres", "dlt"))
    found = "; ".join(wrong) or ", ".join((f"Python {platform.python_version()}", *shown))
    remedy = "install the wheel again, with what it needs (in a checkout, `make` does, into .venv)"
    yield Finding(BAD if wrong else GOOD, "packages", found, remedy)


def disk() -> Iterator[Finding]:
    """Check that the folders of temporary files and of dbt's files are writable and have room."""
    yield _room("disk", Path(tempfile.gettempdir()), "temporary files", "TMPDIR")
    kept = transform.kept_in()
    made = next(folder for folder in (kept, *kept.parents) if folder.exists())
    yield _room("disk of dbt", made, f"dbt's files: {kept}", "DBT_TARGET_PATH")


def _room(subject: str, folder: Path, purpose: str, variable: str) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / GIB
    except OSError as error:
        found = f"{folder} can't be written ({error.strerror}), for {purpose}"
        return Finding(BAD, subject, found, f"set {variable} to a folder that can")
    sign = BAD if free < LEAST_FREE else DOUBT if free < ENOUGH_FREE else GOOD
    found = f"{free:.1f} GiB free in {folder}, for {purpose}"
    return Finding(sign, subject, found, f"make room, or set {variable} to a folder that has some")


def files() -> Iterator[Finding]:
    """Check that the files in `.dlt` are readable, and that no other user can read the secrets."""
    if problem := reading.unreadable():
        remedy = "correct that file: nothing of any can be read until then"
        yield Finding(BAD, "configuration files", problem, remedy)
        return
    found = reading.files()
    rules = [reading.RULES_FILE] if reading.RULES_FILE.exists() else []
    names = ", ".join(map(str, (*rules, *found)))
    read = f"{Path.cwd()}: {names}" if names else "none; the environment says everything"
    yield Finding(GOOD, "configuration files", read)
    for path in found:
        if path.name == "secrets.toml" and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield Finding(DOUBT, "secrets", f"{path} can be read by other users", f"chmod 600 {path}")


def settings() -> Iterator[Finding]:
    """Check that each key is a setting, and each value of its kind, as every command does."""
    problems = list(report.problems())
    for problem in problems:
        yield Finding(BAD, "settings", problem)  # its last words are the remedy
    if not problems:
        set_by_company = [row for row in report.rows() if row.place not in (report.DEFAULT, report.UNSET)]
        yield Finding(GOOD, "settings", f"{counted(len(set_by_company), 'value')} set, as `finops config` shows them")


def schedule() -> Iterator[Finding]:
    """Check the schedule, and report when `finops serve-schedule` would start the next nightly."""
    schedule = configuration.schedule()
    times = trigger(schedule.cron, schedule.timezone)
    at = times.get_next_fire_time(None, datetime.now(times.timezone)).astimezone(UTC)
    when = f"{schedule.cron} {schedule.timezone}, next {at:%Y-%m-%d %H:%M} UTC"
    yield Finding(GOOD, "schedule", f"of `finops serve-schedule`: {when}")


def metrics() -> Iterator[Finding]:
    """Check that the metrics file can be written and the Pushgateway is reachable."""
    exports = configuration.exports()
    if exports.textfile:
        folder = exports.textfile.resolve().parent
        is_writable = os.access(folder, os.W_OK | os.X_OK)
        found = f"to {exports.textfile}" if is_writable else f"{folder} can't be written"
        yield Finding(GOOD if is_writable else BAD, "metrics", found, "make that folder, or let this user write in it")
    if exports.pushgateway:
        yield _reached("metrics", exports.pushgateway.get_secret_value(), "metrics.pushgateway")


def traces() -> Iterator[Finding]:
    """Check that the receiver of traces is reachable and OpenTelemetry is installed."""
    if endpoint := traces_export.endpoint():
        yield _reached("traces", endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT")
        if find_spec("opentelemetry.exporter") is None:
            yield Finding(BAD, "traces", "OpenTelemetry is not installed", install_extra("otel"))


def _reached(what: str, address: str, setting: str) -> Finding:
    """Check reachability only; authentication shows on the first export."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=5):
            return Finding(GOOD, what, f"{parts.hostname}:{port} listens")
    except OSError as error:
        found = f"{parts.hostname}:{port} does not answer ({describe(error)})"
        return Finding(DOUBT, what, found, f"check {setting}; no run fails for it")


def project() -> Iterator[Finding]:
    """Check that dbt can parse the project."""
    if not os.environ.get("PGUSER"):
        return  # dbt cannot read its profile without it
    folder = transform.PROJECT
    own = (folder / "profiles.yml").exists()
    profile = "its own profiles.yml" if own else "the example profile (libpq's variables)"
    found = f"{folder} with {profile}"
    try:
        transform.parse()
    except FinopsError as error:
        yield Finding(BAD, "dbt project", f"{found}: {error}", "correct what dbt names")
    else:
        yield Finding(GOOD, "dbt project", found)
