"""The walkers that end in each label: how many do, and when."""

from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.held import Held
from graphrw.core.reach import stranded
from graphrw.core.scale import common_unit
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, apply, check_finite_rate
from graphrw.functional.harmonic import SLACK
from graphrw.solve import Factor
from graphrw.solvers import Solver

FINE = 1e-6  # of a step², below which a variance may be rounding: it is 0 where all walkers take as many steps


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Of the walkers from each node the share h that ends in each label, and the time T that those take.

    With P = diag(c + s)⁻¹ (W + diag(s)), and rates b_il from i into label l (over edges to its seeds, or by
    absorption), one step of analysis gives for free nodes

        h = P h + b / (c + s)                 A h = b
        m = P m + h                           A m = (c + s) ⊙ h           m_il = E[T; l]
        v_il = Σ_j P_ij v_jl + σ²_il          A v = (c + s) ⊙ σ²          v_il = h_il Var[T | l]

    and E[T | l] = m / h. The last line is the law of total variance for the walk that is known to end in l, which steps
    to j with probability P_ij h_j / h_i: with t = m / h,

        (c_i + s_i) σ²_il = Σ_j w_ij h_jl (t_jl + 1 − t_il)² + b_il (1 − t_il)² + s_i h_il .

    All right-hand sides are sums of what is not negative, and so are answers, A⁻¹ having no negative entry: nothing
    cancels, as it would in E[T²] − E[T]², and answers keep digits however small h is. Everything is float64, in the
    unit of the largest rate, on which no time depends.
    """

    factor: Factor  # of the walk that ends where `held`, at seeds and at nodes from which none can be reached
    held: Tensor  # (N,) bool
    values: Tensor  # (N, L): 1 for the label of each seed
    into: Tensor  # (N, L): b
    rate: Tensor  # (N, 1): c + s, 0 where held
    loops: Tensor  # (N, 1): s, 0 where held

    @cached_property
    def possible(self) -> Tensor:
        """(N, L) bool: whether a walker may end in a label at all."""
        ends = (self.into.detach() > 0) | (self.values > 0)
        columns = [~stranded(self.factor.walk, ends[:, label]) for label in range(ends.shape[1])]
        return torch.stack(columns, 1) if columns else ends

    @cached_property
    def share(self) -> Tensor:
        """(N, L): h."""
        return torch.where(self.held[:, None], self.values, self._solved(self.into))

    @cached_property
    def time(self) -> Tensor:
        """(N, L): E[T | l]; 0 where nobody ends in l, and at seeds."""
        return self._given(self._solved(self.rate * self.share))

    @cached_property
    def variance(self) -> Tensor:
        """(N, L): Var[T | l]; 0 likewise."""
        walk, share, time = self.factor.walk, self.share, self.time
        spread = self.loops * share + self.into * (1 - time).square()
        tail, head = walk.graph.edges
        for origin, target in [(tail, head)] if walk.graph.directed else [(tail, head), (head, tail)]:
            late = (time[target] + 1 - time[origin]).square()
            spread = spread.index_add(0, origin, walk.weight[:, None] * share[target] * late)
        return self._given(self._solved(torch.where(self.held[:, None], 0.0, spread), FINE * share))

    def _solved(self, b: Tensor, least: Tensor | None = None) -> Tensor:
        """A⁻¹ b, 0 where no walker ends in the label, and to at least one digit elsewhere; what is below `least` may be
        anything so small."""
        x = self.factor.solve(b)
        least = torch.zeros_like(x) if least is None else least
        possible = self.possible & ~self.held[:, None]
        plainly(partial(self._check_digits, possible), least, self.factor.walk.weight, self.factor.walk.killing, b, x)
        return torch.where(possible, x, 0.0)

    def _given(self, moment: Tensor) -> Tensor:
        return torch.where(self.possible, moment / torch.where(self.possible, self.share, 1.0), 0.0)

    def _check_digits(self, possible: Tensor, *system: Tensor) -> None:
        """Solvers promise residuals relative to the largest entries. No entry of x − A⁻¹ b is larger than that of
        A⁻¹ |b − A x|, which tells how good the small ones are."""
        least, weight, killing, b, x = system
        missed = b - apply(Walk(self.factor.walk.graph, weight, killing), x)
        error = self.factor.inverse.solve(missed.abs()).x
        vague = possible & ~((x + least > 0) & (error <= SLACK * (x + least)))
        if bool(vague.any()):
            node, label = vague.nonzero()[0].tolist()
            raise ConvergenceError(
                f"{self.factor.solver} cannot tell when walkers from node {node} end in label {label}, so few do so: "
                f"it found {float(x[node, label]):.1e} with an error of {float(error[node, label]):.1e}. Direct "
                "solvers tell small shares apart: `solvers.Cholesky()`, or `solvers.LU()` if directed. Else reduce the "
                "killing."
            )


def arrivals(walk: Walk, values: Tensor, loops: Tensor, absorption: Tensor | None, *, solver: Solver) -> Arrivals:
    """Of `walk` with seeds where `values` (N, L) are 1; and with `loops` (N,) and `absorption` (N, L), checked."""
    if absorption is None:
        absorption = torch.zeros_like(values)
    killing = walk.killing + absorption.sum(1)
    check_finite_rate(walk.graph, walk.weight, killing + loops, "its killing, absorption and self loop")
    unit = common_unit(walk.weight, killing, loops).double()
    weight, killing, loops, absorption = (rate.double() / unit for rate in (walk.weight, killing, loops, absorption))
    values, walk = values.double(), Walk(walk.graph, weight, killing)
    seeded = values.any(1)
    held = seeded | stranded(walk, seeded | (absorption.detach() > 0).any(1))
    known = Held(walk, held)
    into = torch.where(held[:, None], 0.0, known.inflow(values) + absorption)
    rate, loops = (torch.where(held, 0.0, each)[:, None] for each in (walk.rate + loops, loops))
    return Arrivals(Factor.of(known.ended, solver), held, values, into, rate, loops)
