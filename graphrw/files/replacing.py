"""Files that are there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ZARR = ("zarr.json", ".zarray", ".zgroup")  # one of these is in every array or group


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; what was written takes the place of `path` once the block has ended well.

    A block that fails, or is killed, leaves `path` as it was. A folder is replaced by a folder alone, and only if it is
    empty or a Zarr.

    Raises:
        IsADirectoryError: for any other folder, before the block begins, or when a file would take its place.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/answer.txt") as unfinished:
    ...         _ = unfinished.write_text("42")
    ...     os.listdir(folder)
    ['answer.txt']
    """
    path = Path(os.path.realpath(path))  # through a link, not in its place
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")  # ends alike: writers look at the end of a name
    check_folder(path, by_folder=True)
    try:
        yield unfinished
        if path.is_dir():
            check_folder(path, by_folder=unfinished.is_dir())
            _exchange(path, unfinished)
        else:
            unfinished.replace(path)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)


def check_folder(path: Path, *, by_folder: bool) -> None:
    """Raise `IsADirectoryError` for a folder, unless a folder takes its place and it is empty or a Zarr."""
    if not path.is_dir():
        return
    made_by_zarr = any((path / mark).exists() for mark in ZARR)
    if not by_folder or (not made_by_zarr and any(path.iterdir())):
        raise IsADirectoryError(f"`{path}` is a folder, which will not be replaced. Take another name.")


def _exchange(folder: Path, unfinished: Path) -> None:
    """Nothing can be put in the place of a folder, so that it is moved away first; and back, if that is as far as it
    came."""
    old = folder.with_name(f".{os.getpid()}.old.{folder.name}")
    shutil.rmtree(old, ignore_errors=True)  # of an exchange that was interrupted at its end
    try:
        folder.replace(old)
        unfinished.replace(folder)
    finally:
        if old.exists() and not folder.exists():
            old.replace(folder)
    shutil.rmtree(old)
