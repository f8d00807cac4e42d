"""Files that are there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; what was written takes the place of `path` once the block has ended well.

    A block that fails, or is killed, leaves `path` as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/answer.txt") as unfinished:
    ...         _ = unfinished.write_text("42")
    ...     os.listdir(folder)
    ['answer.txt']
    """
    path = Path(os.path.realpath(path))  # through a link, not in its place
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")  # ends alike: writers look at the end of a name
    try:
        yield unfinished
        if path.is_dir():  # nothing can be put in the place of a folder
            old = path.with_name(f".{os.getpid()}.old.{path.name}")
            path.replace(old)
            unfinished.replace(path)
            shutil.rmtree(old)
        else:
            unfinished.replace(path)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)
