"""One level of multigrid: its matrix, its relaxation, and the way to the next coarser one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.solvers.iterative.krylov import column_dots
from graphrw.solvers.multigrid.rows import Rows, compress
from graphrw.solvers.operator import csr, multiply


@dataclass(frozen=True, eq=False)
class Step:
    """One step of CG for S y = b from y = 0."""

    direction: Tensor  # (N, K)
    product: Tensor  # (N, K): S times that
    curvature: Tensor  # (K,)
    length: Tensor  # (K,)
    rest: Tensor  # (N, K): b − length · product


class Level(ABC):
    """S = D⁻½ A D⁻½ of one walk, where D is the diagonal of A, and the way to the next coarser level or the inverse.

    A level sees D⁻½ b and gives D½ x, so that numbers stay where float32 has room for them, whatever the contrast.
    Answers are constant on aggregates, times D½.
    """

    num_entries: int  # of S

    def __init__(self, root: Tensor, dtype: torch.dtype) -> None:
        self.root, self.dtype = root, dtype  # √D, (N,) float64; of all that the cycle works with
        self.unroot = 1 / root  # D⁻½
        self._unroot = self.unroot.to(dtype)[:, None]
        self.inverse: Tensor | None = None  # of S, on the coarsest level if that is small
        self.count = 0  # of aggregates, the nodes of the next coarser level; 0: there is none
        self._memory: dict[str, Tensor] = {}

    def lead_to(self, coarse: "Level", aggregate: Tensor) -> None:
        """`coarse` is the next level; `aggregate` (N,) int32 as `aggregation.aggregate` gives it."""
        self.count, self.aggregate = coarse.num_nodes, aggregate
        roots = torch.cat([coarse.root, coarse.root.new_ones(1)])  # those in no aggregate get nothing, times anything
        self.share = (self.root / roots.index_select(0, aggregate)).to(self.dtype)

    @property
    def num_nodes(self) -> int:
        return len(self.root)

    @property
    def halves(self) -> bool:
        """Whether the next level has no more than half the nodes."""
        return 2 * self.count <= self.num_nodes

    def memory(self, name: str, like: Tensor, *, rows: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """As large as `like`, but for what is named, and taken once for each name; 0 at first.

        Fresh memory would cost more than what is done in it.
        """
        shape, found = (len(like) if rows is None else rows, like.shape[1]), self._memory.get(name)
        if found is None or found.shape != shape:
            found = self._memory[name] = like.new_zeros(shape, dtype=dtype)
        return found

    def receive(self, r: Tensor) -> Tensor:
        """D⁻½ r, for `r` (N, K) float64, in memory of this level."""
        return self.memory("input", r, dtype=self.dtype).copy_(r).mul_(self._unroot)

    def give(self, y: Tensor) -> Tensor:
        """D⁻½ y, in float64, in memory of this level; `y` is overwritten."""
        return self.memory("output", y, dtype=torch.float64).copy_(y.mul_(self._unroot))

    @abstractmethod
    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        """About S⁻¹ b, for `b` (N, K), by a symmetric map."""

    @abstractmethod
    def descend(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Relax into `y` (N, K); what that leaves of `b` for the aggregates, (C, K), and where their answer goes."""

    @abstractmethod
    def ascend(self, b: Tensor, y: Tensor) -> Tensor:
        """Add the aggregates' answer, from where `descend` said, to `y`, and relax what that leaves of `b`."""

    @abstractmethod
    def first_step(self, b: Tensor, first: Tensor) -> Step:
        """Along `first` (N, K), as far as CG would go."""

    @abstractmethod
    def second_step(self, step: Step, second: Tensor) -> Tensor:
        """The answer after a step along `second` (N, K), too, made A-conjugate to the first; written in its place."""


class TorchLevel(Level):
    """By torch's sparse products, on any device."""

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        super().__init__(rows.rate.sqrt(), dtype)
        self.matrix = csr(rows.start, rows.column, rows.scaled_entries().to(dtype), (rows.num_nodes,) * 2)
        self.num_entries = len(rows.column)

    def lead_to(self, coarse: Level, aggregate: Tensor) -> None:
        super().lead_to(coarse, aggregate)
        node = torch.arange(self.num_nodes, dtype=torch.int32, device=aggregate.device)
        start, members, values = compress(aggregate, node, self.share, (self.count + 1, self.num_nodes))
        inside = int(start[self.count])  # the last row holds those in no aggregate
        self._restriction = csr(start[:-1], members[:inside], values[:inside], (self.count, self.num_nodes))

    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        """(80 b − 32 S b) / 41: two steps of Chebyshev's method from 0.

        The error 1 − (80 λ − 32 λ²)/41 is at most 9/41 on [½, 2]; no eigenvalue of S exceeds 2. Being one polynomial of
        S before and after the coarser levels, it keeps the cycle symmetric, as Gauss–Seidel in one order does not, and
        it runs on any device at the speed of a product.
        """
        return torch.addmm(b, self.matrix, b, beta=80 / 41, alpha=-32 / 41, out=out)

    def _leave(self, b: Tensor, y: Tensor) -> Tensor:
        """b − S y, in memory of this level."""
        return torch.addmm(b, self.matrix, y, alpha=-1, out=self.memory("residual", b))

    def descend(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        self.relax(b, y)
        below, above = self.memory("below", b, rows=self.count), self.memory("above", b, rows=self.count + 1)
        return multiply(self._restriction, self._leave(b, y), below), above[:-1]  # the last row, of no aggregate, is 0

    def ascend(self, b: Tensor, y: Tensor) -> Tensor:
        change, above = self.memory("change", b), self.memory("above", b, rows=self.count + 1)
        y.addcmul_(torch.index_select(above, 0, self.aggregate, out=change), self.share[:, None])
        return y.add_(self.relax(self._leave(b, y), change))

    def first_step(self, b: Tensor, first: Tensor) -> Step:
        product, rest, work = (self.memory(name, b) for name in ("first product", "rest", "change"))
        multiply(self.matrix, first, product)
        curvature = positive(column_dots(first, product, work))
        length = column_dots(first, b, work) / curvature
        return Step(first, product, curvature, length, torch.addcmul(b, product, -length, out=rest))

    def second_step(self, step: Step, second: Tensor) -> Tensor:
        product, work = (self.memory(name, second) for name in ("product", "change"))
        multiply(self.matrix, second, product)
        overlap = column_dots(second, step.product, work) / step.curvature
        curvature = positive(column_dots(second, product, work) - overlap * overlap * step.curvature)
        length = column_dots(second, step.rest, work) / curvature
        return second.mul_(length).addcmul_(step.direction, step.length - overlap * length)


def positive(curvature: Tensor) -> Tensor:
    """1 where rounding, or a residual of 0, has left no curvature; the step is then 0 or harmless."""
    return torch.where(curvature > 0, curvature, 1.0)
