"""Features carried along a walk: some of its steps, the limit of all of them, and where walkers are found.

With P = diag(c)⁻¹ W one step averages over the neighbours; c = degree + killing, so rows of P sum to less than 1 where
something kills. A self loop of weight s lets the walker stay: P = diag(c + s)⁻¹ (W + diag(s)). Symmetric normalisation
takes S = diag(c + s)^−½ (W + diag(s)) diag(c + s)^−½ in place of P. A node without any rate, c + s = 0, has no edge to
take: its row of P is zero, and in S its column too.
"""

import torch
from torch import Tensor

from graphrw.core.arrays import as_numbers
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.shares import raised
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, check_finite_rate, check_rates, check_walk
from graphrw.core.whole import check_flag, check_whole, is_number
from graphrw.functional.transition import Neighbours, as_given, loop_weights, node_rows, prepared, rate_of
from graphrw.solve import solve
from graphrw.solvers import Auto, Solver


@opaque
def step(
    walk: Walk,
    f: Tensor,
    steps: int = 1,
    restart: Tensor | float | None = None,
    *,
    self_loops: Tensor | float = 0.0,
    symmetric: bool = False,
) -> Tensor:
    """Pᵗ f after t steps; with restart r, t times y ← (1 − r) P y + r f from y = f.

    With r = 1 − α that is ŷ_{t+1} = αAŷ_t + (1 − α) f of Convolutional Random Walk Networks (Bertasius et al., CVPR
    2017), and APPNP (Klicpera et al., ICLR 2019). It tends to r · `resolvent` of the walk that `damp` makes with α.

    Where E × K × t is large, edges are visited in blocks, and again in backward, so that memory does not grow with it.
    This is torch's `checkpoint`, which the reverse-mode transforms of `torch.func` refuse (there E × K alone may not be
    as large); autograd takes any order.

    Args:
        walk: N nodes, E edges.
        f: (N, K) or (N,), float32 or float64.
        steps: t ≥ 0.
        restart: r in (0, 1), a number or a tensor (); None: never.
        self_loops: s ≥ 0 in the units of weights, a number or (N,).
        symmetric: S in place of P.

    Returns:
        y, of the shape of `f` and the common type of `f` and the walk. Nodes without any rate hold 0, with restart r f.

    Raises:
        ValueError: for a wrong shape, type or device, or `steps`, `restart` or `self_loops` out of range.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.tensor([1.0, 3.0]))
    >>> step(path, torch.tensor([0.0, 0.0, 1.0]))
    tensor([0.0000, 0.7500, 0.0000])
    >>> step(path, torch.tensor([0.0, 0.0, 1.0]), restart=0.5)
    tensor([0.0000, 0.3750, 0.5000])
    """
    steps = check_whole("steps", steps, 0)
    check_flag("symmetric", symmetric)
    if restart is not None:
        restart = _fraction("restart", restart, "At 0 nothing restarts: leave it out.", "At 1 nothing walks.")
    walk, first, loops, unit = prepared(walk, f, self_loops)
    rate, dead = rate_of(walk, loops)
    # Divided by, since 1 / rate may overflow.
    share = torch.where(dead, torch.inf, rate.sqrt() if symmetric else rate)[:, None]
    lazy = None if is_number(self_loops) and self_loops == 0 else loops[:, None]
    neighbours, y = Neighbours(walk, columns=steps * first.shape[1]), first
    for _ in range(steps):
        sent = y / share if symmetric else y
        arrived = neighbours(sent)
        y = (arrived if lazy is None else arrived + lazy * sent) / share
        y = y if restart is None else (1 - restart) * y + restart * first
    return as_given(y, f, unit)


@opaque
def resolvent(
    walk: Walk,
    f: Tensor,
    solver: Solver = Auto(),
    *,
    self_loops: Tensor | float = 0.0,
    symmetric: bool = False,
    transpose: bool = False,
) -> Tensor:
    """(I − P)⁻¹ f = f + P f + P² f + …, from A x = (c + s) ⊙ f: the sum of f along the walk until it ends.

    On a walk that `damp` made with α, P is α times what it was: (I − αA)⁻¹ f with A = D⁻¹W, the prediction of
    Convolutional Random Walk Networks (Bertasius et al., CVPR 2017). Times 1 − α it is the limit of `step` with
    restart.

    Args:
        walk: N nodes; from each of them a walker must be able to end.
        f: (N, K) or (N,), float32 or float64.
        solver: how to solve.
        self_loops: s ≥ 0 in the units of weights, a number or (N,).
        symmetric: S in place of P.
        transpose: (I − Pᵀ)⁻¹ f, from Aᵀ y = f, x = (c + s) ⊙ y: how often walkers that start as f tells visit a node.

    Returns:
        x, of the shape of `f` and the common type of `f` and the walk. Isolated nodes hold f.

    Raises:
        SingularWalkError: if a walker from some node can never end.
        ConvergenceError: as `solve`.
        ValueError: for a wrong shape, type or device, or `self_loops` out of range.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.tensor([1.0, 3.0]))
    >>> resolvent(damp(path, alpha=0.5), torch.tensor([0.0, 0.0, 1.0]))
    tensor([0.2500, 0.5000, 1.2500])
    """
    check_flag("symmetric", symmetric)
    check_flag("transpose", transpose)
    walk, columns, loops, unit = prepared(walk, f, self_loops)
    rate, dead = rate_of(walk, loops)
    # A node without any rate would make A singular: it is killed at a rate of its own, and its answer set at the end.
    ending = Walk(walk.graph, walk.weight, torch.where(dead, rate, walk.killing))
    half = torch.where(dead, 0.0, rate.sqrt())[:, None] if symmetric else None
    if half is not None:
        x = half * solve(ending, half * columns, solver, transpose)
    elif transpose:
        x = rate[:, None] * solve(ending, columns, solver, transpose)
    else:
        x = solve(ending, rate[:, None] * columns, solver)
    if symmetric or not (transpose and walk.graph.directed):  # else walkers may come to a node that none leaves
        x = torch.where(dead[:, None], columns, x)
    return as_given(x, f, unit)


