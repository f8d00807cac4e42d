"""BiCGStab under a block Gauss–Seidel sweep that runs against the walk, for walks that mostly go one way."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import ROUNDING, Equation, Solution
from graphrw.solvers.differences import Differences
from graphrw.solvers.direct.base import could_not_factorise
from graphrw.solvers.directed.elimination import Entries, Floats, Numbers, grouped_differences, grouped_inverse
from graphrw.solvers.directed.sweep import Blocks, Returns, Sweep, transitions
from graphrw.solvers.directed.wells import wells
from graphrw.solvers.iterative import krylov
from graphrw.solvers.iterative.base import IterativeSolver
from graphrw.solvers.iterative.certified import CertifiedInverse, operations_of_a_step
from graphrw.solvers.norms import column_norm, largest, relative_to

LONGEST = 1e8  # visits to a node before walkers leave its block: beyond, subtraction leaves less than eight digits


@dataclass(frozen=True)
class BlockGaussSeidel(IterativeSolver[None]):
    """BiCGStab (van der Vorst 1992) preconditioned by a block Gauss–Seidel sweep, on any graph, A or Aᵀ.

    For large graphs on which walkers mostly go one way, but are held up in places: cells along their development,
    citations, queues. Walkers who go to and fro between a few nodes for long give A an eigenvalue near 0 for each such
    place, and Jacobi's preconditioner hundreds of iterations. Here such places are the blocks: groups to which who
    leaves soon comes back. With the order of the walk among them,

        M = the entries of A within a block, and from a block to those after it along the walk,

    so that N = M − A holds improbable transitions, mostly; the iteration is on I − M⁻¹N. On an acyclic graph M is A.

    Nothing is subtracted, neither in M⁻¹ nor in N: blocks are inverted by the sums of what leaves them (Grassmann,
    Taksar & Heyman 1985). So it does not matter how rarely walkers leave a block. Nor, on a directed graph, for
    gradients of answers to what comes from outside it: the adjoint grows with the time that walkers stay, but is M⁻ᵀy
    with a y of the size of what comes in, whose system (I − NᵀM⁻ᵀ) y = b it is that has its residual told; and of
    −λ_i (x_i − x_j), large times small, differences come from equations of their own. Where rounding reaches what is
    left, that is an error: right-hand sides of Aᵀ that cancel within a block, and, where walkers come to a node more
    than 1e8 times before they leave its block, second derivatives and forward mode, which have no such equations.

    Answers come with a bound of their error: c = (I − M⁻¹N)⁻¹ 1 is how often walkers come back to an earlier block,
    and nowhere is an answer wrong by more than max c times its largest residual, rounding included. It is at most √rtol
    of the largest answer, and at most 0.01, or an error: so it is one in groups too large for a block that walkers
    hardly ever leave. Of Aᵀ it is one of the sum of |rate · x|, if errors of y lie as y does.

    Tensors on another device come to the CPU for it, and their answers go back.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1), also that of M⁻¹A x = M⁻¹b.
        max_iterations: of one pass, ≥ 1, each of two products; and four times as many in all passes before a
            `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.

    >>> import graphrw as rw
    >>> line = torch.arange(999)
    >>> graph = rw.Graph(torch.stack([line, line + 1]), 1000, directed=True)
    >>> killing = torch.nn.functional.one_hot(torch.tensor(999), 1000).double()
    >>> with rw.record_solves() as reports:
    ...     x = rw.solve(rw.walk(graph, torch.ones(999).double(), killing), killing, rw.solvers.BlockGaussSeidel())
    >>> reports[0].iterations, bool((x - 1).abs().amax() < 1e-14)
    (1, True)
    """

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared: blocks and their order depend on the weights."""

    def invert(self, walk: Walk, plan: None) -> "_BlockGaussSeidelInverse":
        return _BlockGaussSeidelInverse(walk, self)


class _BlockGaussSeidelInverse(CertifiedInverse):
    """A = M (I − M⁻¹N), so that A x = b is (I − M⁻¹N) x = M⁻¹b, and Aᵀx = b is (I − NᵀM⁻ᵀ) y = b with x = M⁻ᵀ y."""

    may_tell_differences = True

    def __init__(self, walk: Walk, solver: BlockGaussSeidel) -> None:
        walk = Walk(walk.graph.to("cpu"), walk.weight.cpu(), walk.killing.cpu())
        super().__init__(walk, solver)
        group = wells(transitions(walk), walk.killing.numpy())
        blocks = Blocks.of(walk, group)
        inverse = grouped_inverse(blocks.inner, blocks.leave, group)
        if not np.isfinite(inverse.value).all():
            raise could_not_factorise(solver, _closed(inverse, group))
        self.differences = _differences(solver, walk, group, _longest_stay(inverse, self.operator.diagonal.numpy()))
        self.operator = self._returns = Returns(walk, Sweep(inverse, blocks.later, group), blocks.back)
        size = torch.from_numpy(np.bincount(group)[group])
        self._each_block = torch.from_numpy(blocks.leave) * (operations_of_a_step(walk.graph) + size)

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        device, b, start = b.device, b.cpu(), None if start is None else start.cpu()
        transpose = transpose and self.operator.walk.graph.directed
        if transpose and start is not None:
            start = b + self._returns.back(start)
        found = super().solve(b, transpose, start)
        x = self.precondition(found.x, transpose=True) if transpose else found.x
        return replace(found, x=x.to(device))

    def _settled(self, equation: Equation, x: Tensor, rtol: float, relative: Tensor) -> bool:
        """In a well one digit of x may be more than b: at the rounding level of A x its own system decides."""
        if super()._settled(equation, x, rtol, relative):
            return True
        floor = ROUNDING * column_norm(self.operator.magnitude(x, equation.transpose))
        if equation.transpose or not bool((relative <= rtol + relative_to(floor, equation.norm)).all()):
            return False
        begun = self.precondition(equation.b)
        left = column_norm(begun - self._returns.without(x, transpose=False))
        return bool((relative_to(left, column_norm(begun)) <= rtol).all())

    def without(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        return self._returns.without(x, out, transpose=False)

    def operations(self) -> Tensor:
        """Those of each block that walkers leave."""
        return self.precondition(self._each_block[:, None])

    def left(self, b: Tensor, x: Tensor, transpose: bool) -> tuple[Tensor, Tensor]:
        if transpose:
            return self._left_of_transpose(b, x)
        residual, terms = self.precondition(b) - self.without(x), torch.ones_like(b[0])
        if bool((b < 0).any()):  # what cancels in M⁻¹b
            terms = terms + relative_to(largest(self.precondition(b.abs())), largest(x))
        return relative_to(largest(residual), largest(x)), terms

    def _left_of_transpose(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """That y solves its system says nothing of what cancels in x = M⁻ᵀy; errors of y are taken to lie as y does."""
        residual, rate = b - self._returns.without(y, transpose=True), self.operator.diagonal[:, None]
        most, x = ((rate * self.precondition(each, transpose=True)).abs().sum(0) for each in (y.abs(), y))
        terms = torch.where(most > 0, relative_to(most, x), 1.0)
        return relative_to(residual.abs().sum(0), y.abs().sum(0)) * terms, terms

    def system(self, transpose: bool, step: int) -> krylov.Narrowing:
        """I − M⁻¹N, or I − NᵀM⁻ᵀ; nothing is left to precondition."""
        return krylov.Uniform(partial(self._returns.without, transpose=transpose), lambda r: r)

    def apply(self, b: Tensor, target: Tensor, transpose: bool, step: int) -> tuple[Tensor, int]:
        if transpose:
            return super().apply(b, target, transpose, step)
        begun = self.precondition(b)
        norm, scaled = column_norm(b), column_norm(b / self.operator.diagonal[:, None])
        # The first keeps the digits of x where walkers stay long, the second makes b − A x as small as is asked.
        goal = target / torch.where(norm > 0, norm, 1.0) * torch.minimum(column_norm(begun), scaled)
        return super().apply(begun, goal, transpose, step)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        return self._returns.sweep(r, transpose=transpose)


@dataclass(frozen=True, eq=False)
class _BlockDifferences(Differences):
    """x_i − x_j within a block, from equations of their own."""

    solver: BlockGaussSeidel
    walk: Walk
    group: Numbers  # (N,): the block of each node
    edges: Tensor
    longest: float  # the most visits that walkers who come to a node pay it before they leave its block

    def of(self, x: Tensor, b: Tensor) -> Tensor:
        blocks, (tail, head) = Blocks.of(self.walk, self.group), self.walk.graph.edges[:, self.edges].numpy()
        values = x.double().cpu().numpy()
        source = b.double().cpu().numpy() + sum(out.over(len(values)) @ values for out in (blocks.later, blocks.back))
        found = grouped_differences(blocks.inner, blocks.leave, self.group, (tail, head), source=source, x=values)
        return torch.from_numpy(found).to(x)

    def require_subtraction(self) -> None:
        if self.longest > LONGEST:
            raise ConvergenceError(
                f"{self.solver} has neither second derivatives nor forward mode where walkers come to a node "
                f"{self.longest:.1e} times before they leave those around it: rounding would lose them."
            )


def _differences(solver: BlockGaussSeidel, walk: Walk, group: Numbers, longest: float) -> _BlockDifferences:
    tail, head = walk.graph.edges.numpy()
    return _BlockDifferences(solver, walk, group, torch.from_numpy(np.flatnonzero(group[tail] == group[head])), longest)


def _longest_stay(inverse: Entries, rate: Floats) -> float:
    """The most visits that walkers who come to a node pay it before they leave its block."""
    same = inverse.row == inverse.column
    return float((inverse.value[same] * rate[inverse.row[same]]).max(initial=0))


def _closed(inverse: Entries, group: Numbers) -> str:
    """What an error says of groups that walkers never leave, as far as float64 can tell."""
    closed = np.unique(group[inverse.row[~np.isfinite(inverse.value)]])
    nodes = np.flatnonzero(group == closed[0])
    named = f"{len(nodes)} nodes (first: {nodes[0]})" if len(nodes) > 1 else f"node {nodes[0]}"
    others = f", nor {len(closed) - 1} such groups more" if len(closed) > 1 else ""
    return f"walkers never leave {named}{others}, as far as float64 can tell"
