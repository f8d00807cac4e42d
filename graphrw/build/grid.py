"""Pixels of an image as nodes, neighbouring pixels joined."""

import itertools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from graphrw.build.shared_grids import shared
from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph, unchecked
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.transforms import plainly
from graphrw.core.whole import check_whole, is_number, is_whole


@opaque
def grid_graph(shape: Sequence[int], connectivity: int = 1, radius: float | None = None) -> Graph:
    """The undirected graph of a 1D, 2D or 3D image: one node per pixel, an edge between pixels that are close.

    Pixels p and q are joined when 0 < |p − q| ≤ r (Euclidean, in pixels), each pair once. `connectivity` c is
    scikit-image's and means r = √c: 4 (c = 1) or 8 (c = 2) neighbours in 2D; 6, 18 or 26 in 3D. A larger `radius` gives
    the windows of Convolutional Random Walk Networks (Bertasius et al., CVPR 2017).

    Nodes are numbered in C order: ``image.reshape(-1)[i]`` is node i's pixel. Edges are grouped by the offset q − p,
    and each starts at the pixel p from which the first coordinate that differs grows. Short offsets come first, equally
    long ones in falling lexicographic order; within an offset, edges follow the C order of p. So every grid begins with
    the edges of ``connectivity=1``: first those along axis 0 (vertical), then axis 1 (horizontal), then axis 2.

    Graphs are kept for later calls with what solvers have prepared for them, up to a gibibyte: see `forget_grids`.

    Args:
        shape: 1 to 3 sizes in pixels, each at least 1.
        connectivity: from 1 to ``len(shape)``.
        radius: in pixels, finite, at least 1; in place of `connectivity`.

    Returns:
        A `Graph` with ``prod(shape)`` nodes.

    Raises:
        ValueError: for a shape, connectivity or radius outside these ranges, or when both are given.

    >>> grid_graph((2, 3)).edges
    tensor([[0, 1, 2, 0, 1, 3, 4],
            [3, 4, 5, 1, 2, 4, 5]])
    >>> grid_graph((100, 100), radius=5.0)
    Graph(num_nodes=10000, num_edges=382768)
    """
    shape = checked_shape(shape)
    reach = _reach(shape, connectivity, radius)
    return shared((shape, reach, torch.get_default_device()), lambda: plainly(lambda: _grid_graph(shape, reach)))


def _grid_graph(shape: tuple[int, ...], reach: float) -> Graph:
    _require_room(shape, _least_edges(shape, reach))
    offsets = _offsets(shape, reach)
    counts = [math.prod(size - abs(step) for size, step in zip(shape, offset, strict=True)) for offset in offsets]
    _require_room(shape, sum(counts))
    index = torch.arange(math.prod(shape)).reshape(shape)
    edges = torch.empty(2, sum(counts), dtype=torch.int64)
    blocks = edges.split_with_sizes(counts, dim=1) if offsets else ()
    for offset, (tail, head) in zip(offsets, blocks, strict=True):
        start, end = (index[_window(shape, offset, sign)] for sign in (1, -1))
        tail.view(start.shape).copy_(start)
        head.view(end.shape).copy_(end)
    graph = unchecked(edges, index.numel())  # no edge is listed twice: looking for one would mean to sort them all
    if reach < math.sqrt(2):
        graph.cached("grid", lambda: shape)
    return graph


