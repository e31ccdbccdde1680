"""No credential in what git tracks: what the scan may find is in .secrets.baseline, as hashes (`make secrets`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parents[2]
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
