"""Krylov methods for many right-hand sides at once, under any preconditioner."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Generic, Protocol, Self

import torch
from torch import Tensor
from typing_extensions import TypeVar

from graphrw.core.errors import ConvergenceError
from graphrw.solvers.gpu.playback import Playback, Recorder, Work
from graphrw.solvers.gpu.rows import dots, serve_columns

Product = Callable[[Tensor, Tensor], Tensor]  # (N, K), and where to put the answer
Preconditioner = Callable[[Tensor], Tensor]  # (N, K) → (N, K), which may be overwritten by the next call
# Bounds the memory of what a method keeps; and a float64 product with 32 columns takes five times as long as with 16
# (grids and kNN graphs of 50,000 nodes and more, one core), not twice.
COLUMNS_AT_ONCE = 16
BREAKDOWN = 1e-14  # the cosine of two vectors that count as orthogonal: rounding leaves no more of an inner product


class Narrowing(Protocol):
    """What a method iterates on: alike for all columns, or not."""

    def narrowed(self, place: Tensor) -> Self:
        """That of the columns at `place` (K',) alone."""


class System(Narrowing, Protocol):
    """A x = b and a preconditioner M of it, as a Krylov method sees them."""

    @property
    def matmul(self) -> Product:
        """A x for `x` (N, K), written where the second argument says."""

    @property
    def precondition(self) -> Preconditioner:
        """M⁻¹ r for `r` (N, K)."""


@dataclass(frozen=True)
class Uniform:
    """The same A and the same M for all columns."""

    matmul: Product
    precondition: Preconditioner

    def narrowed(self, place: Tensor) -> Self:
        return self


S = TypeVar("S", bound=Narrowing, default=System)


@dataclass(eq=False)
class Columns(ABC, Generic[S]):
    """The columns at work, K of them: where a method stands after some iterations from x = 0. Memory is taken once.

    Subclasses are methods; each field has one entry, or column, for each of the columns.
    """

    place: Tensor  # (K,): which of all they are
    x: Tensor  # (N, K): their answers
    r: Tensor  # (N, K): their residuals, as far as the recursion can tell
    norm: Tensor  # (K,): ‖r‖ when last measured

    def __post_init__(self) -> None:
        self._products = torch.empty_like(self.r)

    @classmethod
    @abstractmethod
    def start(cls, b: Tensor) -> Self:
        """At x = 0, for `b` (N, K) float64."""

    @abstractmethod
    def step(self, system: S) -> None:
        """One iteration, after a measurement; a residual of 0 stays so."""

    def narrowed(self, active: Tensor) -> Self:
        return type(self)(*(getattr(self, field.name)[..., active].contiguous() for field in fields(self)))

    def measure(self) -> None:
        """Bring `norm` up to date."""
        self.norm.copy_(self._dots(self.r, self.r).sqrt())

    def _dots(self, a: Tensor, b: Tensor) -> Tensor:
        return column_dots(a, b, self._products)


def iterate(
    method: type[Columns[S]],
    system: S,
    b: Tensor,
    target: Tensor,
    *,
    max_iterations: int,
    forecast_after: int | None = None,
    record: Recorder | None = None,
) -> tuple[Tensor, int]:
    """x with ‖b − A x‖ ≤ `target` in every column, as far as the recursion of the residual can tell, from x = 0.

    Columns that have converged are laid aside once they are half of those at work.

    Args:
        method: such as `ConjugateGradients` or `StabilisedBiconjugateGradients`.
        system: what it iterates on: A and M, float64 in and out.
        b: (N, K) float64.
        target: (K,) the residual norms asked for.
        max_iterations: when to stop in any case, ≥ 1.
        forecast_after: after so many iterations, ≥ 1, look whether `max_iterations` will do; None: never.
        record: how to record an iteration, to play it from the third on. It must read nothing back, and write what it
            leaves to the next where that looks for it, as those of `ConjugateGradients` do.

    Returns:
        x (N, K), and the number of iterations of the slowest column.

    Raises:
        ConvergenceError: if the forecast says no.
    """
    columns, x, left, goal = method.start(b), torch.zeros_like(b), system, target
    advance = _advance(columns, left, record)
    earlier, halfway = torch.zeros_like(target), None if forecast_after is None else forecast_after // 2
    columns.measure()
    for iteration in range(max_iterations):
        active = columns.norm > goal
        count = int(active.sum())
        if iteration == halfway:
            earlier[columns.place] = columns.norm
        if iteration == forecast_after and count:
            slow = columns.place[active]
            _forecast(earlier[slow], columns.norm[active], goal[active], iteration, most=max_iterations)
        # Narrowing copies all that a method keeps: worth it once half the columns are done, not for each of them.
        if 2 * count <= len(columns.place):
            x[:, columns.place] = columns.x
            columns, goal = columns.narrowed(active), goal[active]
            left = system.narrowed(columns.place)
            advance = _advance(columns, left, record)
        if count == 0:
            return x, iteration
        advance()
    x[:, columns.place] = columns.x
    return x, max_iterations


def _advance(columns: Columns[S], system: S, record: Recorder | None) -> Work:
    """An iteration, and a measurement after it."""

    def work() -> None:
        columns.step(system)
        columns.measure()

    return work if record is None else partial(Playback(record), work)


def _forecast(earlier: Tensor, now: Tensor, target: Tensor, iteration: int, *, most: int) -> None:
    """Raise `ConvergenceError` if the slowest column needs more than `most` iterations, at its pace since halfway.

    The first iterations tell little: while they find the few smallest eigenvalues, residuals rise and fall.
    """
    # A residual that has risen since halfway has gained nothing: the least gain that counts keeps the forecast finite.
    gained, missing = torch.log(earlier / now).clamp(min=1e-3), torch.log(now / target)
    needed = iteration + float(((iteration - iteration // 2) * missing / gained).max())
    if not needed <= most:
        raise ConvergenceError(f"After {iteration} iterations {needed:.0f} are forecast; allowed are {most}.")


@dataclass(eq=False)
class ConjugateGradients(Columns[System]):
    """For A symmetric positive definite, and M close to it (Hestenes & Stiefel 1952).

    Four things differ from the textbook:

    * All columns take their steps side by side, each of its own length: a product with many columns costs little more
      than one with a single column.
    * Each new direction is made A-conjugate to the last by its definition, p ← z − (zᵀA p / pᵀA p) p with z = M⁻¹ r,
      not by the ratio of two residuals. That allows for a preconditioner that is not quite the same linear map at every
      step (flexible CG: Notay 2000), such as a cycle in float32.
    * A column whose residual is 0 stays as it is until it is laid aside: its curvature of 0 counts as 1.
    * A p is kept beside p, so that no product is made twice, and every array is written in place: a GPU can record an
      iteration, and play it again.
    """

    p: Tensor  # (N, K): the direction
    q: Tensor  # (N, K): A p
    curvature: Tensor  # (K,): pᵀA p

    @classmethod
    def start(cls, b: Tensor) -> Self:
        x, p, q = (torch.zeros_like(b) for _ in range(3))
        norm, curvature = b.new_ones(2, b.shape[1])
        return cls(torch.arange(b.shape[1], device=b.device), x, b.clone(), norm, p, q, curvature)

    def step(self, system: System) -> None:
        z = system.precondition(self.r)
        torch.addcmul(z, self.p, -self._dots(z, self.q) / self.curvature, out=self.p)
        system.matmul(self.p, self.q)
        curvature = self._dots(self.p, self.q)
        self.curvature.copy_(torch.where(curvature > 0, curvature, 1.0))
        length = self._dots(self.p, self.r) / self.curvature
        self.x.addcmul_(self.p, length)
        self.r.addcmul_(self.q, -length)


@dataclass(eq=False)
class StabilisedBiconjugateGradients(Columns[System]):
    """BiCGStab, for any A that has an inverse (van der Vorst 1992), right-preconditioned; two products an iteration.

    Where the recursion breaks down, it starts anew from the residual, with a shadow drawn by chance.
    """

    shadow: Tensor  # (N, K): to which new residuals are made orthogonal; the first residual
    p: Tensor  # (N, K): the direction
    v: Tensor  # (N, K): A M⁻¹ p
    t: Tensor  # (N, K): A M⁻¹ r halfway
    rho: Tensor  # (K,): shadowᵀ r
    alpha: Tensor  # (K,): the step along p; 0 where the recursion has to start
    omega: Tensor  # (K,): the step along r halfway; likewise
    size: Tensor  # (K,): ‖shadow‖

    def __post_init__(self) -> None:
        super().__post_init__()
        self._chance = torch.Generator(self.r.device).manual_seed(0)

    @classmethod
    def start(cls, b: Tensor) -> Self:
        x, shadow, p, v, t = (torch.zeros_like(b) for _ in range(5))
        none = b.new_zeros(b.shape[1])
        return cls(
            torch.arange(b.shape[1], device=b.device), x, b.clone(), none, shadow, p, v, t, none, none, none, none
        )

    def narrowed(self, active: Tensor) -> Self:
        narrow = super().narrowed(active)
        narrow._chance = self._chance  # goes on, or the next shadow would be one that has failed
        return narrow

    def step(self, system: System) -> None:
        beta = self._turn()
        self.p.addcmul_(self.v, -self.omega).mul_(beta).add_(self.r)
        y = system.precondition(self.p)
        system.matmul(y, self.v)
        across, reach = self._dots(self.shadow, self.v), self.size * self._dots(self.v, self.v).sqrt()
        self.alpha = torch.where(across.abs() <= BREAKDOWN * reach, 0.0, _divided(self.rho, across))
        self.x.addcmul_(y, self.alpha)
        self.r.addcmul_(self.v, -self.alpha)
        z = system.precondition(self.r)  # overwrites y: x has had its share of it
        system.matmul(z, self.t)
        self.omega = _divided(self._dots(self.t, self.r), self._dots(self.t, self.t))
        self.x.addcmul_(z, self.omega)
        self.r.addcmul_(self.t, -self.omega)

    def _turn(self) -> Tensor:
        """(K,): β, how much of the last direction goes into the next; 0 where the recursion starts."""
        rho, last = self._dots(self.shadow, self.r), self.rho * self.omega
        # Divisions by nothing: the recursion has ended here, and goes on as if this residual were its first.
        starts = (last == 0) | (self.alpha == 0) | (rho.abs() <= BREAKDOWN * self.size * self.norm)
        beta = torch.where(starts, 0.0, _divided(rho * self.alpha, last))
        if bool(starts.any()):
            first = self.size == 0
            self.shadow = torch.where(starts, torch.where(first, self.r, self._another()), self.shadow)
            self.size = torch.where(starts, self._dots(self.shadow, self.shadow).sqrt(), self.size)
            rho = torch.where(starts, self._dots(self.shadow, self.r), rho)
        self.rho = rho
        return beta

    def _another(self) -> Tensor:
        """(N, 1): some other shadow, since from its own residual a recursion would break down as before."""
        return torch.randn(len(self.r), 1, generator=self._chance, dtype=self.r.dtype, device=self.r.device)


def _divided(a: Tensor, b: Tensor) -> Tensor:
    """a / b; 0 where b is."""
    return torch.where(b == 0, 0.0, a / b)


def column_dots(a: Tensor, b: Tensor, products: Tensor) -> Tensor:
    """(K,): the inner product of each column of `a` (N, K) with that of `b`; `products` (N, K) is memory to work in."""
    return dots(a, b) if serve_columns(a, b) else torch.mul(a, b, out=products).sum(0)
