"""Memory that goes back to the system as soon as it is freed, where glibc's malloc would keep it."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # parameters of `mallopt`, from malloc.h
LARGE = 2**22  # bytes: smaller bounds cost more of the system's time than they save (2**20: a third of a whole run)
LARGEST = 2**25  # bytes, to which glibc raises the bound by itself
OWN_WISH = "MALLOC_MMAP_THRESHOLD_"  # the environment's variable for it


@cache
def _glibc() -> ctypes.CDLL | None:
    """None elsewhere. Asked once: to tell, Python's own file is read."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def give_back() -> None:
    """Return free pages of the heap to the system, those in its middle, too; with glibc, in a millisecond or two."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@contextmanager
def large_blocks_returned() -> Iterator[None]:
    """Within, each block of 4 MiB or more is mapped by itself, and unmapped when it is freed.

    Whenever such a block is freed, glibc raises its bound, up to 32 MiB, and takes what is smaller from a heap. There
    it stays with the process if anything behind it is still in use: after 64 blocks of a volume the heap had grown by
    0.14 GiB, about what one of them takes. The bound holds for the whole process; afterwards it is the one at
    which glibc would have ended. Elsewhere, and where the environment names a bound, nothing is done.
    """
    libc = _glibc()
    if libc is None or OWN_WISH in os.environ:
        yield
        return
    libc.mallopt(MMAP_THRESHOLD, LARGE)
    try:
        yield
    finally:
        libc.mallopt(MMAP_THRESHOLD, LARGEST)
        libc.mallopt(TRIM_THRESHOLD, 2 * LARGEST)
