"""The rows of A that belong to a range of nodes, and what is done with them."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from graphrw.solvers.operator import csr
from graphrw.solvers.streamed.tables import load_tables


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of A = diag(rate) − W for n nodes in a row, with g *ghosts*: nodes beyond, to which edges lead.

    Vectors that a part is multiplied with hold the values at its own nodes and then those at its ghosts, (n + g, K).
    """

    start: Tensor  # (n + 1,) int32: where the edges of each node begin
    column: Tensor  # (M,) int32 in [0, n + g)
    weight: Tensor  # (M,) float64
    killing: Tensor  # (n,)
    rate: Tensor  # (n,): the diagonal of A
    ghosts: Tensor  # (g,) int64: their numbers on the level, ascending

    @property
    def num_nodes(self) -> int:
        return len(self.killing)

    @cached_property
    def row(self) -> Tensor:
        """(M,) int64: the node of each edge."""
        return torch.repeat_interleave(self.start.diff(), output_size=len(self.column)).long()

    @cached_property
    def links(self) -> Tensor:
        """(n, n + g): W."""
        return csr(self.start, self.column, self.weight, (self.num_nodes, self.num_nodes + len(self.ghosts)))

    def product(self, x: Tensor) -> Tensor:
        """(n, K): A x for `x` (n + g, K)."""
        return torch.addmm(self.rate[:, None] * x[: self.num_nodes], self.links, x, alpha=-1)

    def flow_out(self, x: Tensor) -> Tensor:
        """The same as k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels; at several times the cost."""
        flow = (x.index_select(0, self.row) - x.index_select(0, self.column)).mul_(self.weight[:, None])
        return (self.killing[:, None] * x[: self.num_nodes]).index_add_(0, self.row, flow)

    def relax(self, scaled: Tensor) -> Tensor:
        """(n, K): two steps of Chebyshev's method for A y = b from y = 0, for `scaled` = D⁻¹ b (n + g, K).

        y = D⁻¹ (80 b − 32 A D⁻¹ b) / 41, as in `multigrid.cycle.Level.relax`, where it is derived.
        """
        y = torch.mm(self.links, scaled).div_(self.rate[:, None])
        return y.mul_(32 / 41).add_(scaled[: self.num_nodes], alpha=48 / 41)

    def save(self, path: Path) -> None:
        """Write all that it holds to a file."""
        save_file({field.name: getattr(self, field.name).contiguous() for field in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> "Part":
        """That which was saved."""
        return cls(**load_tables(path))
