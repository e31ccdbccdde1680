"""What every test of the configuration stands on: a project of its own, the only place where files are looked for."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, with an empty `.dlt`."""
    project = tmp_path / "project"
    (project / ".dlt").mkdir(parents=True)
    monkeypatch.chdir(project)
    return project


def write(folder: Path, **files: str) -> None:
    """Write `.dlt/<name>.toml`."""
    for name, text in files.items():
        (folder / ".dlt" / f"{name}.toml").write_text(text)
