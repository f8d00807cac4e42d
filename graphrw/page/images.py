"""Files become images, and arrays become files: what comes from outside is read by `graphrw.files`, within limits."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graphrw.files.picture import read_bytes

Array = NDArray[Any]

KINDS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MOST_PIXELS = 25_000_000  # looked at before anything is unpacked: a small file can hold a large image


def read_image(data: bytes) -> Array:
    """(H, W) of any type or (H, W, 3) uint8: the (first) image in a file, upright, what is transparent on white.

    Raises:
        ValueError: if it is none of PNG, JPEG, TIFF, BMP and WebP, is damaged, or has more than 25 million pixels.
    """
    try:
        return read_bytes(data, "This file", kinds=KINDS, most_pixels=MOST_PIXELS).values
    except MemoryError as error:
        raise ValueError("This file holds more than fits into the memory.") from error


def displayed(image: Array) -> bytes:
    """A PNG of 8 bits that a browser can show, whatever the type of the image."""
    if image.dtype != np.uint8:
        finite = np.nan_to_num(image.astype(np.float64))
        low, high = float(finite.min()), float(finite.max())
        image = np.round((finite - low) * (255 / ((high - low) or 1.0))).astype(np.uint8)
    return png(image)


def png(image: Array) -> bytes:
    """The file that holds an array of uint8, (H, W) or (H, W, 3), or of uint16, (H, W)."""
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()
