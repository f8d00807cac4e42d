"""Zarr, by zarr-python: plain arrays, and images as OME-Zarr describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from graphrw.files.image_file import ImageFile

UNITS = {"micrometer": "µm", "millimeter": "mm", "nanometer": "nm", "meter": "m", "angstrom": "Å"}
NAMES = {unit: name for name, unit in UNITS.items()}
CHUNK = 128  # voxels along each axis
VERSION = "0.4"  # of OME-Zarr, which every viewer reads


@dataclass(frozen=True)
class Origin:
    """Where the first voxel lies, along the spatial axes, in units."""

    translation: tuple[float, ...]


def read(path: Path) -> ImageFile:
    """A plain array, or the finest level of an OME-Zarr image."""
    array, image = _opened(path)
    values = np.asarray(array[...])
    return _plain(values) if image is None else _described(values, image, path)


def unread(path: Path) -> tuple[Any, ImageFile]:
    """The array of an image without channels, and what `read` would tell of it, without reading any block.

    Raises:
        ValueError: for more than one number a voxel.
    """
    array, image = _opened(path)
    values: NDArray[Any] = np.broadcast_to(np.zeros((), array.dtype), array.shape)  # takes no memory
    file = _plain(values) if image is None else _described(values, image, path)
    if file.values.shape != array.shape:
        raise ValueError(f"`{path}` must hold one number for each voxel, without channels; it is {array.shape}.")
    return array, file


def _opened(path: Path) -> tuple[Any, Mapping[str, Any] | None]:
    """The array, and its description where there is one."""
    try:
        opened: Any = zarr.open(str(path), mode="r")
        image = _multiscale(opened.attrs.asdict()) if isinstance(opened, zarr.Group) else None
        return opened if isinstance(opened, zarr.Array) else _array(opened, image, path), image
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"`{path}` cannot be read as Zarr: {error!r}.") from error


def _plain(values: NDArray[Any]) -> ImageFile:
    return ImageFile(values, axes="yx" if values.ndim == 2 else "zyx" if values.ndim == 3 else "")


def write(path: Path, file: ImageFile) -> None:
    """An OME-Zarr image of one level."""
    file = file.ordered("zyx"[-len(file.shape) :])
    values = file.values if file.channel_axis is None else np.moveaxis(file.values, file.channel_axis, 0)
    create(path, file)[...] = np.ascontiguousarray(values)


def create(path: Path, file: ImageFile, chunk: int = CHUNK) -> Any:
    """An OME-Zarr image of one level of the shape and type of `file`, 0 so far, in blocks of `chunk` voxels an axis."""
    axes = "zyx"[-len(file.shape) :]
    file = file.ordered(axes)
    values = file.values if file.channel_axis is None else np.moveaxis(file.values, file.channel_axis, 0)
    more = values.ndim - len(axes)
    unit = {"unit": NAMES[file.unit]} if file.unit in NAMES else {}
    described = [{"name": "c", "type": "channel"}] * more + [{"name": name, "type": "space", **unit} for name in axes]
    scale = [1.0] * more + list(file.spacing or [1.0] * len(axes))
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if isinstance(file.header, Origin):
        transformations.append({"type": "translation", "translation": [0.0] * more + list(file.header.translation)})
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    chunks = (1,) * more + tuple(min(chunk, size) for size in file.shape)
    array = group.create_array(
        "0",
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunks,
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


def _described(values: NDArray[Any], image: Mapping[str, Any], path: Path) -> ImageFile:
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", "tczyx"[-values.ndim :])]
    scale, translation = _place(image, len(axes))
    spatial = [i for i, axis in enumerate(axes) if axis.get("type", "space") == "space" and axis["name"] in "zyx"]
    others = [i for i in range(len(axes)) if i not in spatial and values.shape[i] > 1]
    if len(others) > 1 or any(axes[i]["name"] == "t" for i in others):
        found = ", ".join(f"{axis['name']} {size}" for axis, size in zip(axes, values.shape, strict=True))
        raise ValueError(f"`{path}` must be one image in space, with channels or without; got {found}.")
    channels_first = values.transpose([*others, *(i for i in range(len(axes)) if i not in others)])
    kept = [values.shape[i] for i in [*others, *spatial]]
    unit = UNITS.get(str(axes[spatial[-1]].get("unit", "")), "")
    return ImageFile(
        channels_first.reshape(kept),
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
