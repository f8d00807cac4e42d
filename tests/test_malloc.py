"""Blocks of memory that glibc gives back at once, in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes
import numpy as np
from graphrw.core.malloc import large_blocks_returned

class Account(ctypes.Structure):
    _fields_ = [("arena", ctypes.c_size_t * 4), ("mapped", ctypes.c_size_t), ("rest", ctypes.c_size_t * 5)]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Account

def is_mapped():
    before = mallinfo().mapped
    block = np.empty(2**20)  # 8 MiB
    return mallinfo().mapped - before >= 2**23

np.empty(2**21)  # 16 MiB, freed at once: from now on glibc's own bound is 16 MiB
with large_blocks_returned():
    within = is_mapped()
print(within, is_mapped())
"""

HOLES = """
from pathlib import Path
import numpy as np
from graphrw.core.malloc import give_back

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

kept, freed = [], []
for _ in range(1000):
    freed.append(np.ones(8000))  # 64 kB, in the heap
    kept.append(np.ones(500))  # too large for a hole that was there before
freed.clear()
before = held()
give_back()
print(before - held() > 2**25)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def told(program: str = PROGRAM, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout


@glibc
def test_large_blocks_are_mapped_within_and_no_longer_afterwards() -> None:
    assert told() == "True False\n"


@glibc
def test_a_bound_named_by_the_environment_stays() -> None:
    assert told(MALLOC_MMAP_THRESHOLD_=str(2**25)) == "False False\n"


@glibc
def test_holes_between_what_is_kept_are_given_back() -> None:
    assert told(HOLES) == "True\n"
