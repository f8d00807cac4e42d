"""What users hand in: paths of Zarr files, or arrays of which parts can be read."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from graphrw.files import ImageFile, open_in_parts
from graphrw.segmentation.blocks.volume import Lazy, Volume, opened_volume
from graphrw.segmentation.inputs import read_spacing, relative

Source = str | Path | Lazy


@dataclass(frozen=True, eq=False)
class Sources:
    """An image with labels, and what their files tell."""

    volume: Volume
    spacing: tuple[float, ...]
    like: ImageFile  # for the output: shape, axes, spacing and place


def open_sources(
    image: Source,
    labels: Source,
    *,
    spacing: Sequence[float] | None,
    channel_axis: int | None,
    data_range: float | None,
) -> Sources:
    """Both, without reading them.

    Raises:
        ValueError: where they do not fit together, or are nothing of which parts can be read.
    """
    file, seeds = _opened("image", image), _opened("labels", labels)
    if channel_axis is None:
        channel_axis = file.channel_axis
    if seeds.channel_axis is not None:
        raise ValueError(f"`labels` must be (H, W) or (D, H, W); got {seeds.values.shape}, with channels.")
    volume = opened_volume(file.values, seeds.values, channel_axis=channel_axis, data_range=data_range)
    axes = len(volume.shape)
    known = file.spacing is not None and len(file.spacing) == axes
    steps = tuple(read_spacing(spacing, axes)) if spacing is not None else _of_file(file.spacing) if known else None
    shaped: Any = volume.labels
    like = replace(file, values=shaped, channel_axis=None, axes="zyx"[-axes:])
    return Sources(volume, steps or (1.0,) * axes, like if known else replace(like, spacing=None, header=None))


def as_path(name: str, path: Any) -> Path:
    """`path`, if it is one.

    Raises:
        ValueError: for anything else, calling it `name`.
    """
    if isinstance(path, str | os.PathLike):
        return Path(path)
    raise ValueError(f"`{name}` must be a path; got {path!r}.")


def _opened(name: str, source: Any) -> ImageFile:
    if isinstance(source, str | os.PathLike):
        return open_in_parts(Path(source))
    try:
        np.dtype(source.dtype)
        tuple(source.shape)
        fits = hasattr(source, "__getitem__")
    except (AttributeError, TypeError):
        fits = False
    if not fits:
        raise ValueError(
            f"`{name}` must be the path of a Zarr, or an array of NumPy, Zarr, HDF5 or Dask; got "
            f"{type(source).__name__}."
        )
    return ImageFile(source)


def _of_file(spacing: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """In units of the smallest; None where it says nothing."""
    return None if spacing is None or min(spacing) <= 0 else relative(spacing)
