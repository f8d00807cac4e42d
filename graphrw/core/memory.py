"""How much memory may still be taken, and an error for what needs more, while there is still time for one."""

import sys
from pathlib import Path

import psutil

CGROUPS = (  # where Linux tells a container's limit, what it uses, and what of that it would give up; versions 2 and 1
    ("memory.max", "memory.current", "inactive_file", Path("/sys/fs/cgroup")),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", Path("/sys/fs/cgroup/memory")),
)


def available_memory() -> int:
    """Bytes that this process can still take: of the machine, within the limits of its container and of its user.

    >>> available_memory() > 0
    True
    """
    free = int(psutil.virtual_memory().available)
    return max(0, min(free, _left_in_container(), _left_of_address_space()))


def require_memory(needed: float, what: str, instead: str) -> None:
    """Raise `MemoryError` if `what` needs more bytes than are free; `instead` is what to do then."""
    free = available_memory()
    if needed > free:
        raise MemoryError(f"{what} needs about {needed / 2**30:.2g} GiB; {free / 2**30:.2g} GiB are free. {instead}")


def _left_in_container() -> int:
    left = sys.maxsize
    for limit, used, reclaimable, folder in CGROUPS:
        try:
            numbers = [(folder / name).read_text(encoding="ascii") for name in (limit, used)]
            lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        except OSError:  # no such container, or no such system
            continue
        if numbers[0].strip() != "max":
            given_up = sum(int(line.split()[1]) for line in lines if line.split()[0] == reclaimable)
            left = min(left, int(numbers[0]) - int(numbers[1]) + given_up)
    return left


def _left_of_address_space() -> int:
    """Of `ulimit -v`, where there is such a thing."""
    process = psutil.Process()
    if not hasattr(process, "rlimit"):  # Linux and FreeBSD have it
        return sys.maxsize
    limit = process.rlimit(psutil.RLIMIT_AS)[0]
    return sys.maxsize if limit == psutil.RLIM_INFINITY else int(limit) - int(process.memory_info().vms)
