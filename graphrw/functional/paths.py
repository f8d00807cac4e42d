"""Sums over all paths to a seed, where every node on the way costs a factor; in logarithms where they vanish."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import eigs, eigsh
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph, unchecked
from graphrw.core.held import Held
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, degree
from graphrw.functional.softmax import grouped_softmax
from graphrw.solve import Factor
from graphrw.solvers import Solver

MAX_STEPS = 100  # of Newton's method; 6 to 12 are usual
ROUNDING = 16 * torch.finfo(torch.float64).eps  # of u: what a sum of a few logarithms of its size cannot tell apart
FREE = 1e-9  # the least price of a step: a price of 0 would be no step
SMALL = 100  # matrices up to this size get all their eigenvalues: ARPACK needs some room, and is no faster here


@dataclass(frozen=True, eq=False)
class Paths:
    """The recursion Z_i = e^{−B_i} / n_i · (Σ_j w_ij Z_j + s_i Z_i) on free nodes; all tensors are float64.

    On the nodes that are held (seeds, and nodes that reach none) B = 0, n = 1 and s = 0 stand in for what is unused.
    """

    graph: Graph
    weight: Tensor  # (E,): w
    boundary: Tensor  # (N,): B
    total: Tensor  # (N,): n
    stay: Tensor  # (N,): s
    exits: Tensor  # (N,): n − s − d, the killing that is there without any boundary
    held: Tensor  # (N,) bool
    lost: Tensor  # (N,) bool: held, because no path leads to a seed

    @property
    def killing(self) -> Tensor:
        """(N,): c − d with the rate c = n e^B − s; negative where one step gains more than it pays."""
        return torch.where(self.held, 0.0, self.total * torch.expm1(self.boundary) + self.exits)

    @property
    def log_rate(self) -> Tensor:
        """(N,): log c, for any B."""
        return self.boundary + self.total.log() + torch.log1p(-self.stay * torch.exp(-self.boundary) / self.total)


def both_ways(graph: Graph) -> tuple[Graph, Tensor]:
    """The directed graph that has each edge of `graph` in both directions, and which edge each of its edges was."""
    if graph.directed:
        return graph, torch.arange(graph.num_edges, device=graph.device)
    return graph.cached("both ways", lambda: _both_ways(graph))


def _both_ways(graph: Graph) -> tuple[Graph, Tensor]:
    parts = graph.parts or (graph,)
    doubled = {
        id(part): unchecked(torch.cat([part.edges, part.edges.flip(0)], dim=1), part.num_nodes, directed=True)
        for part in parts
    }
    sources, start = [torch.arange(0)], 0
    for part in parts:
        sources.append(torch.arange(start, start + part.num_edges).repeat(2))
        start += part.num_edges
    union = Graph.batch([doubled[id(part)] for part in parts]) if graph.parts else doubled[id(graph)]
    return union, torch.cat(sources).to(graph.device)


def log_partition(paths: Paths, solver: Solver) -> Tensor:
    """(N,): u = log Σ_l Z_l, which solves u_i = log Σ_j w_ij e^{u_j} − log c_i; 0 where the nodes are held.

    By Newton's method, (I − Q) δ = −F, where F is the difference of the two sides and Q_ij the share of edge ij in the
    sum: policy iteration. The right-hand side is convex and increasing in u, so that from the second iterate on u
    grows to the solution wherever there is one. Nothing here is differentiated.

    Raises:
        ConvergenceError: if F does not fall to the rounding of u.
    """
    graph, edge = both_ways(paths.graph)
    tail, head = graph.edges
    cut = paths.held[tail] | paths.lost[head]
    log_weight = torch.where(cut, -torch.inf, paths.weight.detach()[edge].log())
    log_rate = paths.log_rate.detach()
    u = _strongest_path(paths)
    for _ in range(MAX_STEPS):
        inflow, share = grouped_softmax(log_weight + u[head], tail, paths.graph.num_nodes)
        miss = torch.where(paths.held, 0.0, u + log_rate - inflow)
        if bool(miss.abs().max() <= 1e-12 + ROUNDING * u.abs().max()):  # 1e-12 for u near 0: Z is right to as much
            return u
        choice = Held(Walk(graph, share, torch.zeros_like(u)), paths.held).ended
        u = u - Factor.of(choice, solver).solve(miss)
    raise ConvergenceError(
        f"The logarithm of the sum over paths still changes by {float(miss.abs().max()):.1e} after {MAX_STEPS} Newton "
        "steps. Likely causes: weights that span too many orders of magnitude, or a sum that almost diverges."
    )


def _strongest_path(paths: Paths) -> Tensor:
    """(N,): log of the weight of that path to a seed which counts most: below u, and where Newton's method starts.

    Steps that gain count as free, so that it is a shortest path.
    """
    weights = _adjacency(paths)
    price = np.repeat(_numbers(paths.log_rate), np.diff(weights.indptr)) - np.log(weights.data)
    steps = csr_array((price.clip(min=FREE), weights.indices, weights.indptr), shape=weights.shape)
    seeds = np.flatnonzero(_numbers(paths.held & ~paths.lost))
    distance = dijkstra(steps.T.tocsr(), indices=seeds, min_only=True)
    distance[_numbers(paths.lost)] = 0
    return -torch.from_numpy(distance).to(paths.graph.device)


def require_convergence(paths: Paths) -> None:
    """Raise `ConvergenceError` if the sum over paths is infinite: unless ρ(diag(e^−B / n) (W + diag s)) < 1.

    Where every step pays (no negative killing) it is finite, and nothing is computed.
    """
    if bool((paths.killing.detach() >= 0).all()):
        return
    radius = spectral_radius(paths)
    if not radius < 1:
        limit = float((degree(paths.graph, paths.weight) + paths.stay).detach().max())
        raise ConvergenceError(
            f"The sum over paths is infinite: on the free nodes ρ(diag(e^−B)(W + diag(stay))) = {radius:.6g}, and must "
            f"be < 1. Raise `boundary` (B > {np.log(limit):.6g}, log of the largest degree with `stay`, always "
            "suffices), or take the form that divides by the degree (`degree_normalised=True`): that is finite."
        )


def spectral_radius(paths: Paths) -> float:
    """ρ(diag(e^−B / n) (W + diag s)) on the free nodes: the factor by which long paths multiply in weight."""
    free = np.flatnonzero(_numbers(~paths.held))
    # Half of the factor on each side: the same eigenvalues, and symmetric where the graph is undirected.
    scale = np.exp(-0.5 * _numbers(paths.boundary + paths.total.log()))[free]
    matrix = _adjacency(paths)[free][:, free] + diags_array(_numbers(paths.stay)[free])
    scaled = csr_array(diags_array(scale) @ matrix @ diags_array(scale))
    if not paths.graph.directed:
        return _largest_symmetric(scaled)
    _, component = connected_components(scaled, directed=True, connection="strong")
    lasting = (np.bincount(component) > 1)[component]  # only a cycle makes long paths
    rest = float(scaled.diagonal()[~lasting].max(initial=0.0))
    return max(rest, _largest(scaled[lasting][:, lasting])) if lasting.any() else rest


def _largest_symmetric(matrix: csr_array) -> float:
    if matrix.shape[0] <= SMALL:
        return float(np.linalg.eigvalsh(matrix.toarray())[-1])
    start = np.ones(matrix.shape[0])  # meets the leading vector, which is positive; a random one would change by call
    return float(eigsh(matrix, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def _largest(matrix: csr_array) -> float:
    if matrix.shape[0] <= SMALL:
        return float(np.linalg.eigvals(matrix.toarray()).real.max())
    start = np.ones(matrix.shape[0])  # as above
    return float(eigs(matrix, k=1, which="LR", v0=start, return_eigenvectors=False)[0].real)


def _adjacency(paths: Paths) -> csr_array:
    graph, edge = both_ways(paths.graph)
    tail, head = _numbers(graph.edges)
    values = _numbers(paths.weight)[_numbers(edge)]
    matrix = coo_array((values, (tail, head)), shape=(paths.graph.num_nodes,) * 2).tocsr()
    matrix.eliminate_zeros()
    return matrix


def _numbers(x: Tensor) -> NDArray[Any]:
    """A tensor as an array, also where `torch.func` has wrapped it."""
    return plainly(lambda bare: bare.cpu().numpy(), x)
