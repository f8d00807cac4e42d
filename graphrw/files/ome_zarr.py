"""Zarr, by zarr-python: plain arrays, and images as OME-Zarr describes them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from graphrw.core.memory import require_memory
from graphrw.files.image_file import ImageFile

UNITS = {"micrometer": "µm", "millimeter": "mm", "nanometer": "nm", "meter": "m", "angstrom": "Å"}
NAMES = {unit: name for name, unit in UNITS.items()}
DAMAGED = (LookupError, TypeError, RuntimeError, AttributeError)  # what zarr-python raises for broken descriptions
CHUNK = 128  # voxels along each axis
VERSION = "0.4"  # of OME-Zarr, which every viewer reads


@dataclass(frozen=True)
class Origin:
    """Where the first voxel lies, along the spatial axes, in units."""

    translation: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Lazy:
    """An array of Zarr's without its axes of length 1, of which only what is asked for is read."""

    stored: Any
    order: tuple[int, ...]  # the axes that are left, as they shall come
    path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.stored.shape[axis] for axis in self.order)

    @property
    def ndim(self) -> int:
        return len(self.order)

    @property
    def dtype(self) -> Any:
        return self.stored.dtype

    def __getitem__(self, region: Any) -> NDArray[Any]:
        """That of a slice for each axis, or of `...`."""
        slices = [slice(None)] * self.ndim if region is Ellipsis else region
        asked: list[Any] = [0] * self.stored.ndim
        for axis, wanted in zip(self.order, slices, strict=True):
            asked[axis] = wanted
        kept = sorted(self.order)
        try:
            return np.asarray(self.stored[tuple(asked)]).transpose([kept.index(axis) for axis in self.order])
        except DAMAGED as error:
            raise ValueError(f"`{self.path}` cannot be read as Zarr: {error!r}.") from error


def read(path: Path) -> ImageFile:
    """A plain array, or the finest level of an OME-Zarr image."""
    file = open_lazily(path)
    size = math.prod(file.values.shape) * file.values.dtype.itemsize
    require_memory(size, f"`{path}`", "Take a part of it, or `graphrw walk --blocks 48`.")
    return replace(file, values=file.values[...])


def open_lazily(path: Path) -> ImageFile:
    """The same, whose values are read when they are asked for: by a slice for each axis."""
    try:
        opened: Any = zarr.open(str(path), mode="r")
        image = _multiscale(opened.attrs.asdict()) if isinstance(opened, zarr.Group) else None
        array = opened if isinstance(opened, zarr.Array) else _array(opened, image, path)
    except FileNotFoundError as error:
        raise ValueError(f"`{path}` is no Zarr: it holds neither an array nor a group.") from error
    except DAMAGED as error:
        raise ValueError(f"`{path}` cannot be read as Zarr: {error!r}.") from error
    if image is None:
        values: Any = Lazy(array, tuple(range(array.ndim)), path)
        return ImageFile(values, axes="yx" if values.ndim == 2 else "zyx" if values.ndim == 3 else "")
    return _described(array, image, path)


def write(path: Path, file: ImageFile) -> None:
    """An OME-Zarr image of one level."""
    file = file.ordered("zyx"[-len(file.shape) :])
    values = file.values if file.channel_axis is None else np.moveaxis(file.values, file.channel_axis, 0)
    channels = None if file.channel_axis is None else len(values)
    array = create(path, file, dtype=values.dtype, channels=channels)
    # Chunk by chunk: of those that zarr writes at once the others go on when one has failed, as on a full disk, and
    # would come back after all that is unfinished has been swept away.
    for corner in product(*map(range, (0,) * values.ndim, values.shape, array.chunks)):
        chunk = tuple(slice(begin, begin + size) for begin, size in zip(corner, array.chunks, strict=True))
        array[chunk] = values[chunk]


