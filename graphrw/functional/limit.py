"""The limit of a walk that starts again, in few products of the precision that is asked."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.opaque import opaque
from graphrw.core.transforms import refuse_transforms
from graphrw.core.walk import Walk
from graphrw.core.whole import is_number
from graphrw.functional.propagation import check_alpha, step
from graphrw.functional.transition import Neighbours, as_given, node_rows, prepared, rate_of

SLACK = 10  # iterations beyond those that the bound foretells; what takes more is lost in rounding


@opaque
def limit(walk: Walk, f: Tensor, alpha: Tensor | float, *, rtol: float = 1e-4) -> Tensor:
    """(1 − α)(I − αP)⁻¹ f, the limit of y ← αPy + (1 − α) f, with as many digits as are asked.

    As (1 − α) times the `resolvent` of the walk that `damp` makes with α, but by products in the type of `f` and the
    walk, without a factor: the labels of a segmentation do not change in the fifth digit. The eigenvalues of P lie in
    [−1, 1], so that Chebyshev's iteration needs to measure nothing; at each product the error falls by the factor
    α / (1 + √(1 − α²)), 0.27 for α = 0.5 and 0.63 for α = 0.9, on any undirected graph.

    The gradient is that of the equation which the limit y solves: such an iteration more for its adjoint,
    λ = g + αPᵀλ, and then the gradient of one `step`. It has as many digits as y, and can be differentiated once.

    Source: G. Golub, R. Varga, Chebyshev semi-iterative methods, Numerische Mathematik 3, 1961.

    Args:
        walk: N nodes, undirected.
        f: (N, K) or (N,), float32 or float64.
        alpha: α in (0, 1), a number or a tensor (), which may be learned.
        rtol: the residual αPy + (1 − α) f − y of each column, relative to (1 − α) f, at which to stop, in (0, 1). The
            error may be 1/(1 − α) times as much.

    Returns:
        y, of the shape of `f` and the common type of `f` and the walk. Nodes without any rate hold (1 − α) f.

    Raises:
        ConvergenceError: if that type does not hold as many digits as `rtol` asks for.
        NotImplementedError: within a `torch.func` transform, in forward mode, or for a second derivative: take `damp`
            and `resolvent`.
        ValueError: for a directed walk, a wrong shape, type or device, or `alpha` or `rtol` out of range.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.tensor([1.0, 3.0]))
    >>> limit(path, torch.tensor([0.0, 0.0, 1.0]), alpha=0.5, rtol=1e-6)
    tensor([0.1250, 0.2500, 0.6250])
    """
    alpha = check_alpha(alpha)
    check_share("rtol", rtol)
    held, columns, loops, unit = prepared(walk, f, 0.0)
    f = node_rows("f", walk, f)
    inputs = (walk.weight, walk.killing, f, torch.as_tensor(alpha))
    refuse_transforms("limit", "`damp` and `resolvent`", *inputs)
    if walk.graph.directed:
        raise ValueError("`limit` takes undirected walks, whose eigenvalues are real; take `damp` and `resolvent`.")
    with torch.no_grad():
        rate, dead = rate_of(held, loops)
        steps = _Steps(held, torch.where(dead, 1.0, rate), float(alpha), rtol)
        y = as_given(steps.limit((1 - float(alpha)) * columns), f, unit)
    if not (torch.is_grad_enabled() and any(value.requires_grad for value in inputs)):
        return y
    # At the limit one more step changes nothing, but autograd sees it: all of the derivative but that through y.
    # What comes in from behind makes good for that: λ in place of g.
    y = alpha * step(walk, y) + (1 - alpha) * f
    y.register_hook(steps.adjoint)
    return y


def check_share(name: str, value: float) -> float:
    """`value`, if it is a number in (0, 1); `name` is what errors call it."""
    if not (is_number(value) and 0 < value < 1):
        raise ValueError(f"`{name}` must lie in (0, 1); got {value!r}.")
    return value


@dataclass(frozen=True, eq=False)
class _Steps:
    """P of a walk, outside autograd.

    Args:
        walk: undirected.
        rate: (N,), 1 where there is none.
        alpha: α.
        rtol: the residual at which to stop.
    """

    walk: Walk
    rate: Tensor
    alpha: float
    rtol: float

    def limit(self, b: Tensor) -> Tensor:
        """(I − αP)⁻¹ b for b (N, K), by Chebyshev's iteration."""
        target = self.rtol * torch.linalg.vector_norm(b, dim=0)
        factor = self.alpha / (1 + math.sqrt(1 - self.alpha**2))
        # The factor is that of norms weighted by the rates, in which P is symmetric; these may be so much smaller.
        span = math.sqrt(float(self.rate.max()) / float(self.rate.min())) if len(self.rate) else 1.0
        most = math.ceil(math.log(self.rtol / (4 * span)) / math.log(factor)) + SLACK
        before, x, omega = torch.zeros_like(b), b, 1.0
        for iteration in range(most):
            moved = self._neighbours(x).div_(self._share).add_(b)
            if bool((torch.linalg.vector_norm(moved - x, dim=0) <= target).all()):
                return moved
            before, x = x, moved.sub_(before).mul_(omega).add_(before)
            omega = 1 / (1 - self.alpha**2 * omega / (4 if iteration else 2))
        raise ConvergenceError(
            f"After {most} products the residual is still above {self.rtol:g}, which they would reach but for rounding "
            f"in {b.dtype}. Ask for a larger `rtol`, or give float64."
        )

    def adjoint(self, upon: Tensor | None) -> Tensor | None:
        """λ = g + αPᵀλ: with μ = λ / c it is μ = g / c + αPμ. None where nothing comes in from behind."""
        if upon is None:
            return None
        if torch.is_grad_enabled():  # λ depends on the weights, too
            raise NotImplementedError("`limit` can be differentiated once; take `damp` and `resolvent` for more.")
        with torch.no_grad():
            rate, columns = self.rate[:, None], upon[:, None] if upon.ndim == 1 else upon
            return (rate * self.limit(columns / rate)).reshape(upon.shape)

    @cached_property
    def _share(self) -> Tensor:
        return (self.rate / self.alpha)[:, None]  # divided by: its inverse may overflow

    @cached_property
    def _neighbours(self) -> Neighbours:
        return Neighbours(self.walk)
