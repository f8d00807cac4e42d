"""Labels by random walks that pay for the boundaries they cross (RAWKS)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphrw.build.grid import checked_shape
from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph, check_graph
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, check_rates, degree, neighbour_sum, walk
from graphrw.core.whole import check_flag
from graphrw.functional.harmonic import dirichlet
from graphrw.functional.paths import Paths, both_ways, log_partition, require_convergence
from graphrw.functional.seeds import checked_unreachable, count_labels, fill_unreachable, one_hot
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver

FAINT = 1e-100  # sums over paths down to here are divided as they are; their second derivatives hold 1 / sum²


@opaque
def boundary_probabilities(
    graph: Graph,
    boundary: Tensor,
    seeds: Tensor,
    num_labels: int | None = None,
    *,
    weight: Tensor | None = None,
    stay: Tensor | None = None,
    exits: Tensor | None = None,
    degree_normalised: bool = True,
    unreachable: Tensor | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """The probability of each label at the end of a walk that pays e^{−B_i} for every visit of a node i on its way.

        Z_i = e^{−B_i} / n_i · (Σ_j w_ij Z_j + s_i Z_i)  on free nodes,    n_i = d_i + s_i + x_i,
        Z_il = 1 for the label l of a seed i, else 0,                      P_il = Z_il / Σ_m Z_im.

    This is the walk with killing n_i (e^{B_i} − 1) + x_i, asked where it ends if it is not killed. With
    ``degree_normalised=False``, n_i = 1: the recursion (7) of the paper as printed, whose Z is the sum over all paths
    of Π e^{−B}. That sum can be infinite; it equals the form above with B − log n in the place of B.

    Source: P. Vernaza, M. Chandraker, Learning random-walk label propagation for weakly-supervised semantic
    segmentation, CVPR 2017, equations (7) and (8). Departures: steps are divided by n_i, so that the sum is finite for
    every B ≥ 0; the border of an image reflects unless `exits` says otherwise; edges may have weights. Derivatives are
    exact, the paper's (10), and of every order.

    However small Z is, P is right: where Σ_l Z_l falls below 1e-100 (B = 50 on a 64 × 64 image reaches e^{−3000}), its
    logarithm u is found, and P solved for as the hitting probabilities of the walk with steps w_ij e^{u_j − u_i} / c_i,
    which nothing kills (Doob's transform). This takes some fifteen times as long, needs a `solver` for directed
    graphs, and rounds at about |u|·1e-15.

    Args:
        graph: N nodes, E edges.
        boundary: (N,) B, float32 or float64, finite and ≥ 0. On seeds it has no effect.
        seeds: (N,) int64: the label of each seed, −1 elsewhere.
        num_labels: L; by default the largest seed + 1.
        weight: (E,) w ≥ 0; None: ones.
        stay: (N,) s ≥ 0: weight of steps that stay where they are, such as into a border that reflects; None: zeros.
        exits: (N,) x ≥ 0: weight of steps that leave the graph for good; None: zeros. Without meaning, and refused,
            if not `degree_normalised`: there what does not come back has left.
        degree_normalised: whether a step is divided by the weight n of all steps from its node.
        unreachable: (L,) the distribution for nodes from which no path leads to a seed. Without it they are an error.
        solver: how to solve.

    Returns:
        (N, L) in [0, 1]; rows sum to 1.

    Raises:
        ConvergenceError: if the sum over paths is infinite, with its spectral radius; or if a solve does not converge.
        SingularWalkError: if from some node no path leads to a seed, and `unreachable` is not given.
        ValueError: for wrong shapes, types or values; a `solver` for undirected graphs only where one for directed
            graphs is needed.

    >>> from graphrw import grid_graph
    >>> line, seeds = grid_graph((4,)), torch.tensor([0, -1, -1, 1])
    >>> boundary_probabilities(line, torch.tensor([0.0, 0.0, 1.0, 0.0]), seeds)[:, 1]
    tensor([0.0000, 0.1554, 0.6667, 1.0000])
    """
    check_graph(graph)
    check_solver(solver)
    seeds = as_tensor("seeds", seeds, f"({graph.num_nodes},) int64")
    boundary = _checked_nodes(graph, "boundary", boundary)
    weight, kind = _checked_weight(graph, boundary, weight)
    total, stay, exits = _steps(graph, weight, stay, exits, degree_normalised=degree_normalised)
    plain = Walk(graph, weight, torch.zeros_like(total))
    num_labels, seeded = count_labels(plain, seeds, num_labels), seeds >= 0
    lost = stranded(plain, seeded)
    held = seeded | lost
    values = one_hot(seeds, num_labels, weight)
    unreachable = checked_unreachable(unreachable, values)
    given = fill_unreachable(plain, lost, unreachable) if bool(lost.any()) else values.new_zeros(num_labels)
    paths = Paths(
        graph,
        weight,
        boundary=torch.where(held, 0.0, boundary.double()),
        total=torch.where(held, 1.0, total),
        stay=torch.where(held, 0.0, stay),
        exits=exits,
        held=held,
        lost=lost,
    )
    require_convergence(paths)
    return torch.where(lost[:, None], given, _shares(paths, values, solver)).to(kind)


@opaque
def missing_neighbours(shape: Sequence[int]) -> Tensor:
    """(N,): how many of its 2 · ``len(shape)`` neighbours each pixel of ``grid_graph(shape)`` lacks at the border.

    These are the `exits` of an image whose paths leave it at its border, or the `stay` of one whose border reflects.

    Args:
        shape: sizes in pixels, as for `grid_graph`.

    Returns:
        (N,) float64, in the order of ``image.reshape(-1)``.

    Raises:
        ValueError: for sizes that `grid_graph` refuses.

    >>> missing_neighbours((2, 3))
    tensor([2., 1., 2., 2., 1., 2.], dtype=torch.float64)
    """
    shape = checked_shape(shape)
    require_room(math.prod(shape), f"A number for each pixel of {shape}", "Take a coarser grid.")
    missing = torch.zeros(shape, dtype=torch.float64)
    for axis, size in enumerate(shape):
        missing.select(axis, 0).add_(1)
        missing.select(axis, size - 1).add_(1)
    return missing.reshape(-1)


def _shares(paths: Paths, values: Tensor, solver: Solver) -> Tensor:
    """P, except on nodes that are lost. Both ways are exact; the cheaper is taken if it kept its digits."""
    if bool((paths.log_rate.detach() < -math.log(FAINT)).all()):
        walk = Walk(paths.graph, paths.weight, paths.killing)
        z = dirichlet(walk, paths.held, values, solver=solver)
        if _kept_digits(walk, z.detach(), paths.held, solver.rtol):
            return _normalised(z, paths.lost)
    return _normalised(_transformed(paths, values, solver), paths.lost)


def _kept_digits(walk: Walk, z: Tensor, held: Tensor, rtol: float) -> bool:
    """Whether Σ_l Z_l is everywhere large enough to divide by, and every node's equation holds relative to it.

    A solver promises no more than the residual of the whole vector, in which faint nodes have no say.
    """
    total = z.sum(1)
    if not bool((total[~held] >= FAINT).all()):
        return False
    rate = walk.rate.detach()
    residual = rate[:, None] * z - neighbour_sum(walk.graph, walk.weight.detach(), z)
    worst = residual.abs().amax(1)[~held] / (rate * total)[~held]
    return bool((worst <= rtol).all())


def _normalised(z: Tensor, lost: Tensor) -> Tensor:
    return z / torch.where(lost, 1.0, z.sum(1))[:, None]


def _transformed(paths: Paths, values: Tensor, solver: Solver) -> Tensor:
    """(N, L): Z_il e^{−u_i} with u = log Σ_l Z_l held constant, so that it has Z's derivatives and values of order 1.

    It solves (c_i / c°_i) Y_i = Σ_j q_ij Y_j with q_ij = w_ij e^{u_j − u_i} / c°_i, c° being c held constant. Rows of q
    sum to 1: the killing, c_i / c°_i − Σ_j q_ij, has the value 0 and is there for its derivatives.
    """
    graph, edge = both_ways(paths.graph)
    _require_directed(solver, graph)
    u, log_rate = log_partition(paths, solver), paths.log_rate
    tail, head = graph.edges
    gain = torch.exp((u[head] - u[tail] - log_rate.detach()[tail]).clamp(max=700.0))  # more only on edges of weight 0
    step = torch.where(paths.held[tail] | paths.lost[head], 0.0, paths.weight[edge] * gain)
    excess = torch.exp(log_rate - log_rate.detach()) - degree(graph, step)
    walk = Walk(graph, step, excess - excess.detach())
    return dirichlet(walk, paths.held, values, solver=solver)


def _require_directed(solver: Solver, graph: Graph) -> None:
    try:
        solver.plan_for(graph)
    except ValueError as error:
        raise ValueError(
            f"Along `boundary`, sums over paths become too faint for {solver}. P is then found on a directed graph, "
            "which that solver cannot take: use `Auto()` or `LU()`."
        ) from error


def _steps(
    graph: Graph, weight: Tensor, stay: Tensor | None, exits: Tensor | None, *, degree_normalised: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """n, s and n − s − d, the killing without any boundary; (N,) float64 each."""
    check_flag("degree_normalised", degree_normalised)
    if exits is not None and not degree_normalised:
        raise ValueError("`exits` has no meaning with `degree_normalised=False`: what does not come back has left.")
    around = degree(graph, weight)
    stay, exits = _rates("stay", stay, graph, around), _rates("exits", exits, graph, around)
    if degree_normalised:
        return around + stay + exits, stay, exits
    one = torch.ones_like(around)
    return one, stay, one - stay - around


def _rates(name: str, rates: Tensor | None, graph: Graph, like: Tensor) -> Tensor:
    if rates is None:
        return torch.zeros_like(like)
    return _checked_nodes(graph, name, rates).to(like)


def _checked_weight(graph: Graph, boundary: Tensor, weight: Tensor | None) -> tuple[Tensor, torch.dtype]:
    """The weights in float64, and the type of the answer: sums over paths fall by more decades than float32 has."""
    if weight is None:
        return torch.ones(graph.num_edges, dtype=torch.float64, device=graph.device), boundary.dtype
    weight = walk(graph, weight).weight
    return weight.double(), torch.promote_types(boundary.dtype, weight.dtype)


def _checked_nodes(graph: Graph, name: str, values: Tensor) -> Tensor:
    values = as_tensor(name, values, f"(N,) = ({graph.num_nodes},) float32 or float64")
    if values.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"`{name}` must be float32 or float64; got {values.dtype}. Cast it: `.double()`, `.astype(float)`."
        )
    if values.shape != (graph.num_nodes,):
        raise ValueError(f"`{name}` must have shape (N,) = ({graph.num_nodes},); got {tuple(values.shape)}.")
    if values.device != graph.device:
        raise ValueError(f"`{name}` is on {values.device} but `graph` on {graph.device}; move one with `.to(device)`.")
    check_rates(name, values)
    return values
