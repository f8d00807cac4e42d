"""NumPy's own files, which say nothing but the numbers."""

import errno
import os
from pathlib import Path

import numpy as np

from graphrw.files.image_file import ImageFile


def read(path: Path) -> ImageFile:
    """The array as it is: which axis holds channels is not known."""
    try:
        return ImageFile(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"`{path}` cannot be read as an array of numbers: {error}.") from error


def write(path: Path, file: ImageFile) -> None:
    """The array, and nothing else."""
    try:
        np.save(path, file.values, allow_pickle=False)
    except OSError as error:
        if error.errno is None:  # NumPy counts what was not written, and does not say why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
