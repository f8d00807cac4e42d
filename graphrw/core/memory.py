"""How much memory may still be taken, and an error for what needs more, while there is still time for one."""

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")  # a line for each hierarchy: number, controllers, this process's group


@dataclass(frozen=True)
class Accounts:
    """The files in which Linux tells the limit of a control group, what it uses, and what of that it would give up."""

    limit: str
    used: str
    reclaimable: str  # a line of memory.stat


SECOND = Accounts("memory.max", "memory.current", "inactive_file")
FIRST = Accounts("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")

EVERY_DAY = 2**28  # bytes that are there


def available_memory() -> int:
    """Bytes that this process can still take: of the machine, within the limits of its container and of its user.

    >>> available_memory() > 0
    True
    """
    machine = psutil.virtual_memory()
    return max(0, min(machine.available, _left_in_container(machine.total), _left_of_address_space()))


def require_memory(needed: float, what: str, instead: str) -> None:
    """Raise `MemoryError` if `what` needs more bytes than are free; `instead` is what to do then."""
    free = available_memory()
    if needed > free:
        raise MemoryError(f"{what} needs about {_told(needed)}; {_told(free)} are free. {instead}")


def require_room(count: float, what: str, instead: str) -> None:
    """`require_memory` for `count` numbers of 8 bytes. Those of every day pass without asking the system."""
    if 8 * count > EVERY_DAY:
        require_memory(8 * count, what, instead)


def _told(count: float) -> str:
    """Bytes as people read them.

    >>> _told(8e12), _told(2**28)
    ('7.3 TiB', '0.25 GiB')
    """
    return f"{count / 2**40:,.2g} TiB" if count >= 2**40 else f"{count / 2**30:.2g} GiB"


def _left_in_container(machine: int) -> int:
    """Within the limits of this process's control group and of all groups around it, on a machine of so many bytes."""
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return sys.maxsize
    left = sys.maxsize
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, accounts = (CGROUPS / "memory", FIRST) if controllers else (CGROUPS, SECOND)
        folder = root / group.lstrip("/")
        while folder.is_relative_to(root):
            left = min(left, _left_in_group(folder, accounts, machine))
            folder = folder.parent
    return left


def _left_in_group(folder: Path, accounts: Accounts, machine: int) -> int:
    try:
        limit = (folder / accounts.limit).read_text(encoding="ascii").strip()
        if limit == "max" or int(limit) > machine:  # it binds nobody, and what follows is slow to read
            return sys.maxsize
        used = int((folder / accounts.used).read_text(encoding="ascii"))
        statistics = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:  # the outermost group has no limit; inside a container the path may not be there
        return sys.maxsize
    given_up = sum(int(line.split()[1]) for line in statistics if line.split()[0] == accounts.reclaimable)
    return int(limit) - used + given_up


def _left_of_address_space() -> int:
    """Of `ulimit -v`, where there is such a thing."""
    process = psutil.Process()
    if not hasattr(process, "rlimit"):  # Linux and FreeBSD have it
        return sys.maxsize
    limit = process.rlimit(psutil.RLIMIT_AS)[0]
    return sys.maxsize if limit == psutil.RLIM_INFINITY else int(limit) - int(process.memory_info().vms)