def create(path: Path, like: ImageFile, *, dtype: Any, channels: int | None = None, chunk: int = CHUNK) -> Any:
    """An OME-Zarr image of one level that is still empty, of the shape and the place of another.

    Args:
        path: where it will be; what is there is removed.
        like: with its axes in the order z, y, x.
        dtype: of its values.
        channels: how many; they come first. None: no such axis.
        chunk: the voxels of a chunk along each axis.
    """
    axes = "zyx"[-len(like.shape) :]
    more = 0 if channels is None else 1
    unit = {"unit": NAMES[like.unit]} if like.unit in NAMES else {}
    described = [{"name": "c", "type": "channel"}] * more + [{"name": name, "type": "space", **unit} for name in axes]
    scale = [1.0] * more + list(like.spacing or [1.0] * len(axes))
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if isinstance(like.header, Origin):
        transformations.append({"type": "translation", "translation": [0.0] * more + list(like.header.translation)})
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    array = group.create_array(
        "0",
        shape=like.shape if channels is None else (channels, *like.shape),
        dtype=np.dtype(dtype).str,  # of the two names for 64 bits without a sign, zarr knows one
        chunks=(1,) * more + tuple(min(chunk, size) for size in like.shape),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    datasets = [{"path": "0", "coordinateTransformations": transformations}]
    name = path.name.removesuffix(".zarr").rpartition(".")[2]  # a hidden file is being written
    multiscales: Any = [{"version": VERSION, "name": name, "axes": described, "datasets": datasets}]
    group.attrs["multiscales"] = multiscales
    return array


def created(path: Path) -> Any:
    """The array that `create` has made, for another process to write into."""
    return zarr.open_group(str(path), mode="r+")["0"]


def _multiscale(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The description of an image, which moved with version 0.5."""
    found = (attributes.get("ome") or attributes).get("multiscales")
    return found[0] if found else None


def _array(group: Any, image: Mapping[str, Any] | None, path: Path) -> Any:
    if image is not None:
        return group[image["datasets"][0]["path"]]
    arrays = sorted(name for name, _ in group.arrays())
    if len(arrays) == 1:
        return group[arrays[0]]
    found = ", ".join(f"`{path / name}`" for name in arrays) or "none"
    raise ValueError(f"`{path}` is a group without the description of an image. Name an array of it: {found}.")


def _described(array: Any, image: Mapping[str, Any], path: Path) -> ImageFile:
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", "tczyx"[-array.ndim :])]
    scale, translation = _place(image, len(axes))
    spatial = [i for i, axis in enumerate(axes) if axis.get("type", "space") == "space" and axis["name"] in "zyx"]
    others = [i for i in range(len(axes)) if i not in spatial and array.shape[i] > 1]
    if len(others) > 1 or any(axes[i]["name"] == "t" for i in others):
        found = ", ".join(f"{axis['name']} {size}" for axis, size in zip(axes, array.shape, strict=True))
        raise ValueError(f"`{path}` must be one image in space, with channels or without; got {found}.")
    values: Any = Lazy(array, (*others, *spatial), path)
    unit = UNITS.get(str(axes[spatial[-1]].get("unit", "")), "")
    return ImageFile(
        values,
        0 if others else None,
        "".join(axes[i]["name"] for i in spatial),
        tuple(scale[i] for i in spatial),
        unit,
        header=Origin(tuple(translation[i] for i in spatial)),
    )


def _place(image: Mapping[str, Any], axes: int) -> tuple[list[float], list[float]]:
    """Scale and translation of the finest level, to which those of all levels add."""
    scale, translation = np.ones(axes), np.zeros(axes)
    levels = [image["datasets"][0].get("coordinateTransformations", []), image.get("coordinateTransformations", [])]
    for step in [step for level in levels for step in level]:
        if step["type"] == "scale":
            scale, translation = scale * step["scale"], translation * step["scale"]
        elif step["type"] == "translation":
            translation = translation + step["translation"]
    return scale.tolist(), translation.tolist()