@opaque
def damp(walk: Walk, alpha: Tensor | float, *, self_loops: Tensor | float = 0.0) -> Walk:
    """The walk that before each step ends with probability 1 − α: its P is α times what it was.

    Its killing is k + (1/α − 1)(c + s), so without killing or self loops d (1/α − 1).

    Args:
        walk: N nodes.
        alpha: α in (0, 1), a number or a tensor (), which may be learned.
        self_loops: those that `step` or `resolvent` will be given.

    Raises:
        ValueError: if `alpha` or `self_loops` is out of range.

    >>> from graphrw import Graph, walk
    >>> damp(walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.tensor([1.0, 3.0])), alpha=0.5).killing
    tensor([1., 4., 3.])
    """
    check_walk(walk)
    alpha = check_alpha(alpha)
    rate = walk.rate + loop_weights(walk, self_loops)
    killing = walk.killing + (1 / alpha - 1) * rate
    check_finite_rate(walk.graph, walk.weight, killing, "the killing that `alpha` makes")
    return Walk(walk.graph, walk.weight, killing)


@opaque
def pagerank(
    walk: Walk,
    alpha: Tensor | float = 0.85,
    start: Tensor | None = None,
    solver: Solver = Auto(),
    *,
    self_loops: Tensor | float = 0.0,
) -> Tensor:
    """Where a walker is found in the long run who starts again, as `start` tells, whenever the walk ends.

    π ∝ (I − αPᵀ)⁻¹ v, from Aᵀ y = v, π ∝ (c + s) ⊙ y: personalised PageRank (Page et al. 1999; Haveliwala 2002). The
    walk ends with probability 1 − α before each step, by killing, and at nodes without an edge to take, as in networkx.

    Args:
        walk: N nodes.
        alpha: α in (0, 1), a number or a tensor ().
        start: v ≥ 0, (N, K) or (N,), each column with a positive sum, which is divided out; None: alike for all nodes.
        solver: how to solve.
        self_loops: s ≥ 0 in the units of weights, a number or (N,), as converters return them.

    Returns:
        π, of the shape of `start`, or (N,): each column sums to 1.

    Raises:
        ConvergenceError: as `solve`.
        ValueError: for values out of range, or a wrong shape, type or device.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.ones(2))
    >>> pagerank(path)
    tensor([0.2568, 0.4865, 0.2568])
    """
    check_walk(walk)
    start = walk.weight.new_ones(walk.graph.num_nodes) if start is None else raised(node_rows("start", walk, start))
    check_rates("start", start, batched=True)
    if walk.graph.num_nodes and plainly(lambda total: bool((total == 0).any()), start.sum(0), batched=True):
        raise ValueError("`start` must have a positive sum in each column; got zeros alone, so that no walk starts.")
    start = start / unit_of(start, 0)  # their sum may be more than their type holds
    ending = damp(walk, alpha, self_loops=self_loops)
    visits = resolvent(ending, start / start.sum(0), solver, self_loops=self_loops, transpose=True)
    return visits / visits.sum(0)


def check_alpha(alpha: Tensor | float) -> Tensor | float:
    """α, if it is a number or a tensor () in (0, 1)."""
    return _fraction("alpha", alpha, "At 0 nothing walks.", "At 1 the walk never ends.")


def _fraction(name: str, value: Tensor | float, at_zero: str, at_one: str) -> Tensor | float:
    scalar = as_numbers(name, value)
    if scalar.ndim:
        raise ValueError(f"`{name}` must be a number or a tensor (); got {tuple(scalar.shape)}.")
    number = plainly(float, scalar)
    if not 0 < number < 1:
        raise ValueError(f"`{name}` must lie in (0, 1); got {number}. {at_one if number >= 1 else at_zero}")
    return value if is_number(value) else scalar
