"""Superpixels and colours by scikit-image, which comes with the extra `image`."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from graphrw.core.blocks import slabs
from graphrw.core.errors import MissingDependencyError

ROUNDS = 3  # of SLIC: more of them make the errors of `segment` no smaller


def superpixels(
    features: Tensor, *, inside: Tensor, n_segments: int, compactness: float, spacing: Sequence[float]
) -> tuple[Tensor, int]:
    """(\\*spatial) int32 from 0, −1 where not `inside`, and how many: SLIC (Achanta et al. 2012) of `features`.

    `features` are (\\*spatial, C), `compactness` is in their units. Regions hang together inside, also where what is
    outside parts them; in large volumes, which are cut a slab at a time, none reaches from one slab into the next.
    """
    found, count = torch.empty(inside.shape, dtype=torch.int32), 0
    for slab in slabs(inside.shape):
        share = max(1, round(n_segments * inside[slab].numel() / inside.numel()))
        part = _slic(features[slab], inside[slab], share, compactness=compactness, spacing=spacing)
        found[slab] = torch.where(part < 0, -1, part + count)
        count += int(part.max()) + 1
    return found, count


def _slic(features: Tensor, inside: Tensor, n_segments: int, *, compactness: float, spacing: Sequence[float]) -> Tensor:
    skimage = _scikit_image()
    extent = float(features.max() - features.min())  # by which scikit-image divides, and compactness is meant before
    found = skimage.segmentation.slic(
        features.numpy(),
        n_segments=n_segments,
        max_num_iter=ROUNDS,
        compactness=compactness / (extent or 1.0),
        spacing=tuple(spacing),
        convert2lab=False,
        start_label=0,
        channel_axis=-1,
    )
    if not bool(inside.all()):
        found[~inside.numpy()] = -1
        found = skimage.measure.label(found, background=-1, connectivity=1) - 1
    return torch.from_numpy(found).int()


def lab(colours: Tensor) -> Tensor:
    """(\\*spatial, 3) CIE Lab of sRGB `colours` (\\*spatial, 3) in [0, 1]: L from 0 to 100, a and b about ±100."""
    return torch.from_numpy(_scikit_image().color.rgb2lab(colours.numpy()))


@cache
def _scikit_image() -> Any:
    try:
        import skimage.color  # noqa: PLC0415 (it is slow to load)
        import skimage.measure  # noqa: PLC0415
        import skimage.segmentation  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "`segment` makes superpixels with scikit-image: `pip install graphrw[image]`."
        ) from error
    return skimage
