"""A network over an image of any size, tile by tile: what comes out is what the whole image would have given."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from graphrw.core.arrays import as_tensor
from graphrw.core.blocks import MAPS
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_whole
from graphrw.models.cells import cell_shape


@opaque
@torch.no_grad()
def apply_in_tiles(
    module: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    tile: int | Sequence[int],
    halo: int,
    stride: int = 1,
    alignment: int | None = None,
) -> Tensor:
    """``module(image)`` of a fully convolutional network, one tile at a time.

    Each tile is passed with a rim of `halo` pixels of the image around it, which is cut off from the answer. At the
    border of the image there is no rim, so that whatever the network pads there it pads as before. Tiles and rims begin
    at multiples of `alignment`, so that pooling and upsampling meet the same groups of pixels as in the whole. So the
    answer is that of the whole image, everywhere, but for rounding (another size may take another order of sums; 1e-6
    of features of unit size).

    This holds for what looks at no more than `halo` pixels around a cell: convolutions, pooling, interpolation by whole
    factors, normalisation over channels or with fixed statistics. It does not for GroupNorm, InstanceNorm, global
    pooling, attention over the image, or BatchNorm in training.

    Args:
        module: (B, C, H, W) → (B, K, ⌈H / stride⌉, ⌈W / stride⌉), (B, C, D, H, W) likewise. A `torch.nn.Module` gets
            its tiles on the device of its parameters, in the mode (training or evaluation) in which it is.
        image: floats, on any device; the answer is put together there.
        tile: > 0, pixels along each axis, or one number for each axis; rounded up to a multiple of `alignment`.
        halo: ≥ 0, how many pixels beyond its own block of `stride` pixels a cell of the answer depends on.
        stride: pixels for each cell of the answer along each axis.
        alignment: a multiple of `stride`, by how many pixels the image may be shifted so that the answer only shifts;
            of a U-Net 2 to the number of its halvings. None: `stride`.

    Returns:
        (B, K, ⌈H / stride⌉, ⌈W / stride⌉). No gradient.

    Raises:
        ValueError: for values out of range, or if `module` gives another shape.

    >>> smooth = nn.AvgPool2d(3, stride=1, padding=1)
    >>> image = torch.rand(1, 1, 50, 70)
    >>> torch.equal(apply_in_tiles(smooth, image, tile=16, halo=1), smooth(image))
    True
    """
    image = as_tensor("image", image, "(B, C, H, W) or (B, C, D, H, W)")
    shape, alignment = _checked(image, halo, stride, alignment)
    if not callable(module):
        raise ValueError(f"`module` must be a module or another function of images; got {type(module).__name__}.")
    device = _device(module, image)
    answer: Tensor | None = None
    for tile_range in _tiles(shape, _sides(tile, len(shape), alignment), alignment):
        seen = [_widened(part, size, halo, alignment) for part, size in zip(tile_range, shape, strict=True)]
        part = module(_cut(image, [slice(*ends) for ends in seen]).to(device))
        _check_shape(part, image, seen, stride)
        if answer is None:
            answer = torch.empty((*part.shape[:2], *cell_shape(shape, stride)), dtype=part.dtype, device=image.device)
        target = [slice(low // stride, -(-high // stride)) for low, high in tile_range]
        inner = [
            slice(cells.start - low // stride, cells.stop - low // stride)
            for cells, (low, _) in zip(target, seen, strict=True)
        ]
        _cut(answer, target).copy_(_cut(part, inner))
    if answer is None:
        raise ValueError(f"`image` must hold pixels; got {tuple(image.shape)}.")
    return answer


def fitting_tile(axes: int, channels: int, halo: int, alignment: int) -> int:
    """A side of tiles such that a feature map of one tile and its rim has at most 2²⁶ entries, if that can be."""
    side = int((MAPS / channels) ** (1 / axes)) - 2 * (-(-halo // alignment) * alignment)
    return max(side // alignment, 1) * alignment


def _cut(values: Tensor, ranges: Sequence[slice]) -> Tensor:
    """A part of (B, K, H, W) or (B, K, D, H, W) along its axes: a view."""
    return values[(slice(None), slice(None), *ranges)]


def _tiles(shape: Sequence[int], sides: Sequence[int], alignment: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Where each tile begins and ends along each axis."""
    starts = [range(0, size, side) for size, side in zip(shape, sides, strict=True)]
    for corner in product(*starts):
        yield tuple((low, min(low + side, size)) for low, side, size in zip(corner, sides, shape, strict=True))


def _widened(part: tuple[int, int], size: int, halo: int, alignment: int) -> tuple[int, int]:
    """A tile with its rim along one axis: aligned at its beginning, and at its end unless the image ends there."""
    low, high = part
    return max(low - halo, 0) // alignment * alignment, min(-(-(high + halo) // alignment) * alignment, size)


def _sides(tile: int | Sequence[int], axes: int, alignment: int) -> list[int]:
    sides = list(tile) if isinstance(tile, Sequence) else [tile] * axes
    if len(sides) != axes:
        raise ValueError(f"`tile` must be a whole number, or {axes} of them, one for each axis; got {tile}.")
    return [-(-check_whole("tile", side, 1, reason=", in pixels") // alignment) * alignment for side in sides]


def _checked(image: Tensor, halo: int, stride: int, alignment: int | None) -> tuple[tuple[int, ...], int]:
    """The sizes of the image along its axes, and the alignment."""
    if image.ndim not in (4, 5):
        raise ValueError(f"`image` must be (B, C, H, W) or (B, C, D, H, W); got {tuple(image.shape)}.")
    check_whole("halo", halo, 0, reason=", in pixels")
    check_whole("stride", stride, 1, reason=", in pixels")
    alignment = stride if alignment is None else check_whole("alignment", alignment, 1, reason=", in pixels")
    if alignment % stride:
        raise ValueError(f"`alignment` must be a multiple of `stride`; got {alignment} and {stride}.")
    return tuple(image.shape[2:]), alignment


def _device(module: Callable[[Tensor], Tensor], image: Tensor) -> torch.device:
    """Where the module's parameters are; if it has none, or is a function, where the image is."""
    owner = module if isinstance(module, nn.Module) else getattr(module, "__self__", None)
    parameters = owner.parameters() if isinstance(owner, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), image.device)


def _check_shape(part: Tensor, image: Tensor, seen: Sequence[tuple[int, int]], stride: int) -> None:
    sizes = tuple(high - low for low, high in seen)
    wanted = cell_shape(sizes, stride)
    if part.ndim != image.ndim or len(part) != len(image) or tuple(part.shape[2:]) != wanted:
        raise ValueError(
            f"`module` must give {('B', 'K', *wanted)} for a tile of {sizes} pixels at stride {stride}; "
            f"got {tuple(part.shape)}."
        )
