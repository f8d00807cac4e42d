"""Distances of rows of a map, all to all, by pairs, or within the graphs of a batch; and similarities from them."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_numbers, as_tensor
from graphrw.core.finite import narrowed
from graphrw.core.graph import Graph, check_graph, check_nodes
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.transforms import plainly
from graphrw.core.walk import check_rates

FAR = "Squared distances"
FEWER = "Ask for `pairs` or `rows` alone, or take a coarser graph."


def squared_distance(graph: Graph, z: Tensor, pairs: Tensor | None = None, rows: Tensor | None = None) -> Tensor:
    """Squared distances between rows of a map `z` (N, k), infinite between graphs of a batch.

    Arguments `pairs` and `rows`, result and errors as for `diffusion_distance`.
    """
    pairs, rows = checked_nodes(graph, pairs, rows)
    if pairs is None:
        distance = _to_all(z, rows)
    else:
        distance = narrowed(FAR, (z[pairs[:, 0]] - z[pairs[:, 1]]).double().square().sum(1), z.dtype)
    index = _component_of(graph)
    if index is None:
        return distance
    first, second = (index if rows is None else index[rows])[:, None], index
    if pairs is not None:
        first, second = index[pairs.T]
    return torch.where(first == second, distance, torch.inf)


@opaque
def dense_squared_distance(graph: Graph, z: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances between rows of a map `z` (N, k), one matrix for each graph of a batch.

    This is PyG's form of dense batches: where N × N is large, the distances within graphs are few.

    Args:
        graph: N nodes, in B graphs of at most n nodes.
        z: (N, k), as `diffusion_map` returns it.

    Returns:
        ``distance`` (B, n, n), 0 where a graph has no such node; and ``mask`` (B, n) bool, true where it has.

    Raises:
        ValueError: for a wrong shape or type.

    >>> pair, triangle = Graph(torch.tensor([[0], [1]]), 2), Graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3)
    >>> distance, mask = dense_squared_distance(Graph.batch([pair, triangle]), torch.arange(5.0)[:, None])
    >>> distance[0], mask[0]
    (tensor([[0., 1., 0.],
            [1., 0., 0.],
            [0., 0., 0.]]), tensor([ True,  True, False]))
    """
    check_graph(graph)
    z = as_floats("z", z, f"({graph.num_nodes}, k) floats")
    if z.ndim != 2 or len(z) != graph.num_nodes:
        raise ValueError(f"`z` must be ({graph.num_nodes}, k) floats, a row per node; got {tuple(z.shape)}.")
    sizes = torch.tensor([leaf.num_nodes for leaf in leaves(graph)], device=z.device)
    most = int(sizes.max())
    require_room(2 * len(sizes) * most**2, f"A batch of distances, {len(sizes)} × {most} × {most},", FEWER)
    mask = torch.arange(int(sizes.max()), device=z.device) < sizes[:, None]
    rows = z.new_zeros(*mask.shape, z.shape[1]).index_put(mask.nonzero(as_tuple=True), z)
    centred = rows.double() - rows.double().sum(1, keepdim=True) / sizes.clamp(min=1)[:, None, None]
    distance = narrowed(FAR, _between(centred, centred), z.dtype)
    return torch.where(mask[:, :, None] & mask[:, None], distance, 0.0), mask


@opaque
def diffusion_similarity(distance: Tensor, scale: Tensor | float) -> Tensor:
    """K_D = exp(−γ D_t), the similarity of Neural Diffusion Distance (Sun & Xu, NeurIPS 2019).

    Args:
        distance: D_t ≥ 0, of any shape, as from `diffusion_distance`; infinite between graphs of a batch.
        scale: γ ≥ 0, a number or a tensor (), which may be learned.

    Returns:
        In [0, 1], of the shape of `distance`; 0 at an infinite distance.

    Raises:
        ValueError: for a distance that is no tensor of floats or holds NaN, and for a scale that is negative or not
            finite.

    >>> diffusion_similarity(torch.tensor([0.0, 1.0, torch.inf]), scale=2.0)
    tensor([1.0000, 0.1353, 0.0000])
    """
    distance = as_floats("distance", distance, "floats")
    scale = as_numbers("scale", scale).to(distance)
    if scale.ndim:
        raise ValueError(f"`scale` must be a number or a tensor (); got {tuple(scale.shape)}.")
    check_rates("scale", scale)
    if plainly(lambda distance: bool(distance.isnan().any()), distance, batched=True):
        raise ValueError("`distance` holds NaN: look at where it comes from.")
    finite = torch.isfinite(distance)
    # The infinite is taken out before the exponential: its derivative would be 0 · ∞, a NaN for `scale`.
    return torch.where(finite, torch.exp(-scale * torch.where(finite, distance, 0.0)), 0.0)


def checked_nodes(graph: Graph, pairs: Tensor | None, rows: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """`pairs` and `rows` as tensors, of which there is one at most."""
    if pairs is not None and rows is not None:
        raise ValueError("Give `pairs` or `rows`, not both.")
    if pairs is not None:
        pairs = as_tensor("pairs", pairs, "(P, 2) int64")
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype != torch.int64:
            raise ValueError(f"`pairs` must be (P, 2) int64; got {tuple(pairs.shape)} {pairs.dtype}.")
        check_nodes(graph, pairs.reshape(-1), "pairs")
    if rows is not None:
        rows = as_tensor("rows", rows, "(R,) int64")
        if rows.ndim != 1:
            raise ValueError(f"`rows` must be (R,) int64; got {tuple(rows.shape)}.")
        check_nodes(graph, rows, "rows")
    if pairs is None:
        require_distances(graph.num_nodes if rows is None else len(rows), graph.num_nodes)
    return pairs, rows


def require_distances(num_rows: int, num_nodes: int) -> None:
    """Raise `MemoryError` unless there is room for the distances of so many nodes to all."""
    require_room(2 * num_rows * num_nodes, f"A matrix of distances, {num_rows} × {num_nodes},", FEWER)


def _to_all(z: Tensor, rows: Tensor | None) -> Tensor:
    """(R, N): squared distances, from centred rows in float64, so that next to nothing cancels."""
    centred = z.double() - z.double().mean(0)
    chosen = centred if rows is None else centred[rows]
    return narrowed(FAR, _between(chosen[None], centred[None])[0], z.dtype)


def _between(x: Tensor, y: Tensor) -> Tensor:
    """(B, R, N): |x_i|² + |y_j|² − 2 x_i · y_j, for (B, R, k) and (B, N, k)."""
    square = torch.baddbmm(x.square().sum(2, keepdim=True), x, y.mT, alpha=-2)
    return (square + y.square().sum(2)[:, None]).clamp(min=0)


def _component_of(graph: Graph) -> Tensor | None:
    """(N,): the graph of the batch of each node; None if there is one only."""
    sizes = torch.tensor([leaf.num_nodes for leaf in leaves(graph)], device=graph.device)
    return torch.repeat_interleave(sizes) if len(sizes) > 1 else None


def leaves(graph: Graph) -> list[Graph]:
    """The graphs of a batch, those of batches inside it too."""
    return [leaf for part in graph.parts for leaf in leaves(part)] if graph.parts else [graph]
