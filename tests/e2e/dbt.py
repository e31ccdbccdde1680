"""dbt as a person runs it by hand, in this process, on the database of libpq's variables."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from finops.ingest.database import TRANSFORMER
from tests.conftest import ROOT

PROJECT = ROOT / "dbt_project"


@dataclass(frozen=True)
class Outcome:
    """How a command ended: the status of each node by name, hooks left out, and what went wrong."""

    success: bool
    statuses: Mapping[str, str]
    error: str


def dbt(*arguments: str, project: Path = PROJECT, variables: str = "") -> Outcome:
    """Run `dbt …` with the example profile, as its role.

    What dbt has read of the project is kept for the next command with the same variables. A changed copy keeps its own:
    dbt would go on with a column that only the copy's contract has.
    """
    kept = Path(os.environ["DBT_TARGET_PATH"]) if project == PROJECT else project / "target"
    if variables:
        arguments = (*arguments, "--vars", variables)
        kept /= hashlib.sha256(variables.encode()).hexdigest()[:8]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "profiles.yml.example", Path(folder) / "profiles.yml")
        where = ["--project-dir", str(project), "--profiles-dir", folder, "--log-path", folder]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGOPTIONS", f"{os.environ.get('PGOPTIONS', '')} -c role={TRANSFORMER}")
            done = dbtRunner().invoke(["--quiet", "--no-write-json", *arguments, *where, "--target-path", str(kept)])
    results = list(getattr(done.result, "results", ()))
    return Outcome(
        done.success,
        {
            str(result.node.name): str(result.status)
            for result in results
            if result.node.resource_type.value != "operation"
        },
        "\n".join(
            [str(done.exception or "")]
            + [str(result.message) for result in results if result.status not in ("success", "pass", "skipped")]
        ).strip(),
    )


def project_copy(folder: Path) -> Path:
    """A copy of the dbt project that a test may change, in this folder."""
    copy = folder / "dbt_project"
    left_out = shutil.ignore_patterns("target", "logs", ".user.yml", "profiles.yml")
    shutil.copytree(PROJECT, copy, ignore=left_out)
    return copy


def edit(path: Path, was: str, is_now: str) -> None:
    """Replace a text of a file once; it has to be there."""
    text = path.read_text(encoding="utf-8")
    assert was in text, path
    path.write_text(text.replace(was, is_now, 1), encoding="utf-8")
