"""Working folders that hold source records for as long as a load takes, and no longer.

A process that is killed leaves its folder behind. Each folder has a locked file: the lock ends with its process,
whatever ends it, so the next load knows which folders are nobody's.
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
    """A folder of this process, removed afterwards; those of processes that are gone are removed before."""
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
