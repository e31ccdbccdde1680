"""The locks of the demo and of the image: parts of the tested one, without what only developers need."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
PARTS = ("requirements-demo.lock", "requirements-image.lock")


def locked(name: str) -> set[tuple[str, str]]:
    """The names and versions of a lock, extras and markers aside."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*])?==([^ ;]+)", text, re.MULTILINE))


def named_by(*extras: str) -> set[str]:
    """The packages that extras name."""
    return {re.split(r"[\[>=<; ]", text)[0] for extra in extras for text in EXTRAS[extra]}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_part_of_the_whole(name: str) -> None:
    part = locked(name)
    assert len(part) > 50
    assert part - locked("requirements.lock") == set()


@pytest.mark.parametrize(
    ("name", "left_out"),
    [("requirements-demo.lock", ("dev", "az", "gs", "otel", "s3")), ("requirements-image.lock", ("dev", "demo"))],
)
def test_a_part_holds_no_other_extra(name: str, left_out: tuple[str, ...]) -> None:
    # setuptools is a part of what dlt needs when it runs, and psutil of what the embedded PostgreSQL needs
    also_needed = {"requirements-demo.lock": {"psutil", "setuptools"}, "requirements-image.lock": {"setuptools"}}
    assert named_by(*left_out) & {package for package, _ in locked(name)} == also_needed[name]


def test_the_demo_s_lock_holds_what_the_demo_runs_on() -> None:
    assert named_by("demo") <= {package for package, _ in locked("requirements-demo.lock")}


@pytest.mark.parametrize("name", ["requirements.lock", *PARTS])
def test_a_lock_names_no_registry_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", text) == []
    entries = re.findall(r"^[a-z0-9._-]+.*?(?=^[a-z0-9._-]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
