"""Conjugate gradients for many right-hand sides at once, under any preconditioner."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphrw.errors import ConvergenceError

Product = Callable[[Tensor, Tensor], Tensor]  # (N, K), and where to put the answer
Preconditioner = Callable[[Tensor], Tensor]  # (N, K) → (N, K), which may be overwritten by the next call


def conjugate_gradients(
    matmul: Product,
    precondition: Preconditioner,
    b: Tensor,
    target: Tensor,
    *,
    max_iterations: int,
    forecast_after: int | None = None,
) -> tuple[Tensor, int]:
    """x with ‖b − A x‖ ≤ `target` in every column, as far as the recursion of the residual can tell, from x = 0.

    Each new direction is made A-conjugate to the last, p ← z − (zᵀA p / pᵀA p) p with z = M⁻¹ r, which allows for a
    preconditioner that is not quite the same linear map at every step (flexible CG: Notay 2000), such as a cycle in
    float32. Columns that have converged are laid aside once they are half of those at work.

    Args:
        matmul: A, symmetric positive definite.
        precondition: M⁻¹, close to symmetric positive definite; float64 in and out.
        b: (N, K) float64.
        target: (K,) the residual norms asked for.
        max_iterations: when to stop in any case, ≥ 1.
        forecast_after: after so many iterations, ≥ 1, look whether `max_iterations` will do; None: never.

    Returns:
        x (N, K), and the number of iterations of the slowest column.

    Raises:
        ConvergenceError: if the forecast says no.
    """
    block = _Block(b, torch.arange(b.shape[1], device=b.device))
    x = torch.zeros_like(b)
    earlier, halfway = torch.zeros_like(target), None if forecast_after is None else forecast_after // 2
    for iteration in range(max_iterations):
        norm = block.norm()
        active = norm > target[block.columns]
        count = int(active.sum())
        if iteration == halfway:
            earlier[block.columns] = norm
        if iteration == forecast_after and count:
            slow = block.columns[active]
            _forecast(earlier[slow], norm[active], target[slow], iteration, max_iterations)
        if 2 * count <= len(block.columns):
            x[:, block.columns] = block.x
            block = block.narrowed(active)
        if count == 0:
            return x, iteration
        block.step(matmul, precondition)
    x[:, block.columns] = block.x
    return x, max_iterations


def _forecast(earlier: Tensor, now: Tensor, target: Tensor, iteration: int, most: int) -> None:
    """Raise `ConvergenceError` if the slowest column needs more than `most` iterations, at its pace since halfway.

    The first iterations tell little: while they find the few smallest eigenvalues, residuals rise and fall.
    """
    gained, missing = torch.log(earlier / now).clamp(min=1e-3), torch.log(now / target)
    needed = iteration + float(((iteration - iteration // 2) * missing / gained).max())
    if not needed <= most:
        raise ConvergenceError(f"After {iteration} iterations {needed:.0f} are forecast; allowed are {most}.")


class _Block:
    """The columns at work: their answers, residuals r, directions p, and q = A p; memory is taken once."""

    def __init__(self, r: Tensor, columns: Tensor) -> None:
        self.columns = columns
        self.x, self.r = torch.zeros_like(r), r.clone()
        self.p, self.q, self.products = torch.zeros_like(r), torch.zeros_like(r), torch.empty_like(r)
        self.curvature = r.new_ones(r.shape[1])  # pᵀA p

    def narrowed(self, active: Tensor) -> "_Block":
        narrow = _Block(self.r[:, active], self.columns[active])
        narrow.x, narrow.p, narrow.q = self.x[:, active], self.p[:, active], self.q[:, active]
        narrow.curvature = self.curvature[active]
        return narrow

    def norm(self) -> Tensor:
        """(K,): ‖r‖."""
        return self._dots(self.r, self.r).sqrt()

    def step(self, matmul: Product, precondition: Preconditioner) -> None:
        z = precondition(self.r)
        torch.addcmul(z, self.p, -self._dots(z, self.q) / self.curvature, out=self.p)
        matmul(self.p, self.q)
        curvature = self._dots(self.p, self.q)
        self.curvature = torch.where(curvature > 0, curvature, 1.0)  # a residual of 0 gives a direction of 0
        length = self._dots(self.p, self.r) / self.curvature
        self.x.addcmul_(self.p, length)
        self.r.addcmul_(self.q, -length)

    def _dots(self, a: Tensor, b: Tensor) -> Tensor:
        return column_dots(a, b, self.products)


def column_dots(a: Tensor, b: Tensor, products: Tensor) -> Tensor:
    """(K,): the inner product of each column of `a` (N, K) with that of `b`; `products` (N, K) is memory to work in."""
    return torch.mul(a, b, out=products).sum(0)
