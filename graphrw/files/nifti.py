"""NIfTI, by nibabel."""

import gzip
import math
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from graphrw.core.memory import require_memory
from graphrw.files.image_file import ImageFile

UNREADABLE = (ImageFileError, HeaderDataError, WrapStructError, EOFError, gzip.BadGzipFile, zlib.error)
UNITS = {"mm": "mm", "micron": "µm", "meter": "m"}
NAMES = {unit: name for name, unit in UNITS.items()}


def read(path: Path) -> ImageFile:
    """(x, y), (x, y, z), or with channels last; values scaled as the header says."""
    try:
        image = nibabel.Nifti1Image.from_filename(path, mmap=False)
        header = image.header
        size = math.prod(image.shape) * max(8, header.get_data_dtype().itemsize)  # what is scaled becomes float64
        require_memory(size, f"`{path}`", "Take a part of it.")
        values = np.asarray(image.dataobj)
    except UNREADABLE as error:
        raise ValueError(f"`{path}` cannot be read as NIfTI: {error}.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"`{path}` is damaged: {error}.") from error
    while values.ndim > 3 and 1 in values.shape[3:]:
        values = values.squeeze(3 + values.shape[3:].index(1))
    if values.ndim not in (2, 3, 4):
        raise ValueError(f"`{path}` must be an image, a volume, or a volume with channels; got {values.shape}.")
    spatial = min(values.ndim, 3)
    channel_axis = 3 if values.ndim == 4 else None
    if channel_axis is not None and values.shape[2] == 1:  # an image with channels
        values, spatial, channel_axis = values[:, :, 0], 2, 2
    spacing = tuple(float(step) for step in header.get_zooms()[:spatial])
    unit = UNITS.get(header.get_xyzt_units()[0], "")
    affine = header.get_best_affine() if spatial == 3 else None
    return ImageFile(values, channel_axis, "xyz"[:spatial], spacing, unit, affine, header=header)


def write(path: Path, file: ImageFile) -> None:
    """Channels come last, as the format wants it: (x, y, z, L)."""
    axes = "xyz"[: len(file.shape)]
    file = file.ordered(axes)
    values = file.values
    if file.channel_axis is not None:
        values = np.moveaxis(values, file.channel_axis, -1)
        values = values if len(axes) == 3 else values[:, :, None]
    header = file.header if isinstance(file.header, nibabel.Nifti1Header) else None
    if header is not None:
        affine = header.get_best_affine()
    elif file.affine is not None:
        affine = file.affine
    else:
        steps = [*(file.spacing or ()), 1.0, 1.0, 1.0]
        affine = np.diag([*steps[:3], 1.0])
    image = nibabel.Nifti1Image(values, affine, header, dtype=values.dtype)
    image.header.set_data_dtype(values.dtype)
    image.header["cal_min"] = image.header["cal_max"] = 0  # the range in which the picture was to be shown
    if header is None and file.unit in NAMES:
        image.header.set_xyzt_units(NAMES[file.unit])
    nibabel.save(image, path)