@opaque
def grid_weight(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Edge weights of ``grid_graph(shape)`` from one image per axis, as a network predicts them.

    In 2D ``images[0, y, x]`` is the weight of the edge (y, x)–(y + 1, x) and ``images[1, y, x]`` that of
    (y, x)–(y, x + 1); in 3D, axis by axis likewise. The last row (column, slice) along each image's own axis has no
    edge and is left out. Differentiable: what is left out gets gradient 0. For a batch of B images, ``.flatten()`` of
    the result fits ``Graph.batch([grid_graph(shape)] * B)``.

    Args:
        images: (…, n, \\*shape) with n = ``len(shape)``: (2, H, W), (B, 2, H, W), (3, D, H, W), (B, 3, D, H, W), …
        shape: of the grid, as for `grid_graph`.

    Returns:
        (…, E), in the edge order of ``grid_graph(shape)``.

    Raises:
        ValueError: when `images` does not fit `shape`.

    >>> grid_weight(torch.arange(12.0).reshape(2, 2, 3), (2, 3))
    tensor([ 0.,  1.,  2.,  6.,  7.,  9., 10.])
    """
    shape = checked_shape(shape)
    axes = len(shape)
    images = as_tensor("images", images, f"(…, {axes}, *{shape})")
    if tuple(images.shape[-axes - 1 :]) != (axes, *shape):
        wanted = ", ".join(map(str, (axes, *shape)))
        raise ValueError(f"`images` must have shape (…, {wanted}) for a grid {shape}; got {tuple(images.shape)}.")
    planes = images.unbind(-axes - 1)
    kept = [plane.narrow(axis - axes, 0, shape[axis] - 1) for axis, plane in enumerate(planes)]
    return torch.cat([plane.flatten(-axes) for plane in kept], dim=-1)


@opaque
def weight_images(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """One image per axis from the edge weights of ``grid_graph(shape)``: the inverse of `grid_weight`.

    Args:
        weight: (…, E), in the edge order of ``grid_graph(shape)``.
        shape: of the grid, as for `grid_graph`.

    Returns:
        (…, n, \\*shape) with n = ``len(shape)``, zero where a pixel has no edge along the axis. Differentiable.

    Raises:
        ValueError: when `weight` does not fit `shape`.

    >>> weight_images(torch.arange(1.0, 5.0), (2, 2))
    tensor([[[1., 2.],
             [0., 0.]],
    <BLANKLINE>
            [[3., 0.],
             [4., 0.]]])
    """
    shape = checked_shape(shape)
    axes = len(shape)
    sizes = [[size - (other == axis) for other, size in enumerate(shape)] for axis in range(axes)]
    counts = [math.prod(size) for size in sizes]
    weight = as_tensor("weight", weight, f"(…, {sum(counts)})")
    if weight.ndim == 0 or weight.shape[-1] != sum(counts):
        raise ValueError(f"`weight` must have shape (…, {sum(counts)}) for a grid {shape}; got {tuple(weight.shape)}.")
    planes = [
        pad(block.reshape(*block.shape[:-1], *size), [0, 0] * (axes - 1 - axis) + [0, 1])
        for axis, (block, size) in enumerate(zip(weight.split_with_sizes(counts, dim=-1), sizes, strict=True))
    ]
    return torch.stack(planes, dim=-axes - 1)


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The sizes of a grid as a tuple of int, or an error."""
    sizes = tuple(shape) if isinstance(shape, Iterable) else ()
    if not 1 <= len(sizes) <= 3 or not all(is_whole(size) and size >= 1 for size in sizes):
        raise ValueError(f"`shape` must be 1 to 3 whole numbers, each at least 1; got {shape!r}.")
    return tuple(map(int, sizes))


def _reach(shape: tuple[int, ...], connectivity: int, radius: float | None) -> float:
    if radius is None:
        return math.sqrt(
            check_whole("connectivity", connectivity, 1, len(shape), reason=f", the axes of a grid {shape}")
        )
    if connectivity != 1:
        raise ValueError(f"Give `connectivity` or `radius`, not both; got {connectivity} and {radius}.")
    return check_radius("radius", radius)


def check_radius(name: str, radius: float) -> float:
    """`radius`, if it is a finite number from 1 on; `name` is what errors call it."""
    if not (is_number(radius) and 1 <= radius < math.inf):
        raise ValueError(f"`{name}` must be finite and at least 1 pixel; got {radius!r}. Below 1 there are no edges.")
    return radius


def _least_edges(shape: tuple[int, ...], reach: float) -> int:
    """Fewer than there are: of the box of steps that holds those within reach, these are more than an eighth in each
    half; and each step starts from more than a share of the pixels that is half along every axis."""
    box = math.prod(2 * min(int(reach), size - 1) + 1 for size in shape)
    return box // 8 * math.prod(-(-size // 2) for size in shape) if box > 1000 else 0


def _require_room(shape: tuple[int, ...], num_edges: int) -> None:
    what = f"The graph of a grid {shape}, of {math.prod(shape):,} nodes and {num_edges:,} edges or more,"
    require_room(math.prod(shape) + 2 * num_edges, what, "Take superpixels, a coarser grid or a smaller `radius`.")


def _offsets(shape: tuple[int, ...], reach: float) -> list[tuple[int, ...]]:
    """Half of all steps within reach (the other half walks the same edges back), short ones first."""
    spans = [range(min(int(reach), size - 1), -min(int(reach), size - 1) - 1, -1) for size in shape]
    zero = (0,) * len(shape)
    half = (offset for offset in itertools.product(*spans) if offset > zero and math.sqrt(_square(offset)) <= reach)
    return sorted(half, key=_square)  # stable: falling lexicographic order among equals


def _square(offset: tuple[int, ...]) -> int:
    return sum(step * step for step in offset)


def _window(shape: tuple[int, ...], offset: tuple[int, ...], sign: int) -> tuple[slice, ...]:
    """The pixels p for which p + sign·offset is a pixel too."""
    steps = (sign * step for step in offset)
    return tuple(slice(max(0, -step), size - max(0, step)) for size, step in zip(shape, steps, strict=True))
