"""Ground truths made ready: segments in one piece, and segments grown over what lies between them."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from graphrw.core.arrays import as_tensor, whole_numbers
from graphrw.core.components import node_components
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id, check_whole

SEGMENTS = "integer ids (H, W) or (D, H, W)"


@opaque
def connected_segments(segments: Tensor, ignore_index: int = -1, *, min_size: int = 1) -> Tensor:
    """Each connected piece of a segment as a segment of its own, small ones left out.

    A crop, or a section of a volume, cuts one segment into pieces that one seed could not reach. Pixels hang together
    along the axes (4 neighbours in 2D, 6 in 3D).

    Args:
        segments: integer ids (H, W) or (D, H, W).
        ignore_index: an id that is left as it is.
        min_size: pieces of fewer pixels get `ignore_index`, ≥ 1.

    Returns:
        int64 of the same shape: ids from 0 in the order of their first pixels, `ignore_index` elsewhere. (So give a
        negative one, unless the ids of pieces may not matter.)

    Raises:
        ValueError: for segments that are no integers, or values out of range.

    >>> connected_segments(torch.tensor([[5, 5, 7, 5]]))
    tensor([[0, 0, 1, 2]])
    """
    ids = _ids(segments)
    kept = ids != check_id("ignore_index", ignore_index)
    check_whole("min_size", min_size, 1)
    pieces, place, size = _pieces(ids)[kept].unique(return_inverse=True, return_counts=True)
    first = torch.full((len(pieces),), ids.numel()).scatter_reduce(0, place, torch.arange(len(place)), "amin")
    wanted = first.argsort()[size[first.argsort()] >= min_size]
    number = torch.full((len(pieces),), int(ignore_index)).index_copy(0, wanted, torch.arange(len(wanted)))
    return torch.full_like(ids, int(ignore_index)).masked_scatter(kept, number[place]).to(_device(segments))


@opaque
def grown_segments(segments: Tensor, ignore_index: int = -1) -> Tensor:
    """Each pixel that is in no segment given to the nearest one, by Euclidean distance.

    What lies between segments, such as a membrane, is shared out, so that there are edges between two segments to
    learn from: `weight_side_loss` sees none where a membrane is ignored.

    Args:
        segments: integer ids (H, W) or (D, H, W), with at least one segment.
        ignore_index: the id of pixels in no segment.

    Returns:
        int64 of the same shape, without `ignore_index`.

    Raises:
        ValueError: for segments that are no integers, or if there is none.

    >>> grown_segments(torch.tensor([[4, -1, -1, -1, 6]]))[0, [1, 3]]
    tensor([4, 6])
    """
    ids = _ids(segments)
    outside = ids == check_id("ignore_index", ignore_index)
    if bool(outside.all()):
        raise ValueError(f"`segments` holds no segment, only `ignore_index` {ignore_index}.")
    nearest = ndimage.distance_transform_edt(outside.numpy(), return_distances=False, return_indices=True)
    return ids[tuple(torch.from_numpy(axis).long() for axis in np.asarray(nearest))].to(_device(segments))


def _ids(segments: Tensor) -> Tensor:
    """As int64, on the CPU."""
    segments = as_tensor("segments", segments, SEGMENTS)
    if segments.ndim == 0 or segments.numel() == 0:
        raise ValueError(f"`segments` must hold at least one pixel, (H, W) or (D, H, W); got {tuple(segments.shape)}.")
    if segments.is_floating_point() or segments.is_complex() or segments.dtype == torch.bool:
        raise ValueError(f"`segments` must hold integers; got {segments.dtype}.")
    return whole_numbers("segments", segments, SEGMENTS).cpu()


def _device(segments: Tensor) -> torch.device:
    return segments.device if isinstance(segments, Tensor) else torch.device("cpu")


def _pieces(ids: Tensor) -> Tensor:
    """The number of the connected piece that each pixel belongs to."""
    place, edges = torch.arange(ids.numel()).reshape(ids.shape), []
    for axis, size in enumerate(ids.shape):
        same = ids.narrow(axis, 0, size - 1) == ids.narrow(axis, 1, size - 1)
        edges.append(torch.stack([place.narrow(axis, 0, size - 1)[same], place.narrow(axis, 1, size - 1)[same]]))
    return node_components(torch.cat(edges, dim=1), ids.numel()).reshape(ids.shape)
