"""NRRD, by pynrrd."""

import bz2
import gzip
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
from numpy.typing import NDArray

from graphrw.core.memory import require_memory
from graphrw.files.image_file import ImageFile

PACKED: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "gz": gzip.open, "bzip2": bz2.open, "bz2": bz2.open}
BLOCK = 2**20  # bytes, unpacked at once
SPATIAL = ("domain", "space", "time")
KEPT = ("space", "space origin", "space units", "measurement frame")
RIGHT_ANTERIOR = {  # the signs of the first two axes on the way to right and anterior
    "right-anterior-superior": (1, 1),
    "ras": (1, 1),
    "left-posterior-superior": (-1, -1),
    "lps": (-1, -1),
    "left-anterior-superior": (-1, 1),
    "las": (-1, 1),
}


def read(path: Path) -> ImageFile:
    """(x, y) or (x, y, z), with at most one axis more."""
    try:
        _check_size(path)
        values, header = nrrd.read(str(path))
    except (nrrd.NRRDError, ValueError, EOFError, KeyError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"`{path}` cannot be read as NRRD: {error}.") from error
    kinds = header.get("kinds", ["domain"] * values.ndim)
    others = [axis for axis, kind in enumerate(kinds) if kind not in SPATIAL]
    if len(others) > 1 or (others and others[0] not in (0, values.ndim - 1)):
        raise ValueError(f"`{path}` must have at most one axis that is not in space, first or last; got {kinds}.")
    spatial = [axis for axis in range(values.ndim) if axis not in others]
    directions = header.get("space directions")
    spacing = None
    if directions is not None:
        directions = np.asarray(directions, dtype=float)[spatial]
        spacing = tuple(np.linalg.norm(directions, axis=1).tolist())
    elif "spacings" in header:
        spacing = tuple(float(header["spacings"][axis]) for axis in spatial)
    if spacing is not None and not all(0 < step < np.inf for step in spacing):
        spacing = None
    unit = next(iter(header.get("space units", [""])))
    affine = _affine(header, directions)
    axes = "xyz"[: len(spatial)]
    return ImageFile(values, others[0] if others else None, axes, spacing, unit, affine, header=dict(header))


def _check_size(path: Path) -> None:
    """Refuse what a small file can announce, or unpack to, before it fills the memory or takes for ever."""
    with path.open("rb") as file:
        header = nrrd.read_header(file)
        size = 8 * math.prod(map(int, header["sizes"])) + max(0, header.get("byte skip", 0))  # no number is longer
        require_memory(size, f"`{path}`", "Take a part of it.")
        if header.get("line skip", 0) > path.stat().st_size:
            raise ValueError(f"it skips {header['line skip']} lines")
        unpack = PACKED.get(header["encoding"])
        if unpack is not None and "data file" not in header:
            with unpack(file) as unpacked:
                left = size + 1
                while left > 0 and (block := unpacked.read(min(left, BLOCK))):
                    left -= len(block)
            if left <= 0:
                raise ValueError(f"it unpacks to more than its header says, {size} bytes at most")


def write(path: Path, file: ImageFile) -> None:
    """Compressed; labels of probabilities are the first axis."""
    file = file.ordered("xyz"[: len(file.shape)])
    known = file.header if isinstance(file.header, dict) else {}
    header: dict[str, Any] = {name: known[name] for name in KEPT if name in known}
    directions = known.get("space directions")
    if directions is not None:
        directions = np.asarray(directions, dtype=float)
        directions = directions[~np.isnan(directions).any(1)]
    elif file.affine is not None:  # of another format
        directions = file.affine[:3, :3].T
        header |= {"space": "right-anterior-superior", "space origin": file.affine[:3, 3]}
        header |= {"space units": [file.unit] * 3} if file.unit else {}
    values, kinds, nowhere = file.values, ["domain"] * len(file.shape), []
    if file.channel_axis is not None:
        values = np.moveaxis(values, file.channel_axis, 0)
        kinds, nowhere = ["list", *kinds], [np.nan]
    if directions is not None:
        header["space directions"] = np.concatenate([np.full((len(nowhere), directions.shape[1]), np.nan), directions])
    elif file.spacing is not None:
        header["spacings"] = [*nowhere, *file.spacing]
    nrrd.write(str(path), values, header | {"kinds": kinds, "encoding": "gzip"})


def _affine(header: dict[str, Any], directions: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """To millimetres to the right, the front and the top, where `directions` are those of a body."""
    signs = RIGHT_ANTERIOR.get(str(header.get("space", "")).lower())
    if signs is None or directions is None or directions.shape != (3, 3):
        return None
    affine = np.eye(4)
    affine[:3, :3] = directions.T
    affine[:3, 3] = header.get("space origin", np.zeros(3))
    affine[:2] *= np.reshape(signs, (2, 1))
    return affine
