"""Working folders, which hold source records only while a load runs.

A killed process leaves its folder behind. Each folder has a locked file, and a lock ends with its process, however that
ends: the next load removes the folders whose lock is free.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "finops-load-"
LOCK = "in-use"


@contextmanager
def working_folder() -> Iterator[str]:
    """Make a folder for this process and remove it afterwards; first remove those of processes that are gone."""
    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:  # in use, another user's, or being removed by another load
            continue
