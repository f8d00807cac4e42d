"""TIFF, by tifffile: pictures, ImageJ's and OME's stacks."""

import math
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from graphrw.core.errors import MissingDependencyError
from graphrw.core.memory import require_memory
from graphrw.core.warn import warn
from graphrw.files.image_file import ImageFile

DEPTH = "ZTIQ"  # what the axis of a stack is called, whatever it is
UNITS = {"micron": "µm", "um": "µm", "\\u00B5m": "µm", "μm": "µm", "µm": "µm", "mm": "mm", "nm": "nm", "cm": "cm"}
DESCRIPTION = 270  # the number of the tag in which OME and ImageJ say what they know
PHYSICAL = {"z": "PhysicalSizeZ", "y": "PhysicalSizeY", "x": "PhysicalSizeX"}


def read(path: Path) -> ImageFile:
    """The first image or stack in the file; its spacing is told by ImageJ's and OME's TIFFs alone."""
    values, axes, spacing, unit = _first(path)
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


def _first(path: Path) -> tuple[NDArray[Any], str, dict[str, float], str]:
    """The first image or stack, the letters of its axes, and its spacing with the unit."""
    try:
        with tifffile.TiffFile(path) as file:
            _check_pages(file)
            _check_planes(file, path)
            series = file.series[0]
            _check_stack(file, series)
            if len(file.series) > 1:
                warn(f"`{path}` holds {len(file.series)} images, of which the first is read.")
            require_memory(series.nbytes, f"`{path}`", "Take a part of it.")
            if any(page is None for page in series.pages):
                raise ValueError("some of its planes are missing")  # tifffile would make them 0
            values, axes = series.asarray(), series.axes
            return values, axes, *_spacing(file)
    except tifffile.TiffFileError as error:
        raise ValueError(f"`{path}` cannot be read as TIFF: {error}.") from error
    except (ValueError, LookupError, TypeError, struct.error, zlib.error, ElementTree.ParseError) as error:
        if "imagecodecs" in str(error):
            raise MissingDependencyError(
                f"`{path}` is compressed in a way that needs another package: pip install imagecodecs, or save it "
                f"without. ({error})"
            ) from error
        raise ValueError(f"`{path}` is damaged: {error}.") from error


def _check_pages(file: tifffile.TiffFile) -> None:
    """Refuse pages that overlap: tifffile would follow a chain that comes back to itself until the memory is full.

    And pages that lie behind the end, which it would leave out: the file was cut off.
    """
    handle, kind, told, offset = file.filehandle, file.tiff, 0, file.pages.first.offset
    while offset > 0:
        if offset >= handle.size:
            raise ValueError("it was cut off: some of its pages are missing")
        handle.seek(offset)
        (tags,) = struct.unpack(kind.tagnoformat, handle.read(kind.tagnosize))
        told += kind.tagnosize + tags * kind.tagsize + kind.offsetsize
        if told > handle.size:
            raise ValueError("its pages overlap")
        for _ in range(tags):
            _check_description(handle.read(kind.tagsize), file)
        (offset,) = struct.unpack(kind.offsetformat, handle.read(kind.offsetsize))


def _check_description(tag: bytes, file: tifffile.TiffFile) -> None:
    """Refuse a description that lies behind the end: without it the spacing is lost, and which axis is which."""
    code, _ = struct.unpack(file.tiff.tagformat1, tag[:4])
    length, value = struct.unpack(file.tiff.tagformat2, tag[4:])
    if code == DESCRIPTION and length > file.tiff.tagoffsetthreshold:
        (place,) = struct.unpack(file.tiff.offsetformat, value)
        if place + length > file.filehandle.size:
            raise ValueError("it was cut off: its description is missing")


def _check_planes(file: tifffile.TiffFile, path: Path) -> None:
    """Refuse an OME-TIFF that speaks of more planes than it has bytes: tifffile would make a list of them."""
    if file.ome_metadata:
        for pixels in ElementTree.fromstring(file.ome_metadata).iterfind(".//{*}Pixels"):  # noqa: S314 - as below
            planes = math.prod(int(pixels.attrib.get(f"Size{axis}", 1)) for axis in "ZCT")
            if planes > path.stat().st_size:
                raise ValueError(f"it speaks of {planes} planes")


def _check_stack(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Refuse a stack of ImageJ's that speaks of more planes than there are: tifffile would take the first alone."""
    told = int((file.imagej_metadata or {}).get("images", 1))
    planes = series.size // max(1, file.pages.first.size)
    if told > planes:
        raise ValueError(f"it speaks of {told} planes and has {planes}")


def _spacing(file: tifffile.TiffFile) -> tuple[dict[str, float], str]:
    """For each spatial axis that is told of, and the unit."""
    if file.ome_metadata:
        # Expat bounds what entities may grow to, and none is fetched from elsewhere.
        pixels: Any = ElementTree.fromstring(file.ome_metadata).find(".//{*}Pixels")  # noqa: S314
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
