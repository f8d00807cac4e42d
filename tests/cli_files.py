"""An image of two halves with seeds in files, and the command line to run on them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from graphrw.cli.app import app
from graphrw.files import ImageFile, write_image


def run(*arguments: object) -> Result:
    """`graphrw` with these arguments, in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def start(*arguments: object, folder: Path, **options: Any) -> "subprocess.Popen[str]":
    """`graphrw` with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "graphrw", *map(str, arguments)]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def two_halves(*shape: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A noisy step along the last axis, and a seed 7 and a seed 3 in its halves."""
    image = np.random.default_rng(0).normal(60, 8, shape)
    image[..., shape[-1] // 2 :] += 120
    seeds = np.zeros(shape, np.uint8)
    middle = tuple(size // 2 for size in shape[:-1])
    seeds[middle][2:6], seeds[middle][-6:-2] = 7, 3
    return np.clip(image, 0, 255).astype(np.uint8), seeds


def halves(*shape: int) -> NDArray[np.int64]:
    """What seeds of `two_halves` lead to."""
    return np.where(np.arange(shape[-1]) < shape[-1] // 2, 7, 3) * np.ones(shape, dtype=np.int64)


def written(folder: Path, ending: str = ".png", shape: tuple[int, ...] = (40, 60)) -> tuple[Path, Path]:
    """Files of `two_halves`."""
    image, seeds = two_halves(*shape)
    paths = folder / f"image{ending}", folder / f"seeds{ending}"
    for path, values in zip(paths, (image, seeds), strict=True):
        write_image(path, ImageFile(values, spacing=(1.0,) * len(shape)))
    return paths


def patched(patch: str, *arguments: object) -> "subprocess.Popen[str]":
    """`graphrw` with these arguments after some lines of Python, which print one line when it is time."""
    # A shell starts what runs in its background deaf to interrupts, and so would be what that starts.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += f"import sys; sys.argv[1:] = {[str(argument) for argument in arguments]}\n"
    program += f"import time\n{patch}\nfrom graphrw.__main__ import main\nmain()\n"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n", process.communicate()
    return process
