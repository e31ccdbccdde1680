"""The bound on the memory of a process that reads sources."""

from __future__ import annotations

import resource
from pathlib import Path

import pyarrow as pa
import pytest

from finops.ingest.pipeline import memory
from finops.ingest.pipeline.memory import MIB, bounded_memory

pytestmark = pytest.mark.hostile


def used_mib() -> int:
    """What this process has now."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) >> 10


def test_beyond_the_bound_an_allocation_fails_and_nothing_else() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory(used_mib() + 200):
        with pytest.raises(MemoryError):
            bytearray(2000 * MIB)
        with pytest.raises(MemoryError):
            pa.allocate_buffer(4000 * MIB)
        assert len(bytearray(50 * MIB)) == 50 * MIB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(2000 * MIB)) == 2000 * MIB


@pytest.mark.parametrize(("content", "found"), [("2147483648\n", 2147483648), ("max\n", 1 << 60)])
def test_the_container_s_own_limit_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, found: int
) -> None:
    (tmp_path / "memory.max").write_text(content, encoding="ascii")
    monkeypatch.setattr(memory, "_CGROUPS", (str(tmp_path / "none"), str(tmp_path / "memory.max")))
    assert memory.container_bytes() == found
