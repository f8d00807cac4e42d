"""Memory that goes back to the system as soon as it is freed, where glibc's malloc would keep it."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # parameters of `mallopt`, from malloc.h
LARGE = 2**22  # bytes: smaller bounds cost more of the system's time than they save (2**20: a third of a whole run)
LARGEST = 2**25  # bytes, to which glibc raises the bound by itself
OWN_WISH = "MALLOC_MMAP_THRESHOLD_"  # the environment's variable for it


def give_back() -> None:
    """Return free pages of the heap to the system, those in its middle, too; with glibc, in a millisecond or two."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def large_blocks_returned() -> Iterator[None]:
    """Within, each block of 4 MiB or more is mapped by itself, and unmapped when it is freed.

    Whenever such a block is freed, glibc raises its bound, up to 32 MiB, and takes what is smaller from a heap. There
    it stays with the process if anything behind it is still in use: after a hundred blocks of a volume the heap had
    grown by a third of what one of them takes. The bound holds for the whole process; afterwards it is the one at
    which glibc would have ended. Elsewhere, and where the environment names a bound, nothing is done.
    """
    if platform.libc_ver()[0] != "glibc" or OWN_WISH in os.environ:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_THRESHOLD, LARGE)
    try:
        yield
    finally:
        libc.mallopt(MMAP_THRESHOLD, LARGEST)
        libc.mallopt(TRIM_THRESHOLD, 2 * LARGEST)
