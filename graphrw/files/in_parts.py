"""Volumes in files of which a part is read or written at a time: Zarr."""

from pathlib import Path
from typing import Any

from graphrw.files.formats import Format, check_writable, format_of, read_by
from graphrw.files.image_file import ImageFile


def open_in_parts(path: str | Path) -> ImageFile:
    """The image or volume in a Zarr (OME-Zarr's finest level); its values are read when a slice of them is asked for.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: for other formats, or what is no Zarr of real numbers; for a damaged part, when it is asked for.
        MissingDependencyError: without zarr.
    """
    path = Path(path)
    kind = _zarr(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no `{path}`.")
    return read_by(kind.load("open_lazily"), path)


def check_writable_in_parts(path: str | Path) -> None:
    """Raise now what `create_in_parts` would raise in the end."""
    _zarr(Path(path))
    check_writable(path)


def create_in_parts(path: Path, like: ImageFile, *, dtype: Any, channels: int | None, chunk: int) -> Any:
    """A new OME-Zarr, whose parts are written by assignment: see `ome_zarr.create`."""
    return _zarr(path).load("create")(path, like, dtype=dtype, channels=channels, chunk=chunk)


def created_in_parts(path: Path) -> Any:
    """What `create_in_parts` has made, for another process to write into."""
    return _zarr(path).load("created")(path)


def _zarr(path: Path) -> Format:
    kind = format_of(path)
    if kind.name != "Zarr":
        raise ValueError(f"`{path}` cannot be read and written in parts: only Zarr can. Name a .zarr.")
    return kind
