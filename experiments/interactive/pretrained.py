"""Features of photographs from a network that has seen a million of them (the extra `pretrained`)."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.models import EfficientNetLite0
from graphrw.models.pretrained import STAGES as ALL

STRIDE, STAGES = 4, (4, 8, 16, 32)  # others are in `features.py`


@torch.no_grad()
def pretrained_features(image: NDArray, stages: tuple[int, ...] = STAGES) -> Tensor:
    """(C, h, w): each stage of unit size, so that none outweighs the others."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0)[None].float() / 255
    found = _network(stages)(pixels)[0].split([ALL[stage][1] for stage in stages])
    centred = [stage - stage.mean((1, 2), keepdim=True) for stage in found]
    return torch.cat([stage / stage.square().sum(0).mean().sqrt() for stage in centred])


@cache
def _network(stages: tuple[int, ...]) -> EfficientNetLite0:
    return EfficientNetLite0(STRIDE, stages=stages)
