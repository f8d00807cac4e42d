"""Feature-attentional interpolation: coarse maps brought to full resolution along the features of the image."""

import math
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_floats, as_numbers, as_tensor
from graphrw.core.blocks import AT_ONCE
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.scale import is_usual, unit_of
from graphrw.core.whole import check_flag, check_whole


@opaque
def attentional_interpolation(
    values: Tensor,
    high: Tensor,
    low: Tensor | None = None,
    *,
    scale: Tensor | float,
    window: int = 5,
    align_corners: bool = False,
) -> Tensor:
    """Values of a coarse grid at each pixel p of a fine one, averaged over the coarse cells q near p that look like p.

        v(p) = Σ_q a_pq v(q),   a_p = softmax over the window of p of  −scale · mean_c (f_c(p) − f_c(q))².

    The window of p holds the coarse cells nearest to it, along each axis; at the border it moves inwards. Nothing of
    the size of (fine pixels × coarse cells) is ever formed. For backward only the attention is kept; gathered features
    are gathered again (so that `torch.func` transforms, which cannot record that, do not work here).

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019, from the authors' code. Its
    windows of 5 × 5 start at the cell before p, not at the nearest one, and count border cells several times where they
    overlap the border. There coarse labels are brought to finer and finer feature maps one after the other, with scales
    8, 4 and 1.

    Args:
        values: (B, R, h, w) floats on the coarse grid: rows of a distance or similarity, or one-hot labels.
        high: (B, C, H, W) floats, features of the fine grid.
        low: (B, C, h, w), features of the coarse grid; None: `high`, resized bilinearly.
        scale: > 0, in inverse squared units of the features; a tensor () may be learned. Towards 0 the result is the
            mean over the window, towards ∞ the value of the most similar cell.
        window: cells along each axis, ≥ 1; fewer where the coarse grid has fewer.
        align_corners: as in torch's ``interpolate``: whether the outermost cells lie on the outermost pixels (as 41
            cells do on 321 pixels with stride 8) or grids share their outer edges.

    Returns:
        (B, R, H, W), within the range of `values`.

    Raises:
        ValueError: for wrong shapes or types, a scale that is not positive, or an empty window.

    >>> image = torch.tensor([0.0, 0.1, 0.9, 1.0]).reshape(1, 1, 1, 4)
    >>> coarse = torch.tensor([3.0, 7.0]).reshape(1, 1, 1, 2)
    >>> attentional_interpolation(coarse, image, scale=100.0).squeeze()
    tensor([3., 3., 7., 7.])
    """
    values, high, low = _checked_maps(values, high, low)
    scale = check_scale(scale, window).to(values)
    check_flag("align_corners", align_corners)
    for name, maps in (("values", values), ("high", high), ("low", low)):
        if maps is not None:
            check_finite(name, maps, DIVERGED)
    coarse = values.shape[2:]
    near = interpolate(high, coarse, mode="bilinear", align_corners=align_corners) if low is None else low
    rows, columns = (
        _window(fine, cells, window, align_corners).to(high.device)
        for fine, cells in zip(high.shape[2:], coarse, strict=True)
    )
    unit = unit_of(high)  # of features of any size, squares are held
    if not is_usual(unit):
        high, near = high / unit, near / unit
        scale = (scale * unit * unit).clamp(max=torch.finfo(high.dtype).max)
    height = max(1, AT_ONCE // max(1, high[:, :, 0].numel()))  # rows of the image done together
    strips = zip(high.split(height, 2), rows.split(height, 1), strict=True)
    done = []
    for part, row in strips:
        cells = list(product(row, columns))
        done.append(_attended(values, _attention(part, near, cells, scale), cells))
    return torch.cat(done, 2)


def _window(fine: int, coarse: int, window: int, align_corners: bool) -> Tensor:
    """(window, fine): the coarse cells nearest to each fine one, in whole numbers, so that no rounding decides."""
    size = min(window, coarse)
    pixel = torch.arange(fine)
    if align_corners:
        span = max(fine - 1, 1)
        start = torch.div(2 * pixel * (coarse - 1) - (size - 2) * span, 2 * span, rounding_mode="floor")
    else:
        start = torch.div((2 * pixel + 1) * coarse - (size - 1) * fine, 2 * fine, rounding_mode="floor")
    return start.clamp(0, coarse - size) + torch.arange(size)[:, None]


def _attention(
    high: Tensor, low: Tensor, cells: list[tuple[Tensor, Tensor]], scale: Tensor | float
) -> tuple[Tensor, ...]:
    """(B, H, W) for each cell of the window: its share in the answer at each of some pixels.

    `cells` holds the row and the column of each cell of the window, for all of these pixels.
    """
    apart = torch.stack([_recomputed(_difference, high, low, *cell) for cell in cells], 1)
    least = apart.detach().amin(1, keepdim=True)  # comes off first: a share stays left where all would overflow
    return (-scale * (apart - least)).softmax(1).unbind(1)


def _attended(values: Tensor, attention: tuple[Tensor, ...], cells: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(B, R, H, W): the values of the cells, each times its share, added up."""
    result = torch.zeros((), dtype=values.dtype, device=values.device)
    for share, cell in zip(attention, cells, strict=True):
        result = result + _recomputed(_weighted, share, values, *cell)
    return result


def _recomputed(function: object, *inputs: Tensor) -> Tensor:
    """The function's value; what it makes on the way is made again in backward instead of being kept.

    Kept, the features of all windows would take as many times those of the image as a window has cells.
    """
    value: Tensor = checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
    return value


def _difference(high: Tensor, low: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """(B, H, W): mean squared difference of each fine pixel to one coarse cell."""
    return (high - low.index_select(2, row).index_select(3, column)).square().mean(1)


def _weighted(attention: Tensor, values: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """(B, R, H, W): the part of one coarse cell."""
    return attention.unsqueeze(1) * values.index_select(2, row).index_select(3, column)


def _checked_maps(values: Tensor, high: Tensor, low: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The maps as tensors of floats, none of them in half precision."""
    values, high = as_tensor("values", values, "(B, R, h, w) floats"), as_floats("high", high, "(B, C, H, W) floats")
    low = None if low is None else as_floats("low", low, "(B, C, h, w) floats")
    batch, channels = high.shape[:2] if high.ndim == 4 else (-1, -1)
    if values.ndim != 4 or len(values) != batch or 0 in (*values.shape[2:], *high.shape[1:]):
        raise ValueError(
            "`values` and `high` must have shapes (B, R, h, w) and (B, C, H, W), not empty; "
            f"got {tuple(values.shape)} and {tuple(high.shape)}. One image is a batch of one."
        )
    if low is not None and low.shape != (batch, channels, *values.shape[2:]):
        raise ValueError(
            f"`low` must have the channels of `high` on the grid of `values`, {(batch, channels, *values.shape[2:])}; "
            f"got {tuple(low.shape)}."
        )
    if not values.is_floating_point():
        raise ValueError(
            f"`values` must be floating point numbers; got {values.dtype}. Turn labels into one-hot maps first."
        )
    return widened(values), widened(high), None if low is None else widened(low)


def check_scale(scale: Tensor | float, window: int) -> Tensor:
    """The scale as a tensor (), if it is one finite number > 0 and the window holds at least one cell."""
    value = as_numbers("scale", scale, "one finite number > 0")
    if value.ndim or not 0 < float(value.detach()) < math.inf:
        raise ValueError(f"`scale` must be one finite number > 0; got {scale}.")
    check_whole("window", window, 1, reason=", in cells")
    return value
