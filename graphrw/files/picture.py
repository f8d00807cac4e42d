"""PNG, JPEG, BMP and GIF, by Pillow."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from graphrw.files.image_file import ImageFile

DEEP = ("I", "I;16", "I;16B", "I;16L", "F")  # Pillow's names for one channel of more than 8 bits
SEEN_THROUGH = ("LA", "PA", "RGBA")


def read(path: Path) -> ImageFile:
    """Grey values (H, W) or colours (H, W, 3), upright as the camera says; what is transparent lies on white."""
    return _file(grey_or_colours(_opened(path)))


def grey_or_colours(image: Image.Image) -> Image.Image:
    """One channel of any depth, or red, green and blue of 8 bits; what is transparent lies on white."""
    if image.mode in SEEN_THROUGH or "transparency" in image.info:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    if image.mode in DEEP:
        return image
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def read_labels(path: Path) -> ImageFile:
    """As `read`, but numbers of a palette in the place of its colours, and 0 where nothing can be seen."""
    image = _opened(path)
    if image.mode in ("1", "L", "P", *DEEP):
        return _file(image)
    if image.mode not in SEEN_THROUGH:
        return _file(image.convert("RGB"))
    alpha = np.array(image.getchannel("A"))
    file = _file(image.convert({"LA": "L", "PA": "P", "RGBA": "RGB"}[image.mode]))
    seen = alpha > 0 if file.channel_axis is None else alpha[..., None] > 0
    return file.like(np.where(seen, file.values, 0), file.channel_axis)


def write(path: Path, file: ImageFile) -> None:
    """Whole numbers up to 65535 of an image (H, W)."""
    values = file.ordered("yx").values
    if values.ndim != 2 or values.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"PNG holds images (H, W) of whole numbers up to 65535; got {values.shape} {values.dtype}. Take .tif or "
            ".npy."
        )
    Image.fromarray(np.ascontiguousarray(values)).save(path, format="PNG")


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"`{path}` cannot be read as an image: {error}.") from error
    except OSError as error:
        if error.errno is not None:  # of the disk, and not of what is on it
            raise
        raise ValueError(f"`{path}` is damaged: {error}.") from error


def _file(image: Image.Image) -> ImageFile:
    values = np.array(image)
    return ImageFile(values, 2 if values.ndim == 3 else None, "yx")
