"""NumPy's own files, which say nothing but the numbers."""

import errno
import os
from pathlib import Path
from tokenize import TokenError

import numpy as np

from graphrw.core.memory import require_memory
from graphrw.files.image_file import ImageFile


def read(path: Path) -> ImageFile:
    """The array as it is: which axis holds channels is not known."""
    try:
        with np.errstate(over="ignore"):  # of sizes, whose product is checked again
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # which takes no memory for what is not there
    except (ValueError, EOFError, OverflowError, SyntaxError, TokenError) as error:
        raise ValueError(f"`{path}` cannot be read as an array of numbers: {error}.") from error
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise ValueError(f"`{path}` holds several arrays: save one of them by itself.")
    require_memory(mapped.nbytes, f"`{path}`", "Take a part of it.")
    return ImageFile(np.array(mapped))


def write(path: Path, file: ImageFile) -> None:
    """The array, and nothing else."""
    try:
        np.save(path, file.values, allow_pickle=False)
    except OSError as error:
        if error.errno is None:  # NumPy counts what was not written, and does not say why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
