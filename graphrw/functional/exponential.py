"""exp(−t L) f for the generator L of a walk in continuous time."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import pdtrc
from torch import Tensor

from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk
from graphrw.functional.transition import Neighbours
from graphrw.solve import factorize
from graphrw.solvers import Solver

Decay = Callable[[Tensor, Tensor], Tensor]  # of x (M, 1) in [−1, 1] and times (K,): (M, K)

SAMPLES = 512  # of a function, for its Chebyshev series: twice as many as the longest has terms
SHORT = 200.0  # of q t: some hundred products, which cost as much as a factor and thirty solves (grids of 10⁴ and 10⁵)
APART = 100.0  # times that far apart share a factor: some 50 solves, where one time takes 27
POLE = 15.0  # t / τ of the shortest series in (I + τL)⁻¹ for one time
ROUNDING = 1e-12  # of the sums over samples: no series is better, however many terms it has
MOST_PRODUCTS = 10**6


@dataclass(frozen=True, eq=False)
class Generator:
    """L = diag(m)⁻¹ A."""

    walk: Walk
    mass: Tensor  # (N, 1)

    def __call__(self, y: Tensor) -> Tensor:
        """L y."""
        return (self.walk.rate[:, None] * y - self.neighbours(y)) / self.mass

    @cached_property
    def neighbours(self) -> Neighbours:
        """W."""
        return Neighbours(self.walk)

    @property
    def fastest(self) -> float:
        """q = max c / m: the largest rate at which a walker leaves a node; 1 if none ever does."""
        return plainly(lambda rate, mass: float((rate[:, None] / mass).amax()), self.walk.rate, self.mass) or 1.0


def exponential(generator: Generator, f: Tensor, time: Tensor, *, rtol: float, solver: Solver) -> Tensor:
    """exp(−t_k L) f_k for each column of `f` (N, K) and `time` (K,), those with times of about one size together."""
    if f.numel() == 0:
        return f + 0 * (time.sum() + generator.mass.sum() + generator.walk.weight.sum())
    rtol, q, times = max(rtol, ROUNDING), generator.fastest, plainly(lambda time: time.cpu().numpy(), time)
    if generator.walk.graph.directed:
        return _poisson(generator, f, q * time, q * float(times.max()), rtol=rtol)
    order, parts = np.argsort(times, kind="stable"), []
    for group in _alike(times[order], SHORT / q):
        chosen = torch.from_numpy(order[group]).to(f.device)
        first, last = times[order[group][[0, -1]]]
        if q * last <= SHORT:
            parts.append(_by_products(generator, f[:, chosen], q * time[chosen], q, rtol=rtol))
        else:
            pole = math.sqrt(first) * math.sqrt(last) / POLE
            parts.append(_by_solves(generator, f[:, chosen], time[chosen] / pole, pole, rtol=rtol, solver=solver))
    return torch.cat(parts, 1)[:, torch.from_numpy(np.argsort(order, kind="stable")).to(f.device)]


def _alike(times: NDArray[np.float64], short: float) -> Iterator[slice]:
    """Of sorted `times` those up to `short`, then groups within a factor of `APART`."""
    begin, end = 0, int(np.searchsorted(times, short, side="right"))
    while begin < len(times):
        if end > begin:
            yield slice(begin, end)
        begin, end = end, int(np.searchsorted(times, APART * times[min(end, len(times) - 1)], side="right"))


def _by_products(generator: Generator, f: Tensor, steps: Tensor, q: float, *, rtol: float) -> Tensor:
    """exp(−s (I − X)) f with s = q t and X = I − L / q, whose eigenvalues lie in [−1, 1] (Gershgorin)."""
    coefficients = _coefficients(lambda x, s: torch.exp(-s * (1 - x)), steps, rtol)
    return _series(lambda y: y - generator(y) / q, f, coefficients)


def _by_solves(generator: Generator, f: Tensor, steps: Tensor, pole: float, *, rtol: float, solver: Solver) -> Tensor:
    """exp(−s (B⁻¹ − I)) f with s = t / τ and B = (I + τL)⁻¹, whose eigenvalues lie in (0, 1]; X = 2B − I.

    B f is a resolvent: that of the walk with killing k + m / τ. A single real pole takes one factor, where the best
    rational approximations take one for each of their complex poles.
    """
    restart = generator.mass / pole
    factor = factorize(
        Walk(generator.walk.graph, generator.walk.weight, generator.walk.killing + restart[:, 0]), solver
    )
    coefficients = _coefficients(lambda x, s: torch.exp(-s * (1 - x) / (1 + x)), steps, rtol)
    return _series(lambda y: 2 * factor.solve(restart * y) - y, f, coefficients)


def _coefficients(decay: Decay, steps: Tensor, rtol: float) -> Tensor:
    """(n, K): of the Chebyshev series of ``decay(x, s)`` in x for each s of `steps` (K,), as sums of samples of it, so
    that they are differentiable in s; what they leave out adds up to no more than `rtol`."""
    angle = torch.pi * (torch.arange(SAMPLES, device=steps.device, dtype=steps.dtype) + 0.5) / SAMPLES
    cosines = torch.cos(torch.arange(SAMPLES, device=steps.device)[:, None] * angle) * (2 / SAMPLES)
    cosines[0] /= 2

    def count(steps: Tensor) -> int:
        # At s = 0 the series is of one term, but its derivatives in s are longer.
        size = (cosines @ decay(angle.cos()[:, None], steps.clamp(min=1.0))).abs()
        return max(2, int((size.flip(0).cumsum(0).flip(0) > rtol).any(1).sum()))

    return cosines[: plainly(count, steps)] @ decay(angle.cos()[:, None], steps)


def _series(x: Callable[[Tensor], Tensor], f: Tensor, coefficients: Tensor) -> Tensor:
    """Σ_n a_n T_n(X) f by T_n+1 = 2 X T_n − T_n−1, for `coefficients` (n, K) and `f` (N, K)."""
    before, now = f, x(f)
    total = coefficients[0] * before + coefficients[1] * now
    for row in coefficients[2:]:
        before, now = now, 2 * x(now) - before
        total = total + row * now
    return total


def _poisson(generator: Generator, f: Tensor, steps: Tensor, most: float, *, rtol: float) -> Tensor:
    """Σ_n e⁻ˢ sⁿ / n! Xⁿ f with s = q t, at most `most`, and X = I − L / q (uniformisation: Jensen 1953).

    X has no negative entry and row sums up to 1: the error is at most max |f| times the weights left out. The shorter
    series for symmetric X will not do: eigenvalues of a directed cycle fill a circle, and s steps lead around.
    """
    most = max(most, 1.0)  # at 0 the sum is of one term, but its derivatives are longer
    numbers = math.ceil(most) + np.arange(int(10 * math.sqrt(most)) + 60)
    last = int(numbers[np.argmax(pdtrc(numbers, most) <= rtol)])
    if last > MOST_PRODUCTS:
        raise ValueError(
            f"`time` makes {last} products of it, as a walker on a directed graph takes {most:.3g} steps; allowed are "
            f"{MOST_PRODUCTS}. Take a smaller time, or a larger `mass`."
        )
    q, rate = generator.fastest, generator.walk.rate[:, None]
    stay, now, total = 1 - rate / (q * generator.mass), f, _chance(0, steps) * f
    for number in range(1, last + 1):
        now = stay * now + generator.neighbours(now) / (q * generator.mass)
        total = total + _chance(number, steps) * now
    return total


def _chance(number: int, steps: Tensor) -> Tensor:
    """e⁻ˢ sⁿ / n!, also where s = 0 or either factor is out of range, with its derivatives."""
    few, many = steps.clamp(max=1.0), steps.clamp(min=1.0)
    log = number * many.log() - many - math.lgamma(number + 1)
    return torch.where(steps < 1, torch.exp(-few) * few**number * math.exp(-math.lgamma(number + 1)), log.exp())
