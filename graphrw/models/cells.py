"""Pixels and cells: what brings an image to whole cells, and cells back to the pixels of an image."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate, pad


def cell_shape(shape: Sequence[int], stride: int) -> tuple[int, ...]:
    """How many cells of `stride` pixels cover an image along each axis.

    >>> cell_shape((20, 31), 2)
    (10, 16)
    """
    return tuple(-(-size // stride) for size in shape)


def padded(image: Tensor, multiple: int) -> Tensor:
    """The image (B, C, H, W) with its last row and column repeated until every size is a multiple."""
    missing = [-size % multiple for size in image.shape[2:]]
    return pad(image, _backwards(missing), mode="replicate") if any(missing) else image


def _backwards(missing: Sequence[int]) -> list[int]:
    """`torch.nn.functional.pad` counts axes from the last, with two numbers each."""
    return [amount for size in reversed(missing) for amount in (0, size)]


def cropped(values: Tensor, shape: Sequence[int]) -> Tensor:
    """The first entries of (B, K, H, W) or (B, K, D, H, W) along each axis, as many as `shape` says."""
    return values[(slice(None), slice(None), *(slice(size) for size in shape))]


def upsampled(cells: Tensor, stride: int, shape: Sequence[int]) -> Tensor:
    """Values of cells (B, K, h, w) at the pixels (H, W) of an image, linearly between the middles of cells.

    A cell stands for a block of `stride` pixels, also the last one, of which the image may hold only a part.

    >>> import torch
    >>> upsampled(torch.tensor([[[[0.0, 1.0]]]]), 2, (1, 3))
    tensor([[[[0.0000, 0.2500, 0.7500]]]])
    """
    if stride == 1:
        return cells
    if 0 in cells.shape[:2]:  # torch refuses to interpolate nothing
        return cells.new_zeros(*cells.shape[:2], *shape) + cells.sum()
    mode = "bilinear" if cells.ndim == 4 else "trilinear"
    size = [cell * stride for cell in cells.shape[2:]]
    return cropped(interpolate(cells, size=size, mode=mode, align_corners=False), shape)
