"""PNG, JPEG, BMP, GIF and WebP, by Pillow."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from graphrw.files.image_file import ImageFile

KINDS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # Pillow knows more, some of which it hands to other programs
DEEP = ("I", "I;16", "I;16B", "I;16L", "F")  # Pillow's names for one channel of more than 8 bits
SEEN_THROUGH = ("LA", "PA", "RGBA")


def read(path: Path) -> ImageFile:
    """Grey values (H, W) or colours (H, W, 3), upright as the camera says; what is transparent lies on white."""
    return _file(_grey_or_colours(_opened(path)))


def read_bytes(data: bytes, name: str, *, kinds: tuple[str, ...] = KINDS, most_pixels: int | None = None) -> ImageFile:
    """As `read`, from the content of a file that errors call `name`, of one of these `kinds` and no more than so large.

    Raises:
        ValueError: if it is none, damaged, or too large; before anything is unpacked, as a small file can hold a large
            image.
    """
    return _file(_grey_or_colours(_unpacked(BytesIO(data), name, kinds, most_pixels)))


def _grey_or_colours(image: Image.Image) -> Image.Image:
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
    return _unpacked(path, f"`{path}`", KINDS, None)


def _unpacked(source: Path | BytesIO, name: str, kinds: tuple[str, ...], most_pixels: int | None) -> Image.Image:
    try:
        with Image.open(source, formats=kinds) as image:
            _check_size(image, name, most_pixels)
            _check_depth(image, name)
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} cannot be read as an image: it is none of {', '.join(kinds)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{name} is too large: {error}") from error
    except (SyntaxError, EOFError, ArithmeticError, LookupError, TypeError, struct.error, zlib.error) as error:
        raise ValueError(f"{name} is damaged: {error}.") from error
    except ValueError as error:
        if str(error).startswith(name):  # ours
            raise
        raise ValueError(f"{name} is damaged: {error}.") from error
    except OSError as error:
        if error.errno is not None:  # of the disk, and not of what is on it
            raise
        raise ValueError(f"{name} is damaged: {error}.") from error


def _check_size(image: Image.Image, name: str, most_pixels: int | None) -> None:
    if most_pixels is not None and image.width * image.height > most_pixels:
        size = f"{image.width} × {image.height} pixels"
        raise ValueError(f"{name} is too large: {size}; at most {most_pixels / 1e6:.0f} million are taken.")


def _check_depth(image: Image.Image, name: str) -> None:
    """Refuse colours of 16 bits, of which Pillow would drop the lower half without a word."""
    stored = [str(tile[3]) for tile in getattr(image, "tile", [])]  # as Pillow calls it, before it is unpacked
    if image.mode not in DEEP and any(";16" in kind for kind in stored):
        raise ValueError(
            f"{name} has channels of 16 bits, of which only 8 would be read. Save it as TIFF or NPY, or with 8 bits."
        )


def _file(image: Image.Image) -> ImageFile:
    values = np.array(image)
    return ImageFile(values, 2 if values.ndim == 3 else None, "yx")
