"""Where one more stroke would help most."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from graphrw.functional import entropy
from graphrw.functional.next_seed import Criterion
from graphrw.segmentation.seeded_walk import SeededWalk

CANDIDATES = 128  # nodes that are looked at, one solve each: half the most uncertain, half spread over the image


def suggested_places(seeded: SeededWalk, criterion: Criterion, k: int, apart: float) -> Tensor:
    """(≤ k, axes) int64: the middles of the nodes with the largest values of `criterion`, each `apart` from others."""
    candidates = _candidates(seeded)
    if len(candidates) == 0:
        return torch.zeros(0, seeded.node.ndim, dtype=torch.int64)
    node = seeded.node.reshape(-1).long()
    size = node[node >= 0].bincount(minlength=len(seeded.seeds)).double()
    gain = criterion(seeded.answer, candidates, size)
    found: list[Tensor] = []
    for place in gain.argsort(descending=True, stable=True):
        if len(found) == k or not float(gain[place]) > 0:
            break
        middle = _middle(seeded.node, int(candidates[place]))
        if all(float((middle - other).double().norm()) >= apart for other in found):
            found.append(middle)
    return torch.stack(found) if found else torch.zeros(0, seeded.node.ndim, dtype=torch.int64)


def _candidates(seeded: SeededWalk) -> Tensor:
    """Nodes without stroke: those of most entropy, and as many spread evenly over the others."""
    free = ((seeded.seeds < 0) & (seeded.walk.killing == 0)).nonzero().squeeze(1)
    uncertain = entropy(seeded.answer.probability[free].clamp(0, 1)).argsort(descending=True, stable=True)
    first, others = free[uncertain[: CANDIDATES // 2]], free[uncertain[CANDIDATES // 2 :]].sort().values
    spread = torch.linspace(0, max(len(others) - 1, 0), min(CANDIDATES // 2, len(others))).long()
    return torch.cat([first, others[spread]])


def _middle(node: Tensor, number: int) -> Tensor:
    """(axes,) int64: the pixel of a node that lies deepest in it."""
    places = (node == number).nonzero()
    low, high = places.amin(0), places.amax(0) + 1
    part = node[tuple(slice(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True))] == number
    depth = distance_transform_edt(np.pad(part.numpy(), 1))[(slice(1, -1),) * node.ndim]
    return low + torch.tensor(np.unravel_index(int(depth.argmax()), depth.shape))
