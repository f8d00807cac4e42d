"""(s_j − S) x_j = r_j beside leading eigenvectors, for all columns j: conjugate gradients with the inverse."""

import torch
from torch import Tensor

from graphrw.solvers.krylov import column_dots
from graphrw.spectral.eigenpairs import Leading

MAX_ITERATIONS = 200


def conjugate_gradients_beside(found: Leading, first: int, shifts: Tensor, r: Tensor, target: Tensor) -> Tensor:
    """x (N, K) with ‖r_j − (s_j − S) x_j‖ ≤ target_j, as far as the recursion can tell, beside the `first` vectors.

    s_j exceeds every eigenvalue beside them. Flexible conjugate gradients (Notay 2000) as in `solvers.krylov`, but with
    a matrix of its own for every column; the preconditioner is T ≈ (σ − S)⁻¹ beside all vectors found, and
    1 / (s_j − θ) along each guard.

    Args:
        found: eigenpairs and guards.
        first: how many vectors the answer is beside, at least those with θ ≥ s_j.
        shifts: (K,)
        r: (N, K), beside these vectors.
        target: (K,)
    """
    x, rest = torch.zeros_like(r), r.clone()
    columns = torch.arange(r.shape[1], device=r.device)
    search = _Search(found, first, shifts, rest)
    for _ in range(MAX_ITERATIONS):
        active = search.norm() > target[columns]
        if 2 * int(active.sum()) <= len(columns):
            x[:, columns] = search.x
            columns, search = columns[active], search.narrowed(active)
        if len(columns) == 0:
            return x
        search.step()
    x[:, columns] = search.x
    return x


class _Search:
    """The columns at work: answers x, residuals r, directions p, and q = (s − S) p."""

    def __init__(self, found: Leading, first: int, shifts: Tensor, r: Tensor) -> None:
        self.found, self.first, self.shifts, self.r = found, first, shifts, r
        self.x, self.p, self.q = (torch.zeros_like(r) for _ in range(3))
        self._work = torch.empty_like(r)
        self.curvature = r.new_ones(r.shape[1])  # pᵀ(s − S) p

    def narrowed(self, active: Tensor) -> "_Search":
        narrow = _Search(self.found, self.first, self.shifts[active], self.r[:, active])
        narrow.x, narrow.p, narrow.q = self.x[:, active], self.p[:, active], self.q[:, active]
        narrow.curvature = self.curvature[active]
        return narrow

    def norm(self) -> Tensor:
        return self._dots(self.r, self.r).sqrt()

    def step(self) -> None:
        z = self._preconditioned()
        torch.addcmul(z, self.p, -self._dots(z, self.q) / self.curvature, out=self.p)
        kept = self.found.vectors[:, : self.first]
        torch.mul(self.p, self.shifts, out=self.q).sub_(self.found.matrix.matmul(self.p))
        self.q.addmm_(kept, kept.T @ self.q, alpha=-1)
        curvature = self._dots(self.p, self.q)
        self.curvature = torch.where(curvature > 0, curvature, 1.0)  # a residual of 0 gives a direction of 0
        length = self._dots(self.p, self.r) / self.curvature
        self.x.addcmul_(self.p, length)
        self.r.addcmul_(self.q, -length)

    def _preconditioned(self) -> Tensor:
        vectors, values = self.found.vectors, self.found.values
        z = self.found.matrix.apply_inverse(self.r)
        along = vectors.T @ z
        along[self.first :] -= (vectors[:, self.first :].T @ self.r) / (self.shifts - values[self.first :, None])
        return z.addmm_(vectors, along, alpha=-1)

    def _dots(self, a: Tensor, b: Tensor) -> Tensor:
        return column_dots(a, b, self._work)
