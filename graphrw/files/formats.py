"""Which file is read and written by what."""

import math
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from graphrw.core.errors import MissingDependencyError
from graphrw.files.image_file import ImageFile
from graphrw.files.replacing import check_folder, replacing


@dataclass(frozen=True)
class Format:
    """A kind of file, and our module for it, which is loaded with its package when such a file comes."""

    name: str
    module: str
    endings: tuple[str, ...]
    package: str  # as pip knows it
    extra: str
    written: bool = True
    palettes: bool = False  # numbers of colours, which may be labels
    most: int = 2**63 - 1  # the largest label that is written

    def load(self, what: str) -> Callable[..., Any]:
        """Its function "read", "read_labels" or "write"; Zarr's "open_lazily", "create" or "created".

        Raises:
            MissingDependencyError: without its package.
        """
        try:
            module = import_module(f"graphrw.files.{self.module}")
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"{self.name} files need {self.package}: pip install 'graphrw[{self.extra}]'"
            ) from error
        if what == "read_labels" and not self.palettes:
            what = "read"
        function: Callable[..., Any] = getattr(module, what)
        return function


# What packages raise for files that they did not foresee, beside `ValueError`.
DAMAGED = (ArithmeticError, LookupError, TypeError, EOFError, SyntaxError, struct.error, zlib.error)
PICTURES = (".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # that are only read
FORMATS = (
    Format("PNG", "picture", (".png",), "pillow", "image", palettes=True, most=2**16 - 1),
    Format("JPEG, BMP, GIF and WebP", "picture", PICTURES, "pillow", "image", False, True),
    Format("TIFF", "tiff", (".tif", ".tiff"), "tifffile", "image", most=2**32 - 1),  # OME's
    Format("NIfTI", "nifti", (".nii", ".nii.gz"), "nibabel", "volumes"),
    Format("NRRD", "nrrd_file", (".nrrd",), "pynrrd", "volumes"),
    Format("Zarr", "ome_zarr", (".zarr",), "zarr", "volumes"),
    Format("NumPy", "npy", (".npy",), "numpy", "image"),
)
ENDINGS = tuple(ending for kind in FORMATS for ending in kind.endings)


def read_image(path: str | Path) -> ImageFile:
    """The image or volume in a file: PNG, JPEG, TIFF, NIfTI, NRRD, Zarr (OME-Zarr's finest level) or NPY.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as they say.
        ValueError: for another ending, or a file that is damaged or not what its ending says.
        MemoryError: for more than fits into the memory, before it is unpacked.
        MissingDependencyError: if the package that reads it is not installed.
    """
    return read_file(Path(path), "read")


def read_file(path: Path, what: str) -> ImageFile:
    """What the function of this name, "read" or "read_labels", makes of a file, as the machine has numbers."""
    if path.is_dir() and not _is_zarr(path):
        raise IsADirectoryError(f"`{path}` is a folder, not an image.")
    kind = format_of(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no `{path}`.")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"`{path}` may not be read: it belongs to somebody else.")
    file = read_by(kind.load(what), path)
    values = file.values
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    return replace(file, values=np.require(values, values.dtype.newbyteorder("="), ["C"]))


def read_by(reader: Callable[[Path], ImageFile], path: Path) -> ImageFile:
    """What a reader makes of a file; whatever its library says of a damaged one, the error names it.

    Raises:
        ValueError: for one that is damaged, and for what is no image of real numbers.
    """
    try:
        file = reader(path)
        _check_numbers(file.values, path)
        return file
    except (*DAMAGED, ValueError) as error:
        if str(path) in str(error):  # told already
            raise
        raise ValueError(f"`{path}` is damaged: {error}.") from error
    except MemoryError as error:
        if str(path) in str(error):
            raise
        raise MemoryError(f"`{path}` holds more than fits into the memory. {error}".rstrip()) from error


def _check_numbers(values: Any, path: Path) -> None:
    if values.dtype.kind not in "buif" or math.prod(values.shape) == 0:
        raise ValueError(f"`{path}` must hold real numbers; got {values.shape} {values.dtype}.")
    if values.ndim not in (2, 3, 4):
        raise ValueError(f"`{path}` must hold an image or a volume, with channels or without; got {values.shape}.")


def write_image(path: str | Path, file: ImageFile) -> None:
    """Write a file in the format that its name ends with, in one go: a killed run leaves what was there before.

    Raises:
        ValueError: if the format cannot hold it.
        OSError: if there is no room, no such folder, or no right to write.
    """
    write_images({Path(path): file})


def write_images(files: Mapping[Path, ImageFile]) -> None:
    """Write several files; none of them changes before all are complete. Errors are those of `write_image`."""
    with ExitStack() as stack:
        for path, file in files.items():
            check_writable(path)
            unfinished = stack.enter_context(replacing(path))
            try:
                format_of(path).load("write")(unfinished, file)
            except OSError as error:
                error.filename = str(path)  # and not the hidden one
                raise


def check_writable(path: str | Path) -> None:
    """Raise now what writing `path` would raise in the end."""
    path = Path(path)
    endings = ", ".join(ending for kind in FORMATS if kind.written for ending in kind.endings)
    try:
        kind = format_of(path)
    except ValueError as error:
        raise ValueError(f"`{path}` ends like nothing that can be written: take {endings}.") from error
    if not kind.written:
        raise ValueError(f"`{path}`: {kind.name} files are only read, as most of them change labels. Take {endings}.")
    check_place(path, by_folder=kind.name == "Zarr")
    kind.load("write")


def check_label_fits(path: Path, label: int) -> None:
    """Raise `ValueError` now if the format of `path` cannot hold a `label` so large."""
    kind = format_of(path)
    if label > kind.most:
        others = ", ".join(
            ending for other in FORMATS if other.written and other.most >= label for ending in other.endings
        )
        raise ValueError(f"`{path}`: {kind.name} holds labels up to {kind.most}; got {label}. Take {others}.")


def check_place(path: Path, *, by_folder: bool = False) -> None:
    """Raise `OSError` if there is no folder for `path`, nothing may be written there, or it is a folder to be kept.

    `by_folder` says that what is written is a folder, as a Zarr is.
    """
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder `{folder}` to write `{path.name}` into.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"Nothing may be written into the folder `{folder}`.")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError(f"`{path}` is no ordinary file, and cannot be replaced by one.")
    check_folder(path, by_folder=by_folder)


def format_of(path: Path) -> Format:
    """The format of a file by its name; within a folder `x.zarr` everything is Zarr.

    Raises:
        ValueError: for a name that ends otherwise.
    """
    name = path.name.lower()
    for kind in FORMATS:
        if name.endswith(kind.endings):
            return kind
    if _is_zarr(path):
        return next(kind for kind in FORMATS if kind.name == "Zarr")
    raise ValueError(f"`{path}` ends like no image; known are {', '.join(ENDINGS)}.")


def _is_zarr(path: Path) -> bool:
    return any(part.lower().endswith(".zarr") for part in path.parts)
