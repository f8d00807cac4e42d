"""Objects on a ground: seeds as a person would set them, and how well each object is found."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from experiments.data.tissue import Section
from experiments.lrw.sections import truth
from graphrw.partition import oracle_seeds

CLEAR = 3.0  # pixels from the nearest object, at least, where the ground is marked
FOUND = 0.5  # the overlap from which an object counts as found


def seeds_of(section: Section, draw: int) -> NDArray[np.int64]:
    """One pixel in each object, at a random deep place, and as many at random on the ground; 0 elsewhere."""
    objects = _objects(section)
    generator = torch.Generator().manual_seed(1000 * draw + 1)
    seeds = (oracle_seeds(objects, ignore_index=-1, generator=generator) + 2).numpy()
    seeds[seeds == 1] = 0
    clear = np.flatnonzero(ndimage.distance_transform_edt(section.segments == 0) > CLEAR)
    chance = np.random.default_rng(1000 * draw + 1)
    seeds.flat[chance.choice(clear, min(int(objects.max()) + 1, len(clear)), replace=False)] = 1
    return seeds


def measures(answer: Tensor, section: Section) -> dict[str, float]:
    """Over objects, each beside what its seed has got: mean overlap (IoU), and average precision at an overlap of 0.5.

    With t of K objects found, K − t are missed and as many answers are wrong: t / (2 K − t).
    """
    right = _objects(section) + 2
    count = int(right.max()) + 1
    both = torch.bincount(answer[answer == right], minlength=count)
    either = torch.bincount(answer.flatten(), minlength=count) + torch.bincount(right.flatten(), minlength=count) - both
    overlap = both[2:] / either[2:]
    found = int((overlap > FOUND).sum())
    return {"mean IoU": float(overlap.mean()), "AP 0.5": found / (2 * len(overlap) - found)}


def _objects(section: Section) -> Tensor:
    """Objects from 0; −1 elsewhere."""
    segments = truth(section)
    ids, place = torch.where(torch.from_numpy(section.segments) > 0, segments, -1).unique(return_inverse=True)
    return place - int(ids[0] == -1)
