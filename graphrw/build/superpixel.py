"""Regions of a segmentation as nodes, touching regions joined; pixels pooled to regions, and back."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.build.touching import touching
from graphrw.core.arrays import as_floats, as_tensor, require_values, whole_numbers
from graphrw.core.distinct import distinct
from graphrw.core.finite import narrowed
from graphrw.core.graph import Graph, unchecked
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id, is_number

# Not torch's wider unsigned types, which it can hardly compute with.
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@opaque
def superpixel_graph(
    segments: Tensor, *, ignore_index: int | None = None, spacing: Sequence[float] | None = None
) -> tuple[Graph, Tensor]:
    """The region adjacency graph: one node per region, an edge where two regions share a pixel face.

    A region is all pixels of one id, connected or not; nodes are numbered by increasing id (see `region_index`). The
    boundary length of an edge is the number of pairs of pixels p, q, next to each other along an axis, with p in one
    region and q in the other; with `spacing`, the length (in 3D: area) of these faces. Edges run from the smaller node
    to the larger, in lexicographic order.

    Args:
        segments: (H, W) or (D, H, W) integers, any ids.
        ignore_index: the id of pixels that belong to no region.
        spacing: size of a pixel along each axis, finite and > 0, in any unit.

    Returns:
        The graph with R nodes and E edges, and the boundary lengths (E,), all > 0, in torch's default type.

    Raises:
        ValueError: if `segments` is no integer tensor of that shape, or `spacing` does not fit it.

    >>> superpixel_graph(torch.tensor([[7, 7, 2], [7, 9, 2]]))
    (Graph(num_nodes=3, num_edges=3), tensor([1., 1., 2.]))
    """
    ids, index = region_index(segments, ignore_index=ignore_index)
    edges, length = touching(index, len(ids), spacing)
    return unchecked(edges, len(ids)), length


@opaque
def region_index(segments: Tensor, *, ignore_index: int | None = None) -> tuple[Tensor, Tensor]:
    """The ids of all regions in increasing order, and for each pixel the place of its id among them: its node.

    Args:
        segments: (H, W) or (D, H, W) integers, any ids.
        ignore_index: the id of pixels that belong to no region.

    Returns:
        (R,) int64 ids, and int64 nodes of the shape of `segments`, −1 where a pixel belongs to no region.

    Raises:
        ValueError: if `segments` is no integer tensor of that shape.

    >>> region_index(torch.tensor([[40, 40, -3], [0, 40, -3]]), ignore_index=0)
    (tensor([-3, 40]), tensor([[ 1,  1,  0],
            [-1,  1,  0]]))
    """
    ids, index = distinct(_checked_segments(segments).long())
    if ignore_index is None:
        return ids, index
    kept = ids != check_id("ignore_index", ignore_index)
    return ids[kept], torch.where(kept, kept.cumsum(0) - 1, -1)[index]


@opaque
def pool_regions(values: Tensor, segments: Tensor, *, ignore_index: int | None = None) -> Tensor:
    """The mean of `values` over the pixels of each region; differentiable.

    Args:
        values: (K, H, W), (K, D, H, W), or a single channel of the shape of `segments`; floats. Sums are accumulated
            in float64.
        segments: (H, W) or (D, H, W) integers, as for `superpixel_graph`.
        ignore_index: the id of pixels that belong to no region.

    Returns:
        (R, K), or (R,) for a single channel; nodes as in `superpixel_graph`.

    Raises:
        ValueError: as `superpixel_graph`, or if `values` does not fit `segments`.

    >>> pool_regions(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[0, 0, 1]]))
    tensor([1.5000, 9.0000])
    """
    ids, index = region_index(segments, ignore_index=ignore_index)
    channels = _channels(values, index.shape)
    return _as_given(_region_means(channels, index, len(ids), channels.dtype), values, index)


@opaque
def project_regions(values: Tensor, segments: Tensor, *, ignore_index: int | None = None, fill: float = 0.0) -> Tensor:
    """Each pixel gets the value of its region: the way back from nodes to an image; differentiable.

    Args:
        values: (R, K) or (R,), of any type; nodes as in `superpixel_graph`.
        segments: (H, W) or (D, H, W) integers, as for `superpixel_graph`.
        ignore_index: the id of pixels that belong to no region.
        fill: the value of these pixels.

    Returns:
        (K, H, W) or (K, D, H, W); of the shape of `segments` for values (R,).

    Raises:
        ValueError: as `superpixel_graph`, or if `values` does not have one row per region, or cannot hold `fill`.

    >>> project_regions(torch.tensor([1.5, 9.0]), torch.tensor([[0, 0, 1]]))
    tensor([[1.5000, 1.5000, 9.0000]])
    """
    ids, index = region_index(segments, ignore_index=ignore_index)
    values = as_tensor("values", values, f"(R, K) or (R,) with R = {len(ids)} regions")
    if not is_number(fill):
        raise ValueError(f"`fill` must be a number; got {fill!r}.")
    if values.ndim not in (1, 2) or len(values) != len(ids) or 0 in values.shape[1:]:
        raise ValueError(f"`values` must be (R, K) or (R,) with R = {len(ids)} regions; got {tuple(values.shape)}.")
    if not values.is_floating_point() and int(fill) != fill:
        raise ValueError(f"`fill` is {fill}, which {values.dtype} makes {int(fill)}: give `values` as floats.")
    columns = torch.cat([values, values.new_full((1, *values.shape[1:]), fill)])  # the last row, −1, is for no region
    node = torch.where(index < 0, len(ids), index).flatten()
    if values.ndim == 1:
        return columns.index_select(0, node).reshape(index.shape)
    pixels = [column.index_select(0, node) for column in columns.unbind(1)]
    return torch.stack(pixels).reshape(-1, *index.shape)


@opaque
def pool_boundaries(values: Tensor, segments: Tensor, *, ignore_index: int | None = None) -> Tensor:
    """The mean of `values` along the boundary of each edge of the region adjacency graph; differentiable.

    The value at a face is the mean of its two pixels: b_e = 1/|F_e| · Σ_{pq ∈ F_e} (v_p + v_q) / 2.

    Args:
        values: a map of boundaries, say: (K, H, W), (K, D, H, W), or a single channel of the shape of `segments`;
            floats. Sums are accumulated in float64.
        segments: (H, W) or (D, H, W) integers, as for `superpixel_graph`.
        ignore_index: the id of pixels that belong to no region.

    Returns:
        (E, K), or (E,) for a single channel; edges as in `superpixel_graph`.

    Raises:
        ValueError: as `superpixel_graph`, or if `values` does not fit `segments`.

    >>> pool_boundaries(torch.tensor([[0.0, 1.0, 4.0]]), torch.tensor([[5, 6, 7]]))
    tensor([0.5000, 2.5000])
    """
    ids, index = region_index(segments, ignore_index=ignore_index)
    channels = _channels(values, index.shape)
    faces = _faces(index, len(ids))
    first, second = faces.pixels
    halves = (row.index_select(0, first) / 2 + row.index_select(0, second) / 2 for row in channels)
    return _as_given(_means(halves, faces.edge, faces.edges.shape[1], channels.dtype), values, index)


@dataclass(frozen=True, eq=False)
class RegionFeatures:
    """What each of R regions looks like: made by `region_features`."""

    size: Tensor  # (R,) number of pixels; as the centroid at least float32
    centroid: Tensor  # (R, 2) or (R, 3) in pixels: row and column, or plane, row and column
    mean: Tensor  # (R, K)
    variance: Tensor  # (R, K), of the pixels about their mean: divided by size, not by size − 1


@opaque
def region_features(values: Tensor, segments: Tensor, *, ignore_index: int | None = None) -> RegionFeatures:
    """Size, centroid, and the mean and variance of each channel, for every region; differentiable in `values`.

    Args:
        values: (K, H, W), (K, D, H, W), or a single channel (K = 1) of the shape of `segments`; floats.
        segments: (H, W) or (D, H, W) integers, as for `superpixel_graph`.
        ignore_index: the id of pixels that belong to no region.

    Returns:
        `RegionFeatures` of the type of `values`, size and centroid at least float32; nodes as in `superpixel_graph`.

    Raises:
        ValueError: as `superpixel_graph`, or if `values` does not fit `segments`.

    >>> region_features(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[0, 0, 1]]))
    RegionFeatures(size=tensor([2., 1.]), centroid=tensor([[0.0000, 0.5000],
            [0.0000, 2.0000]]), mean=tensor([[2.],
            [9.]]), variance=tensor([[1.],
            [0.]]))
    """
    ids, index = region_index(segments, ignore_index=ignore_index)
    channels = _channels(values, index.shape)
    mean = _region_means(channels, index, len(ids), channels.dtype)
    counted = torch.promote_types(channels.dtype, torch.float32)  # bfloat16 cannot tell 257 from 256
    node = torch.where(index < 0, len(ids), index).flatten()
    size = node.bincount(minlength=len(ids) + 1)[: len(ids)].to(counted)
    grids = torch.meshgrid([torch.arange(extent, device=index.device) for extent in index.shape], indexing="ij")
    centroid = _region_means((grid.flatten() for grid in grids), index, len(ids), counted)
    rows = torch.cat([mean, mean.new_zeros(1, mean.shape[1])]).unbind(1)
    # Squares of what is left of the mean: E[v²] − E[v]² would cancel where a region is nearly of one value.
    squares = ((row - mu.index_select(0, node)).double().square() for row, mu in zip(channels, rows, strict=True))
    return RegionFeatures(size, centroid, mean, _region_means(squares, index, len(ids), channels.dtype))


@dataclass(frozen=True, eq=False)
class _Faces:
    """All pairs of neighbouring pixels in different regions, grouped by the axis that they lie along."""

    pixels: Tensor  # (2, F) numbered in C order
    edge: Tensor  # (F,) the edge of the graph that each belongs to
    edges: Tensor  # (2, E)


def _faces(index: Tensor, num_regions: int) -> _Faces:
    number = torch.arange(index.numel(), device=index.device).reshape(index.shape)
    pixels, keys = [], []
    for axis, extent in enumerate(index.shape):
        first, second = index.narrow(axis, 0, extent - 1), index.narrow(axis, 1, extent - 1)
        apart = (first != second) & (first >= 0) & (second >= 0)
        start = number.narrow(axis, 0, extent - 1)[apart]
        pixels.append(torch.stack([start, start + math.prod(index.shape[axis + 1 :])]))
        first, second = first[apart], second[apart]
        keys.append(torch.minimum(first, second) * num_regions + torch.maximum(first, second))
    key, edge = distinct(torch.cat(keys))
    edges = torch.stack([key // max(num_regions, 1), key % max(num_regions, 1)])
    return _Faces(torch.cat(pixels, dim=1), edge, edges)


def _region_means(channels: Iterable[Tensor], index: Tensor, num_regions: int, dtype: torch.dtype) -> Tensor:
    """(R, K): pixels of no region are summed up in one row more, which is dropped."""
    node = torch.where(index < 0, num_regions, index).flatten()
    return _means(channels, node, num_regions + 1, dtype)[:num_regions]


def _means(channels: Iterable[Tensor], group: Tensor, num_groups: int, dtype: torch.dtype) -> Tensor:
    """(num_groups, K): the mean of each channel (M,) over the members of each group (M,), 0 for a group of none.

    One channel at a time: it takes no more than one channel of float64, and one-dimensional sums are the fast ones.
    """
    count = group.bincount(minlength=num_groups).clamp(min=1)
    zero = torch.zeros(num_groups, dtype=torch.float64, device=group.device)
    means = [zero.index_add(0, group, channel.double()) / count for channel in channels]
    return narrowed("A mean or variance of `values`", torch.stack(means, dim=1), dtype)


def _as_given(pooled: Tensor, values: Tensor, index: Tensor) -> Tensor:
    """(…, K), or (…,) if `values` came as a single channel without an axis for it."""
    return pooled.squeeze(1) if values.ndim == index.ndim else pooled


def _channels(values: Tensor, shape: torch.Size) -> Tensor:
    """(K, number of pixels), K ≥ 1."""
    sizes = ", ".join(map(str, shape))
    wanted = f"floats (K, {sizes}) or ({sizes}), as `segments` asks"
    values = as_floats("values", values, wanted)
    require_values("values", values)
    fits = values.ndim - len(shape) in (0, 1) and values.shape[-len(shape) :] == shape and values.numel() > 0
    if not fits:
        raise ValueError(f"`values` must be {wanted}; got {tuple(values.shape)} {values.dtype}.")
    return values.reshape(-1, shape.numel())


def _checked_segments(segments: Tensor) -> Tensor:
    segments = as_tensor("segments", segments, "a tensor of integers, (H, W) or (D, H, W)")
    require_values("segments", segments)
    if segments.dtype == torch.uint64:
        whole_numbers("segments", segments, "integers")
    if segments.dtype not in INTEGERS:
        raise ValueError(f"`segments` must be int64 or another integer type; got {segments.dtype}. Use `.long()`.")
    if segments.ndim not in (2, 3) or segments.numel() == 0:
        got = tuple(segments.shape)
        raise ValueError(f"`segments` must be (H, W) or (D, H, W), with at least one pixel; got {got}.")
    return segments
