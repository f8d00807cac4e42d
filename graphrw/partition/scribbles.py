"""Strokes as a person would draw them, simulated from a ground truth."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects, label
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.errors import MissingDependencyError
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id, check_whole, is_number


@opaque
def simulated_scribbles(
    classes: Tensor,
    ignore_index: int | None = None,
    *,
    share: float = 0.8,
    smallest: int = 50,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A stroke in each connected region of each class, along the middle of the region.

    The longest path in the region's skeleton, or a random stretch of it: one pixel wide, and off the boundaries, as
    people draw scribbles to label training images (Lin et al., ScribbleSup, CVPR 2016).

    Args:
        classes: integer ids ≥ 0 of any spatial shape (H, W) or (D, H, W); one id may fill several regions, each of
            which gets a stroke. A batch is not a volume: call once per image.
        ignore_index: an id that gets no stroke.
        share: of the longest path, in (0, 1].
        smallest: regions of fewer pixels get no stroke, unless they are all that there is of their class.
        generator: of the chance, on the CPU. None: the stretch is the middle one.

    Returns:
        int64 of the same shape: the class along the strokes, −1 elsewhere.

    Raises:
        MissingDependencyError: without scikit-image (extra `image`), which makes the skeletons.
        ValueError: for classes that are not integers, negative ids other than `ignore_index`, values out of range.

    >>> simulated_scribbles(torch.tensor([[0] * 7 + [1] * 3] * 3), share=1.0)[1]
    tensor([ 0,  0,  0,  0,  0, -1, -1,  1, -1, -1])
    """
    classes = as_tensor("classes", classes, "integer ids (H, W) or (D, H, W)")
    ids = _checked(classes, ignore_index)
    check_whole("smallest", smallest, 1)
    if not (is_number(share) and 0 < share <= 1):
        raise ValueError(f"`share` must lie in (0, 1]; got {share!r}.")
    if not (generator is None or isinstance(generator, torch.Generator)):
        raise ValueError(f"`generator` must be a `torch.Generator` or None; got {type(generator).__name__}.")
    scribbles = np.full(ids.shape, -1, dtype=np.int64)
    for name in np.unique(ids).tolist():
        if name != ignore_index:
            regions, _ = label(ids == name, np.ones((3,) * ids.ndim))
            sizes = np.bincount(regions.ravel())[1:]
            for region, box in enumerate(find_objects(regions), 1):
                if sizes[region - 1] >= min(smallest, sizes.max()):
                    line = _middle_line(regions[box] == region)
                    scribbles[box][tuple(_stretch(line, share, generator).T)] = name
    return torch.from_numpy(scribbles).to(classes.device)


def _checked(classes: Tensor, ignore_index: int | None) -> NDArray[np.integer]:
    if ignore_index is not None:
        check_id("ignore_index", ignore_index)
    if classes.ndim not in (2, 3) or classes.numel() == 0:
        raise ValueError(f"`classes` must hold at least one pixel, (H, W) or (D, H, W); got {tuple(classes.shape)}.")
    if classes.is_floating_point() or classes.is_complex() or classes.dtype == torch.bool:
        raise ValueError(f"`classes` must hold integers; got {classes.dtype}.")
    ids = classes.cpu().numpy()
    wrong = ids[(ids < 0) & (ids != ignore_index)] if ignore_index is not None else ids[ids < 0]
    if wrong.size:
        raise ValueError(f"`classes` must be ≥ 0 (other than `ignore_index`); got {wrong[0]}.")
    return ids


def _middle_line(region: NDArray[np.bool_]) -> NDArray[np.integer]:
    """(M, axes): the pixels of the longest of all shortest paths in the skeleton, in order.

    The pixel farthest from any first one is an end of it, and the farthest from that end is the other: true on trees,
    and near enough where a skeleton has loops.
    """
    pixels = np.argwhere(_skeletonize()(np.pad(region, 1))) - 1
    if len(pixels) == 0:  # thinning leaves nothing of some volumes, such as boxes
        return _straight_line(region)
    places = KDTree(pixels)
    lengths = places.sparse_distance_matrix(places, 1.01 * np.sqrt(region.ndim)).tocsr()
    end = int(dijkstra(lengths, indices=[0]).argmax())
    distance, before = dijkstra(lengths, indices=[end], return_predecessors=True)
    path = [int(distance.argmax())]
    while path[-1] != end:
        path.append(int(before[0, path[-1]]))
    return pixels[path]


def _straight_line(region: NDArray[np.bool_]) -> NDArray[np.integer]:
    """(M, axes): through a deepest pixel, along the longest axis, as far as the region goes."""
    depth = distance_transform_edt(np.pad(region, 1))[(slice(1, -1),) * region.ndim]
    middle = np.array(np.unravel_index(depth.argmax(), depth.shape))
    axis = int(np.argmax(region.shape))
    pieces, _ = label(region[tuple(slice(None) if other == axis else at for other, at in enumerate(middle))])
    steps = np.flatnonzero(pieces == pieces[middle[axis]])
    line = np.tile(middle, (len(steps), 1))
    line[:, axis] = steps
    return line


def _stretch(path: NDArray[np.integer], share: float, generator: torch.Generator | None) -> NDArray[np.integer]:
    length = max(1, round(share * len(path)))
    left = len(path) - length
    start = left // 2 if generator is None else int(torch.randint(left + 1, (), generator=generator))
    return path[start : start + length]


@cache
def _skeletonize() -> Callable[[NDArray[np.bool_]], NDArray[np.bool_]]:
    try:
        from skimage.morphology import skeletonize  # noqa: PLC0415 (it is slow to load)
    except ImportError as error:
        raise MissingDependencyError(
            "`simulated_scribbles` needs scikit-image: `pip install graphrw[image]`."
        ) from error
    return skeletonize
