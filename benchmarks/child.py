"""Measurements in processes of their own: what one takes, or how it ends, cannot touch the next (Linux only).

Children are forked from a server that has imported what they need and has run nothing, so that each starts afresh
within a moment.
"""

import ctypes
import multiprocessing
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

SHARE = 0.85  # of the machine's memory is what a child may take
GLANCE = 0.5  # seconds between looks at it

IMPORTED = (
    "graphrw.models",
    "graphrw.segmentation",
    "scipy.ndimage",
    "scipy.spatial",
    "skimage.data",
    "skimage.transform",
    "skimage.segmentation",
)

Tell = Callable[[dict[str, Any]], None]


def run(measure: Callable[..., None], arguments: Sequence[Any], limit: float) -> tuple[dict[str, Any], str]:
    """What ``measure(tell, *arguments)`` told in a child, and "" or how that ended before its time.

    It is ended at `limit` seconds, or at its share of the memory. What is told stands even then; what is told twice
    stands as told last, and dictionaries are joined.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_speak, args=(writer, measure, *arguments))
    process.start()
    writer.close()
    said: dict[str, Any] = {}
    end, deadline = f"ended after {limit:.0f} s", time.monotonic() + limit
    try:
        while (left := deadline - time.monotonic()) > 0:
            if reader.poll(min(GLANCE, left)):
                for key, value in reader.recv().items():
                    said[key] = {**said.get(key, {}), **value} if isinstance(value, dict) else value
            elif held_by(process.pid) > SHARE * total_memory():
                end = f"ended at {SHARE * total_memory():.0f} GiB"
                break
    except EOFError:  # the child has ended by itself
        process.join()
        crash = f"failed: exit status {process.exitcode}" if process.exitcode else ""
        return said, said.pop("error", crash)
    process.kill()
    process.join()
    return said, end


def _speak(writer: Connection, measure: Callable[..., None], *arguments: Any) -> None:
    """The child: silent but for what is told."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print
    warnings.simplefilter("ignore")
    try:
        measure(writer.send, *arguments)
    except Exception as error:
        writer.send({"error": f"failed: {type(error).__name__}: {error}"[:200]})


def held_by(process: int | None) -> float:
    """GiB of a process; 0 of one that has just ended."""
    try:
        return memory("VmRSS", str(process))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def memory(field: str, process: str = "self") -> float:
    """GiB of a process, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0) / 2**20


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
