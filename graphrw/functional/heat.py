"""Walks in continuous time: heat."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_numbers
from graphrw.core.finite import kept_in, narrowed
from graphrw.core.opaque import opaque
from graphrw.core.scale import common_unit
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, check_rates
from graphrw.core.whole import is_number
from graphrw.functional.exponential import Generator, exponential
from graphrw.functional.transition import as_given, prepared
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


@opaque
def heat(
    walk: Walk,
    f: Tensor,
    time: Tensor | float,
    *,
    mass: Tensor | float | None = None,
    rtol: float = 1e-10,
    solver: Solver = Auto(),
) -> Tensor:
    """exp(−t L) f with L = diag(m)⁻¹ A: the expectation of f at the place of a walker from each node after a time t.

    The walker leaves node i after an exponential time of mean m_i / c_i. By default m = c: steps come at rate 1, L is
    I − P, and exp(−t L) = Σ_n e⁻ᵗ tⁿ / n! Pⁿ, the heat kernel of graph diffusion convolution (Gasteiger et al., NeurIPS
    2019). With cotangent weights and the area of each vertex as mass it is the diffusion of DiffusionNet (Sharp et al.,
    ACM TOG 2022), where each channel learns a time. Without killing f = 1 stays 1; the killed count 0.

    On an undirected graph L is similar to a symmetric matrix, and the answer is a Chebyshev series: in L, by products,
    for small t; in (I + τL)⁻¹, by some thirty solves with one factor, for any t above. On a directed graph it is the
    sum over n, which gets longer with t. Each ends where what is left of its coefficients adds up to `rtol`.

    Args:
        walk: N nodes.
        f: (N, K) or (N,), float32 or float64.
        time: t ≥ 0: a number, a tensor (), or (K,), one for each column.
        mass: m > 0, a number or (N,), in the units of weights × time; None: c. Self loops of weight s are m = c + s;
            with 1 it is exp(−t A).
        rtol: in (0, 1); below 1e-12 as 1e-12. The error of a column, beside that of solves, is at most so much of f,
            both measured as √(Σ m f²), or on a directed graph as max |f|.
        solver: how to solve.

    Returns:
        Of the shape of `f` and the common type of `f` and the walk.

    Raises:
        ConvergenceError: as `solve`.
        ValueError: for a wrong shape, type or device, or `time`, `mass` or `rtol` out of range.

    >>> from graphrw import Graph, walk
    >>> pair = walk(Graph(torch.tensor([[0], [1]]), num_nodes=2), torch.ones(1))
    >>> heat(pair, torch.tensor([1.0, 0.0]), time=0.5)  # (1 ± e⁻²ᵗ) / 2
    tensor([0.6839, 0.3161])
    """
    if not (is_number(rtol) and 0 < rtol < 1):
        raise ValueError(f"`rtol` must lie in (0, 1); got {rtol!r}.")
    check_solver(solver)
    given, columns, _, unit = prepared(walk, f, 0.0)
    mass = _checked_mass(mass, walk)
    rates = [each.double() for each in (walk.weight, walk.killing, mass)]
    weight, killing, mass = (each / common_unit(*rates) for each in rates)  # L depends on no common factor
    generator = Generator(Walk(walk.graph, weight, killing), mass[:, None])
    time = _checked_time(time, columns).expand(columns.shape[1])
    x = exponential(generator, columns.double(), time, rtol=rtol, solver=solver)
    return as_given(narrowed("exp(−t L) f", x, given.weight.dtype), f, unit)


def _checked_time(time: Tensor | float, columns: Tensor) -> Tensor:
    """() or (K,) float64."""
    time = as_numbers("time", time, "a number, a tensor () or (K,)")
    if time.ndim and time.shape != columns.shape[1:]:
        raise ValueError(
            f"`time` must be a number, a tensor () or (K,) = ({columns.shape[1]},); got {tuple(time.shape)}."
        )
    check_rates("time", time)
    return time.to(columns.device, torch.float64)


def _checked_mass(mass: Tensor | float | None, walk: Walk) -> Tensor:
    """(N,); by default the rates, and 1 where nothing moves."""
    if mass is None:
        rate = walk.rate
        return torch.where(rate.detach() == 0, 1.0, rate)
    mass = as_numbers("mass", mass, "a number, (N,) or None")
    if mass.ndim and mass.shape != walk.killing.shape:
        raise ValueError(f"`mass` must be a number or (N,) = ({walk.graph.num_nodes},); got {tuple(mass.shape)}.")
    check_rates("mass", mass)
    mass = kept_in("mass", mass, walk.weight.dtype).to(walk.weight.device)
    if plainly(lambda mass: bool((mass == 0).any()), mass):
        raise ValueError(
            "`mass` must be positive; got 0.0. A node without mass would be left at once: leave it out of the graph."
        )
    return mass.expand(walk.graph.num_nodes)
