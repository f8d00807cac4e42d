"""Features of photographs from a network that has seen a million of them (the extra `pretrained`)."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.models import EfficientNetLite0

STRIDE, STAGES = 4, (2, 4, 8, 16)


@torch.no_grad()
def pretrained_features(image: NDArray) -> Tensor:
    """(C, h, w): each stage of unit size, so that none outweighs the others."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0)[None].float() / 255
    stages = _network()(pixels)[0].split([16, 24, 40, 112])
    centred = [stage - stage.mean((1, 2), keepdim=True) for stage in stages]
    return torch.cat([stage / stage.square().sum(0).mean().sqrt() for stage in centred])


@cache
def _network() -> EfficientNetLite0:
    return EfficientNetLite0(STRIDE, stages=STAGES)
