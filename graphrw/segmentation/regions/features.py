"""What a pixel looks like, in units that do not hang on those of the image."""

import torch
from torch import Tensor

from graphrw.core.blocks import slabs
from graphrw.core.whole import check_flag
from graphrw.segmentation.regions.superpixels import lab

DARKEST, BRIGHTEST = 0.001, 0.999  # quantiles: a hot pixel shall not set the scale
LOOKED_AT = 50_000  # pixels, at most, for the quantiles


def pixel_features(pixels: Tensor, inside: Tensor, convert2lab: bool | None) -> Tensor:
    """(\\*spatial, C) float32, 0 where not `inside`.

    The image is first brought to [0, 1] from whatever its units are. Colours then become CIE Lab; other channels go
    from 0 to 100 / √C, so that no two pixels are much farther apart than black and white.

    Args:
        pixels: (\\*spatial, C) float32.
        inside: (\\*spatial) bool.
        convert2lab: whether the channels are red, green and blue; None: if they are three.
    """
    channels = pixels.shape[-1]
    if convert2lab is not None:
        check_flag("convert2lab", convert2lab)
    if convert2lab and channels != 3:
        raise ValueError(f"`convert2lab` needs the three channels red, green and blue; got {channels}.")
    as_lab = channels == 3 if convert2lab is None else convert2lab
    everywhere = bool(inside.all())
    low, high = _range(pixels.reshape(-1, channels) if everywhere else pixels[inside])
    features = torch.empty_like(pixels)
    for slab in slabs(inside.shape):
        values = (pixels[slab] - low) / (high - low if high > low else 1.0)
        features[slab] = lab(values.clamp(0, 1)) if as_lab else values * (100 / channels**0.5)
    if not everywhere:
        features[~inside] = 0
    return features


def _range(values: Tensor) -> tuple[float, float]:
    """Between which most of the values (N, C) lie."""
    some = values[:: max(1, -(-len(values) // LOOKED_AT))].flatten()
    low, high = some.quantile(torch.tensor([DARKEST, BRIGHTEST])).tolist()
    return (low, high) if high > low else (float(some.min()), float(some.max()))  # nearly all of it is of one value
