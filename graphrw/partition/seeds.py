"""Seeds for the walk that come from somewhere other than a user's hand."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id

DEEP = 0.5  # of the largest depth in a segment: where a person would click, but not the one best pixel


@opaque
def oracle_seeds(
    segments: Tensor, ignore_index: int | None = None, *, generator: torch.Generator | None = None
) -> Tensor:
    """One seed in each segment of a ground truth, deep inside: the seeding of Cerrone et al. (2019).

    At the pixel farthest from the segment's boundary, or with a `generator` at one drawn from all that are at least
    half as far from it. The image's border counts as boundary.

    Args:
        segments: integer ids ≥ 0 of any spatial shape (H, W) or (D, H, W); one id may fill several regions.
            A batch is not a volume: call once per image.
        ignore_index: an id that gets no seed.
        generator: of the chance, on the CPU. None: there is none.

    Returns:
        int64 of the same shape: the segment's id at its seed, −1 elsewhere.

    Raises:
        ValueError: for segments that are not integers, or negative ids other than `ignore_index`.

    >>> oracle_seeds(torch.tensor([[0, 0, 0, 1, 1, 1]] * 3))[1]
    tensor([-1,  0, -1, -1,  1, -1])
    """
    segments = as_tensor("segments", segments, "integer ids (H, W) or (D, H, W)")
    if ignore_index is not None:
        check_id("ignore_index", ignore_index)
    if not (generator is None or isinstance(generator, torch.Generator)):
        raise ValueError(f"`generator` must be a `torch.Generator` or None; got {type(generator).__name__}.")
    if segments.ndim == 0 or segments.numel() == 0:
        raise ValueError(f"`segments` must hold at least one pixel, (H, W) or (D, H, W); got {tuple(segments.shape)}.")
    if segments.is_floating_point() or segments.is_complex() or segments.dtype == torch.bool:
        raise ValueError(f"`segments` must hold integers; got {segments.dtype}.")
    ids = segments.cpu().numpy()
    seeds = np.full(ids.shape, -1, dtype=np.int64)
    names, rank = np.unique(ids, return_inverse=True)
    for name, box in zip(names.tolist(), ndimage.find_objects(rank.reshape(ids.shape) + 1), strict=True):
        if name == ignore_index:
            continue
        if name < 0:
            raise ValueError(f"`segments` must be ≥ 0 (other than `ignore_index`); got {name}.")
        # Within its box alone, and padded by one pixel: so the image's border is a boundary like any other.
        depth = np.asarray(ndimage.distance_transform_edt(np.pad(ids[box] == name, 1)))[(slice(1, -1),) * ids.ndim]
        place = np.unravel_index(_deep(depth.ravel(), generator), depth.shape)
        seeds[tuple(start.start + int(step) for start, step in zip(box, place, strict=True))] = name
    return torch.from_numpy(seeds).to(segments.device)


def _deep(depth: NDArray[np.floating], generator: torch.Generator | None) -> int:
    """The place of the largest depth, or of one drawn from the larger half."""
    if generator is None:
        return int(depth.argmax())
    places = np.flatnonzero(depth >= DEEP * depth.max())
    return int(places[int(torch.randint(len(places), (), generator=generator))])
