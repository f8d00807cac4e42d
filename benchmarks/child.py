"""Measurements in processes of their own: what one takes, or how it ends, cannot touch the next (Linux only).

Children are forked from a server that has imported what they need and has run nothing, so that each starts afresh
within a moment.
"""

import ctypes
import multiprocessing
import os
import platform
import resource
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

SHARE = 0.85  # of the machine's memory is what a child may take; beyond, its allocations fail

IMPORTED = ("graphrw", "scipy.ndimage", "scipy.spatial", "skimage.data", "skimage.transform", "skimage.segmentation")

Tell = Callable[[dict[str, Any]], None]


def run(measure: Callable[..., None], arguments: Sequence[Any], limit: float) -> tuple[dict[str, Any], str]:
    """What ``measure(tell, *arguments)`` told in a child, and "" or how that ended before its time.

    It is ended at `limit` seconds. What is told stands even then; what is told twice stands as told last, and
    dictionaries are joined.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_speak, args=(writer, measure, *arguments))
    process.start()
    writer.close()
    said: dict[str, Any] = {}
    deadline = time.monotonic() + limit
    try:
        while reader.poll(max(0.0, deadline - time.monotonic())):
            for key, value in reader.recv().items():
                said[key] = {**said.get(key, {}), **value} if isinstance(value, dict) else value
    except EOFError:  # the child has ended by itself
        process.join()
        crash = f"failed: exit status {process.exitcode}" if process.exitcode else ""
        return said, said.pop("error", crash)
    process.kill()
    process.join()
    return said, f"ended after {limit:.0f} s"


def _speak(writer: Connection, measure: Callable[..., None], *arguments: Any) -> None:
    """The child: a share of the memory, and silence but for what is told."""
    most = int(SHARE * total_memory() * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print
    warnings.simplefilter("ignore")
    try:
        measure(writer.send, *arguments)
    except Exception as error:
        writer.send({"error": f"failed: {type(error).__name__}: {error}"[:200]})


def memory(field: str) -> float:
    """GiB of this process, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 2**20


def forget_peak() -> float:
    """Let the peak start anew from here, with what was freed given back; GiB held here."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory("VmRSS")


def total_memory() -> float:
    """GiB of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def machine() -> str:
    """The machine in words, for the head of a table."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    cores, system = f"{torch.get_num_threads()} threads, {total_memory():.0f} GiB", platform.platform()
    return f"{model}, {cores}, {system}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}"
