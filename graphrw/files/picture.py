"""PNG, JPEG, BMP and GIF, by Pillow."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from graphrw.files.image_file import ImageFile

DIRECT = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L")  # what NumPy can take as it is


def read(path: Path) -> ImageFile:
    """Grey values (H, W) or colours (H, W, 3), upright as the camera says; black where nothing can be seen."""
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            image = image if image.mode in DIRECT else image.convert("RGB")
    except (UnidentifiedImageError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"`{path}` cannot be read as an image: {error}.") from error
    except OSError as error:
        if error.errno is not None:  # of the disk, and not of what is on it
            raise
        raise ValueError(f"`{path}` is damaged: {error}.") from error
    values = np.array(image)
    if image.mode in ("LA", "RGBA"):
        values = np.where(values[..., -1:] > 0, values[..., :-1], 0).astype(values.dtype)
        values = values[..., 0] if image.mode == "LA" else values
    return ImageFile(values, 2 if values.ndim == 3 else None, "yx", palette=_palette(image))


def write(path: Path, file: ImageFile) -> None:
    """Whole numbers up to 65535 of an image (H, W)."""
    values = file.ordered("yx").values
    if values.ndim != 2 or values.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"PNG holds images (H, W) of whole numbers up to 65535; got {values.shape} {values.dtype}. Take .tif or "
            ".npy."
        )
    Image.fromarray(np.ascontiguousarray(values)).save(path, format="PNG")


def _palette(image: Image.Image) -> NDArray[np.uint8] | None:
    if image.mode != "P":
        return None
    colours: Any = image.getpalette("RGB")
    listed = np.array(colours, dtype=np.uint8).reshape(-1, 3)
    return np.pad(listed, ((0, 256 - len(listed)), (0, 0)))
