"""A bound on the memory of this process while it reads sources, below what its container has.

Beyond a container's limit the kernel ends the process, and with it every source; beyond this bound an allocation fails,
and with it the one source that is being read. It is the last of the bounds: some files lie about what they unpack to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

with suppress(ImportError):  # Windows has no such bound
    import resource

# Of version 2 and of version 1, as a container sees its own.
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_STATUS = Path("/proc/self/status")
_UNLIMITED = 1 << 60
MIB = 1 << 20


@contextmanager
def bounded_memory(max_mib: int | None) -> Iterator[None]:
    """Let allocations fail beyond so many MiB, or nine tenths of what the container has, as long as the block lasts."""
    most = max_mib * MIB if max_mib else container_bytes() * 9 // 10
    if most >= _UNLIMITED * 9 // 10 or not _STATUS.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    status = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
    # Arrow's own allocator reserves a GiB, and keeps what it has given back: neither is memory, and both would count
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    reserved, used = (int(status[name].split()[0]) * 1024 for name in ("VmData", "VmRSS"))
    bound = most + max(0, reserved - used)
    bounds = [bound, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        pa.set_memory_pool(pool)


def container_bytes() -> int:
    """Return what the kernel lets the container have, a very large number where it does not say."""
    for path in map(Path, _CGROUPS):
        with suppress(OSError, ValueError):  # it is not there, or says "max"
            return int(path.read_text(encoding="ascii"))
    return _UNLIMITED
