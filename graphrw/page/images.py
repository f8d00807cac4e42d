"""Files become images, and arrays become files: the one place that reads what comes from outside."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from graphrw.files.picture import grey_or_colours

Array = NDArray[Any]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MOST_PIXELS = 25_000_000  # checked before anything is unpacked: a small file can hold a large image


def read_image(data: bytes) -> Array:
    """(H, W) of any type or (H, W, 3) uint8: the (first) image in a file, upright, what is transparent on white.

    Raises:
        ValueError: if it is none of PNG, JPEG, TIFF, BMP and WebP, is damaged, or has more than 25 million pixels.
    """
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        _check_size(*image.size)
        return np.asarray(grey_or_colours(ImageOps.exif_transpose(image)))
    except UnidentifiedImageError as error:
        raise ValueError("This file is no image that the page can read: PNG, JPEG, TIFF, BMP or WebP.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"This image is too large: {error}") from error
    except (OSError, SyntaxError, EOFError, OverflowError, MemoryError) as error:
        raise ValueError(f"This file is damaged: {error}.") from error


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


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"This image is too large: {width} × {height} pixels; the page takes at most "
            f"{MOST_PIXELS // 1_000_000} million. Make it smaller, or use `graphrw.segment` on it."
        )
