"""Diffusion maps and distances: how differently walkers from two nodes are spread after a time."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from graphrw.core.graph import Graph, check_graph
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.transforms import asked_of, plainly
from graphrw.core.walk import Walk, check_walk
from graphrw.core.whole import check_flag, check_whole
from graphrw.functional.distances import checked_nodes, leaves, squared_distance
from graphrw.spectral import (
    TOLERANCE,
    check_time,
    check_undirected,
    inverse_root,
    power_iteration,
    power_iteration_as_published,
    spectral_map,
)


@opaque
def diffusion_map(walk: Walk, time: Tensor | float, k: int, *, tolerance: float = TOLERANCE) -> Tensor:
    """Coordinates whose squared Euclidean distances are diffusion distances (Coifman & Lafon 2006).

    Row i is (|λ_m|ᵗ Φ_m(i))_m, with S = C^{−½} W C^{−½} = ΨΛΨᵀ, Φ = C^{−½}Ψ·√(Σc), c = degree + killing, of the k
    eigenpairs of largest |λ|: on bipartite graphs, such as grids, both of λ and −λ. The constant Φ_1 (λ = 1, without
    killing) is one of them and drops out of distances. Columns are in no order and of no sign to rely on.

    Time is real through (λ²)ᵗ. With killing P = C⁻¹W loses walkers, and distances compare those that survive. A node
    without any rate, which no walker leaves, is at the origin. Each graph of a batch has its own k eigenpairs: the
    result is that of its parts, one below the other. A part of fewer than k nodes has as many eigenpairs as nodes, and
    zeros in the other columns, which change no distance; `map_mask` says which these are. In a graph of several
    components that is not a batch, eigenvalues of all components compete for the k places.

    The derivative is right wherever there is one: see `graphrw.spectral.spectral_map`. In the weights of a graph, or of
    one of a batch, that are all 0 where nothing kills there is none, however small the step: the map depends on their
    ratios alone.

    Args:
        walk: on an undirected graph of N nodes.
        time: t ≥ 0 in steps; a tensor () may be learned.
        k: from 1 to the number of nodes, in a batch also more.
        tolerance: the true residual ‖S ψ − λ ψ‖ of the eigenpairs, in float64.

    Returns:
        (N, k), of the walk's type.

    Raises:
        ValueError: for a directed graph, or a time, `k` or tolerance out of range; for a derivative in weights that are
            all 0; in the backward pass where there is no derivative.
        ConvergenceError: if the eigenpairs, or their derivative, do not converge.

    Warns:
        SpectralCutWarning: when the eigenvalue after the k-th has the same |λ|: k = 5, say, on a grid.

    >>> from graphrw import grid_graph, walk
    >>> z = diffusion_map(walk(grid_graph((3,)), torch.ones(2, dtype=torch.float64)), time=1.0, k=2)
    >>> torch.cdist(z, z).square().round(decimals=6)
    tensor([[0., 4., 0.],
            [4., 0., 4.],
            [0., 4., 0.]], dtype=torch.float64)
    """
    check_undirected(walk)
    return _part_by_part(walk, k, lambda part, k: scaled_map(part, spectral_map(part, time, k, tolerance)[0]))


@opaque
def map_mask(graph: Graph, k: int) -> Tensor:
    """(N, k) bool: false in the columns of `diffusion_map` that are zero because a graph of a batch has too few nodes.

    Args:
        graph: N nodes.
        k: as for `diffusion_map`.

    Raises:
        ValueError: for a `k` that `diffusion_map` refuses.

    >>> pair, triangle = Graph(torch.tensor([[0], [1]]), 2), Graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3)
    >>> map_mask(Graph.batch([pair, triangle]), k=3)[:, 2]
    tensor([False, False,  True,  True,  True])
    """
    check_graph(graph)
    _check_k(graph, k)
    sizes = torch.tensor([leaf.num_nodes for leaf in leaves(graph)], device=graph.device)
    return torch.arange(k, device=graph.device) < torch.repeat_interleave(sizes, sizes)[:, None]


@opaque
def diffusion_distance(
    walk: Walk,
    time: Tensor | float,
    k: int,
    pairs: Tensor | None = None,
    *,
    rows: Tensor | None = None,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """D_t(i, j) = Σ_l (Pᵗ_il − Pᵗ_jl)² / π_l = Σ_m |λ_m|²ᵗ (Φ_m(i) − Φ_m(j))², π = c / Σc (Coifman & Lafon 2006).

    Squared: no root is taken. The sum over m is cut to the k largest |λ|; with k = N it is exact. See `diffusion_map`
    for killing, batches and what is differentiable. Nodes of different graphs of a batch are infinitely far apart.

    Args:
        walk: on an undirected graph of N nodes.
        time: t ≥ 0 in steps; a tensor () may be learned.
        k: from 1 to the number of nodes (of the smallest graph in a batch).
        pairs: (P, 2) int64, the pairs of nodes wanted; no N × N matrix is made then.
        rows: (R,) int64, in place of `pairs`: the distances of these nodes to all.
        tolerance: the true residual ‖S ψ − λ ψ‖ of the eigenpairs, in float64.

    Returns:
        (P,) for `pairs`, (R, N) for `rows`, else (N, N); ≥ 0.

    Raises:
        ValueError: as `diffusion_map`; for `pairs` or `rows` of a wrong shape, type or range, or both together.
        ConvergenceError: if the eigenpairs, or their derivative, do not converge.

    Warns:
        SpectralCutWarning: when the eigenvalue after the k-th has the same |λ|.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((3,)), torch.ones(2, dtype=torch.float64))
    >>> diffusion_distance(line, time=1.0, k=2, pairs=torch.tensor([[0, 1], [0, 2]])).round(decimals=6)
    tensor([4., 0.], dtype=torch.float64)
    """
    check_walk(walk)
    pairs, rows = checked_nodes(walk.graph, pairs, rows)
    return squared_distance(walk.graph, diffusion_map(walk, time, k, tolerance=tolerance), pairs, rows)


@opaque
def unrolled_diffusion_map(
    walk: Walk, time: Tensor | float, k: int, *, rounds: int = 20, steps: int = 2, as_published: bool = False
) -> Tensor:
    """The diffusion map from power iteration and QR, differentiated step by step (Sun & Xu, NeurIPS 2019).

    An approximation that tends to `diffusion_map` as steps grow and columns separate; memory grows with the steps. It
    can be differentiated to every order, forward and backward.

    Args:
        walk: on an undirected graph of N nodes.
        time: t ≥ 0 in steps; a tensor () may be learned.
        k: from 1 to the number of nodes, in a batch also more.
        rounds: QR factorisations; 2 in the paper.
        steps: power steps on the squared matrix before each of them; 20 in the paper, with which gradients can lose all
            their digits (`graphrw.spectral.power_iteration` says why).
        as_published: iterate on P = C⁻¹W in place of S. This gives Schur vectors q of P, and the coordinates λᵗ q: what
            the paper prints, but their distances are not diffusion distances.

    Returns:
        (N, k), of the walk's type.

    Raises:
        ValueError: for a directed graph, or a number out of range; as `diffusion_map` for weights that are all 0.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((3,)), torch.ones(2, dtype=torch.float64))
    >>> z = unrolled_diffusion_map(line, time=1.0, k=2)
    >>> torch.allclose(torch.cdist(z, z), torch.tensor([[0, 2, 0], [2, 0, 2], [0, 2, 0]]).double(), atol=1e-6)
    True
    """
    check_undirected(walk)
    time = check_time(time, walk.weight)
    iterate = power_iteration_as_published if check_flag("as_published", as_published) else power_iteration

    def coordinates(part: Walk, k: int) -> Tensor:
        values, vectors = iterate(part, k, rounds=rounds, steps=steps)
        z = vectors * values**time
        return z if as_published else scaled_map(part, z)

    return _part_by_part(walk, k, coordinates)


def _part_by_part(walk: Walk, k: int, coordinates: Callable[[Walk, int], Tensor]) -> Tensor:
    """(N, k): the coordinates of each graph of a batch, with columns of zeros where it has fewer nodes than k."""
    _check_k(walk.graph, k)
    maps = []
    parts = walks_of_batch(walk)
    _require_slope(parts)
    for part in parts:
        own = min(k, part.graph.num_nodes)
        z = coordinates(part, own) if own else part.weight.reshape(0, 1)[:, :0]
        maps.append(pad(z, (0, k - own)))
    return torch.cat(maps)


def _require_slope(parts: list[Walk]) -> None:
    """Raise `ValueError` if a derivative is asked in the weights of a graph that are all 0, where there is none.

    The map does not depend on the scale of all rates: it is one thing along the way to 0, and another at 0.
    """
    for place, part in enumerate(parts):
        if not (part.graph.num_edges and asked_of(part.weight)) or bool(plainly(torch.any, part.rate)):
            continue
        where = f" of graph {place} of the batch" if len(parts) > 1 else ""
        raise ValueError(
            f"All weights{where} are 0, and nothing kills: there a diffusion map has no derivative in the weights. "
            "Keep them above 0, for example by `+ 1e-6`, leave the graph out, or take `weight.detach()`."
        )


def _check_k(graph: Graph, k: int) -> None:
    if graph.parts or graph.num_nodes == 0:
        check_whole("k", k, 1)
    else:
        check_whole("k", k, 1, graph.num_nodes, reason=", the number of nodes")


def scaled_map(walk: Walk, z: Tensor) -> Tensor:
    """C^{−½} z √(Σc)."""
    rate = walk.rate / unit_of(walk.rate)  # whose sum is held
    total = rate.sum()
    walks = total > 0  # or, as for one node, the slope of the root is infinite, and that in killing NaN
    root = torch.where(walks, torch.where(walks, total, 1.0).sqrt(), 0.0)
    return root * inverse_root(rate)[:, None] * z


def walks_of_batch(walk: Walk) -> list[Walk]:
    """The walks on the graphs of a batch, or the walk alone."""
    graphs = leaves(walk.graph)
    weights = walk.weight.split([graph.num_edges for graph in graphs])
    killings = walk.killing.split([graph.num_nodes for graph in graphs])
    return [Walk(*part) for part in zip(graphs, weights, killings, strict=True)]
