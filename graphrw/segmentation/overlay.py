"""Labels shown as colours over their image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.whole import is_number
from graphrw.segmentation.inputs import check_channel_axis, read_labels

# Okabe & Ito's colours, which people with any colour vision tell apart; without black, and the strongest first.
COLOURS = np.array(
    [[213, 94, 0], [0, 114, 178], [0, 158, 115], [240, 228, 66], [204, 121, 167], [86, 180, 233], [230, 159, 0]]
)


@opaque
def overlay(
    image: NDArray[Any] | Tensor,
    labels: NDArray[Any] | Tensor,
    *,
    channel_axis: int | None = None,
    alpha: float = 0.5,
) -> NDArray[np.uint8]:
    r"""The image with every label in a colour of its own; where labels are 0 or less it stays as it is.

    The colour hangs on the number of the label alone, so that it stays when others come and go; after seven labels
    colours come again.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more: one channel, or red, green and blue. Shown from
            its darkest to its brightest value; uint8 as it is.
        labels: whole numbers of the spatial shape.
        channel_axis: which axis of `image` holds channels.
        alpha: how much of the colour there is, in [0, 1].

    Returns:
        (\*spatial, 3) uint8, of NumPy.

    Raises:
        ValueError: for shapes that do not fit, channels that are neither one nor three, or an `alpha` out of range.

    >>> overlay(np.array([[0, 200]], dtype=np.uint8), np.array([[0, 1]]), alpha=0.5)
    array([[[  0,   0,   0],
            [206, 147, 100]]], dtype=uint8)
    """
    if not (is_number(alpha) and 0 <= alpha <= 1):
        raise ValueError(f"`alpha` must lie in [0, 1]; got {alpha!r}.")
    ids = read_labels(labels).cpu().numpy()
    values = as_tensor("image", image, "numbers of the shape of `labels`")
    check_channel_axis(values, channel_axis)
    if values.is_complex():
        raise ValueError(f"`image` must be real; got {values.dtype}.")
    picture = values.detach().cpu().numpy()
    picture = picture[..., None] if channel_axis is None else np.moveaxis(picture, channel_axis, -1)
    if picture.shape[:-1] != ids.shape or picture.shape[-1] not in (1, 3):
        got = f"{picture.shape[:-1]} with {picture.shape[-1]} channels"
        raise ValueError(f"`image` must have the shape {ids.shape} of `labels`, and one channel or three; got {got}.")
    shown = _as_bytes(picture)
    tinted = (1 - alpha) * shown + alpha * COLOURS[(ids - 1) % len(COLOURS)]
    result: NDArray[np.uint8] = np.where(ids[..., None] > 0, tinted, shown).astype(np.uint8)
    return result


def _as_bytes(picture: NDArray[Any]) -> NDArray[np.float64]:
    values = picture.astype(np.float64)
    if picture.dtype != np.uint8:
        seen = values[np.isfinite(values)]
        low, high = (seen.min(), seen.max()) if seen.size else (0.0, 0.0)
        values = np.nan_to_num(255 * (values - low) / (high - low if high > low else 1.0), posinf=255.0, neginf=0.0)
    return values
