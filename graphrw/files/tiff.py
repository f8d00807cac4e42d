"""TIFF, by tifffile: pictures, ImageJ's and OME's stacks."""

import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from graphrw.core.errors import MissingDependencyError
from graphrw.files.image_file import ImageFile

DEPTH = "ZTIQ"  # what the axis of a stack is called, whatever it is
UNITS = {"micron": "µm", "um": "µm", "\\u00B5m": "µm", "μm": "µm", "µm": "µm", "mm": "mm", "nm": "nm", "cm": "cm"}
PHYSICAL = {"z": "PhysicalSizeZ", "y": "PhysicalSizeY", "x": "PhysicalSizeX"}


def read(path: Path) -> ImageFile:
    """The first image or stack in the file; its spacing is told by ImageJ's and OME's TIFFs alone."""
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            values, axes = series.asarray(), series.axes
            spacing, unit = _spacing(file)
    except tifffile.TiffFileError as error:
        raise ValueError(f"`{path}` cannot be read as TIFF: {error}.") from error
    except (ValueError, IndexError, KeyError, zlib.error) as error:
        if "imagecodecs" in str(error):
            raise MissingDependencyError(
                f"`{path}` is compressed in a way that needs another package: pip install imagecodecs, or save it "
                f"without. ({error})"
            ) from error
        raise ValueError(f"`{path}` is damaged: {error}.") from error
    for axis in reversed(range(values.ndim)):
        if values.shape[axis] == 1 and axes[axis] not in "YX":
            values, axes = values.squeeze(axis), axes[:axis] + axes[axis + 1 :]
    channels = [axis for axis, letter in enumerate(axes) if letter in "SC"]
    spatial = "".join("z" if letter in DEPTH else letter.lower() for letter in axes if letter not in "SC")
    if len(channels) > 1 or spatial not in ("yx", "zyx"):
        raise ValueError(f"`{path}` must be an image or a stack, with channels or without; got {axes} {values.shape}.")
    place = tuple(spacing.get(letter, 1.0) for letter in spatial) if spacing else None
    if not channels:
        return ImageFile(values, axes=spatial, spacing=place, unit=unit)
    if axes[channels[0]] == "S" and values.shape[channels[0]] in (2, 4):  # the last one tells how opaque a pixel is
        values = values.take(range(values.shape[channels[0]] - 1), channels[0])
    last = values.ndim - 1
    first = channels[0] == 0
    values = values if first else np.moveaxis(values, channels[0], last)
    return ImageFile(values, 0 if first else last, spatial, place, unit)


def write(path: Path, file: ImageFile) -> None:
    """An OME-TIFF, compressed; labels of probabilities are the first axis."""
    axes = "zyx"[-len(file.shape) :]
    file = file.ordered(axes)
    values = file.values if file.channel_axis is None else np.moveaxis(file.values, file.channel_axis, 0)
    metadata: dict[str, Any] = {"axes": "C" * (values.ndim - len(axes)) + axes.upper()}
    for letter, step in zip(axes, file.spacing or (), strict=False):
        metadata |= {PHYSICAL[letter]: step, f"{PHYSICAL[letter]}Unit": file.unit or "pixel"}
    tifffile.imwrite(
        path,
        np.ascontiguousarray(values),
        ome=True,
        bigtiff=values.nbytes > 2**31,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
    )


def _spacing(file: tifffile.TiffFile) -> tuple[dict[str, float], str]:
    """For each spatial axis that is told of, and the unit."""
    if file.ome_metadata:
        pixels: Any = ElementTree.fromstring(file.ome_metadata).find(".//{*}Pixels")
        told = {} if pixels is None else pixels.attrib
        spacing = {letter: float(told[name]) for letter, name in PHYSICAL.items() if name in told}
        unit = str(told.get("PhysicalSizeXUnit", "µm")) if spacing else ""
        return spacing, "" if unit == "pixel" else UNITS.get(unit, unit)
    if file.imagej_metadata is not None:
        tags = file.pages.first.tags
        spacing = {}
        for letter, name in (("y", "YResolution"), ("x", "XResolution")):
            count, length = tags[name].value if name in tags else (1, 1)
            spacing[letter] = length / count if count and length else 1.0
        spacing["z"] = abs(float(file.imagej_metadata.get("spacing", 0))) or 1.0
        unit = str(file.imagej_metadata.get("unit", ""))
        return spacing, UNITS.get(unit, "")
    return {}, ""
