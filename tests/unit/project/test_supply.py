"""What is installed is pinned, and nothing that git tracks is a credential.

What the scan may find is in .secrets.baseline, as hashes: `make secrets`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from tests.conftest import ROOT

ACCEPTED = json.loads((ROOT / ".secrets.baseline").read_text(encoding="utf-8"))


def found(names: Sequence[str]) -> set[str]:
    """Where something looks like a credential that the baseline does not have: `file:line kind`; never its value."""
    with transient_settings(ACCEPTED):
        secrets = SecretsCollection()
        secrets.scan_files(*names)
        return {f"{name}:{secret.line_number} {secret.type}" for name, secret in secrets - baseline.load(ACCEPTED)}


def test_nothing_that_git_tracks_looks_like_a_new_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    assert found(listed.stdout.split("\0")[:-1]) == set()


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ("PGPASSWORD = '{}'", "Secret Keyword"),
        ("uri = 'mongodb://reader:{}@mongo.example.com'", "Basic Auth Credentials"),
        ("glpat-{}", "GitLab Token"),
        ("-----BEGIN RSA {}-----", "Private Key"),
    ],
)
def test_a_planted_credential_is_found(
    planted: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = "PRIVATE KEY" if kind == "Private Key" else "9fQ2xLr7Vb" + "Wn4Kd8Ts1Z"
    Path("leak.py").write_text(planted.format(value) + "\n", encoding="utf-8")
    assert f"leak.py:1 {kind}" in found(["leak.py"])


def test_every_version_of_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(pins) > 100
    assert [pin.splitlines()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []
    assert re.findall(r"\S*://\S*", lock) == []


def test_github_s_actions_are_pinned_by_hash_and_run_make() -> None:
    workflows = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    actions = re.findall(r"uses: (.*)", workflows)
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action)] == []
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [target for target in re.findall(r"run: make (\S+)", workflows) if target not in targets] == []


def test_the_image_stands_on_a_base_by_digest() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert set(bases) == {"${BASE}"}
    [base] = [line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG BASE=")]
    assert re.fullmatch(r"python:3\.11-slim@sha256:[0-9a-f]{64}", base)
