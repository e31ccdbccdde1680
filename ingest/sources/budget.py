"""How much is read of a source, unpacked: counted while it is unpacked, so that a small file can't fill the memory."""

from __future__ import annotations

import io
from typing import Any

from finops.ingest.config.sections import Budgeted
from finops.ingest.errors import SourceError
from finops.ingest.sources.kinds import ConfiguredSource

MIB = 1 << 20
# One line of a file, or one cell of a bill: a document of MongoDB has no more, a line of Arrow's CSV a quarter of it.
MAX_LINE = 16 * MIB
MAX_CELL = MIB
# What is made of some lines at once.
BATCH_BYTES = 32 * MIB
PIECE = 256 * 1024


class Budget:
    """What may be read of one source at once, and what has been."""

    def __init__(self, configured: ConfiguredSource) -> None:
        self._name, self._section = configured.source.name, f"sources.{configured.source.service}"
        self._options = configured.options if isinstance(configured.options, Budgeted) else None
        self._rows = self._bytes = 0

    def take(self, rows: int, size: int) -> None:
        """Count what was read; `size` is in bytes.

        Raises:
            SourceError: when it is more than the source may have.
        """
        self._rows += rows
        self._bytes += size
        if self._options is None:  # the configuration itself
            return
        if self._rows > self._options.max_rows:
            raise self._spent("max_rows", f"{self._options.max_rows:,} rows")
        if self._bytes > self._options.max_mib * MIB:
            raise self._spent("max_mib", f"{self._options.max_mib:,} MiB, unpacked")

    def _spent(self, key: str, limit: str) -> SourceError:
        return SourceError(
            f"{self._name}: it has more than {limit}, and was not read further: if that is right, set "
            f"{self._section}.{key} higher; else correct what it sends, or read less of it"
        )


def counted(binary: Any, budget: Budget) -> io.BufferedReader:  # noqa: ANN401 fsspec
    """Return the file so that what is read of it is counted; at its start, `peek` shows the first PIECE bytes."""
    return io.BufferedReader(_CountedFile(binary, budget), PIECE)


class _CountedFile(io.RawIOBase):
    def __init__(self, binary: Any, budget: Budget) -> None:  # noqa: ANN401 fsspec
        super().__init__()
        self._binary, self._budget = binary, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 whatever has a buffer
        size = 0
        while size < len(buffer) and (found := self._binary.read(len(buffer) - size)):
            buffer[size : size + len(found)] = found
            size += len(found)
        self._budget.take(0, size)
        return size
