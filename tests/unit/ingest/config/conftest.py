"""What every test of the configuration stands on: a project of its own, the only place where dlt looks for files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Its folder, with an empty `.dlt`; other tests run elsewhere, and see none of it."""
    context = Container()[PluggableRunContext]
    project = tmp_path / "project"
    (project / ".dlt").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("DLT_PROJECT_DIR", str(project))
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
        patch.setenv("HOME", str(tmp_path / "home"))
        context.reload_providers()
        yield project
    context.reload_providers()


def write(folder: Path, **files: str) -> None:
    """Write `.dlt/<name>.toml`, and let dlt read it."""
    for name, text in files.items():
        (folder / ".dlt" / f"{name}.toml").write_text(text)
    Container()[PluggableRunContext].reload_providers()
