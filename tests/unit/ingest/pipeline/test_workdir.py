import os
import subprocess
import sys
from pathlib import Path

import pytest

from finops.ingest.pipeline.workdir import working_folder

HOLD = """
import sys
from finops.ingest.pipeline.workdir import working_folder
with working_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def held(tmp_path: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that is in the middle of a load, and its folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next_load(tmp_path: Path) -> None:
    child, folder = held(tmp_path)
    (folder / "records.parquet").write_text("a source record")
    child.kill()
    child.wait()
    assert folder.exists()
    with working_folder() as own:
        assert [str(path) for path in tmp_path.iterdir()] == [own]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_load_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    child, folder = held(tmp_path)
    with working_folder():
        assert folder.exists()
    child.communicate()
    assert not folder.exists()
