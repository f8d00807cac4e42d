"""A walk watched at its seeds alone: what each of them would be labelled, told by the others."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from graphrw.core.errors import SingularWalkError
from graphrw.core.held import Held
from graphrw.core.walk import Walk
from graphrw.functional.seeds import one_hot
from graphrw.solve import Factor
from graphrw.solvers import Solver

COLUMNS_AT_ONCE = 64  # of one solve: memory is N × 64 however many seeds there are
LEAST = 1e-3  # a probability that counts in `blame`: one seed against all evidence shall not outweigh the others
NEVER = 1e12  # times its share of the rate: more current than that, and no walker ends


@dataclass(frozen=True, eq=False)
class SeededAnswer:
    """The hitting probabilities with all seeds, and the factor that gave them."""

    seeds: Held  # absorption is in the killing of their walk
    source: Tensor  # (N, L): absorption
    factor: Factor  # of the walk that ends in the seeds
    probability: Tensor  # (N, L)

    @classmethod
    def of(cls, walk: Walk, seeds: Tensor, source: Tensor, solver: Solver) -> "SeededAnswer":
        """That to `seeds` (N,), and `source` (N, L) elsewhere, of a walk that is known to end."""
        held, values = Held(walk, seeds >= 0), one_hot(seeds, source.shape[1], source)
        factor = Factor.of(held.ended, solver)
        z = factor.solve(held.inflow(values) + torch.where(held.nodes[:, None], 0.0, source))
        return cls(held, source, factor, held.joined(values, z))

    def spread(self, values: Tensor) -> Tensor:
        """(N, K): what `values` at seeds make of the other nodes, A_UU⁻¹ W_UM x_M; 0 at seeds."""
        return torch.where(self.seeds.nodes[:, None], 0.0, self.factor.solve(self.seeds.inflow(values)))

    def visits(self, nodes: Tensor) -> Tensor:
        """(N, K): the probability that a walker from each node comes by each of `nodes` (K,), which are no seeds."""
        columns = torch.arange(len(nodes), device=nodes.device)
        unit = self.probability.new_zeros(len(self.seeds.nodes), len(nodes))
        green = self.factor.solve(unit.index_put((nodes, columns), unit.new_ones(())))
        return torch.where(self.seeds.nodes[:, None], 0.0, green / green[nodes, columns])

    def network(self, groups: list[Tensor]) -> "SeedNetwork":
        """The walk watched at the seeds of these groups alone."""
        nodes = torch.cat(groups)
        matrix = torch.cat([self._schur_columns(nodes, part) for part in nodes.split(COLUMNS_AT_ONCE)], dim=1)
        missing = self.source[nodes] - self._operated(self.probability, nodes)
        values = self.probability[nodes]
        return SeedNetwork(matrix, missing + matrix @ values, values, [len(group) for group in groups])

    def _schur_columns(self, nodes: Tensor, part: Tensor) -> Tensor:
        """(S, P): those of A_MM − W_MU A_UU⁻¹ W_UM for a `part` (P,) of M, the `nodes` (S,)."""
        unit = self.probability.new_zeros(len(self.seeds.nodes), len(part))
        unit = unit.index_put((part, torch.arange(len(part), device=part.device)), unit.new_ones(()))
        return self._operated(unit + self.spread(unit), nodes)

    def _operated(self, x: Tensor, nodes: Tensor) -> Tensor:
        """(S, K): A x at `nodes` (S,), for x (N, K)."""
        place = torch.full((len(self.seeds.nodes),), -1, device=nodes.device)
        place[nodes] = torch.arange(len(nodes), device=nodes.device)
        walk = self.seeds.walk
        graph, weight = walk.graph, walk.weight
        tail, head = graph.edges
        found = walk.killing[nodes, None] * x[nodes]
        for origin, target in [(tail, head)] if graph.directed else [(tail, head), (head, tail)]:
            edge = (place[origin] >= 0).nonzero().squeeze(1)
            flow = weight[edge, None] * (x[origin[edge]] - x[target[edge]])
            found = found.index_add(0, place[origin[edge]], flow)
        return found


@dataclass(frozen=True, eq=False)
class SeedNetwork:
    """A walk watched at its seeds alone, in groups one behind the other: S x = supply where a seed is free."""

    matrix: Tensor  # (S, S): the Schur complement of all other nodes
    supply: Tensor  # (S, L)
    values: Tensor  # (S, L): of the seeds, one-hot
    sizes: list[int]  # of the groups

    @property
    def parts(self) -> list[slice]:
        """The rows of each group."""
        return [slice(end - size, end) for size, end in zip(self.sizes, accumulate(self.sizes), strict=True)]

    def there(self, part: slice) -> Tensor:
        """(S', L): the values at a group that is free while all others are held."""
        missing = self.supply[part] - self.matrix[part] @ self.values
        return self.values[part] + _solved(self.matrix[part, part], missing)

    def without(self, number: int) -> "SeedNetwork":
        """That of the others, with a group free."""
        part = self.parts[number]
        rest = torch.ones(len(self.matrix), dtype=torch.bool, device=self.matrix.device)
        rest[part] = False
        coupling = self.matrix[rest, part]
        columns = torch.cat([self.matrix[part][:, rest], self.supply[part]], dim=1)
        passed = coupling @ _solved(self.matrix[part, part], columns)
        left = int(rest.count_nonzero())
        matrix = self.matrix[rest][:, rest] - passed[:, :left]
        sizes = self.sizes[:number] + self.sizes[number + 1 :]
        return SeedNetwork(matrix, self.supply[rest] - passed[:, left:], self.values[rest], sizes)

    def likelihood(self) -> Tensor:
        """(G,): the log-probability of each group's own labels while it is free, mean over its seeds."""
        own = [(self.there(part) * self.values[part]).sum(1) for part in self.parts]
        return torch.stack([each.clamp(min=LEAST).log().mean() for each in own])

    def blame(self) -> Tensor:
        """(G,): what all others gain in `likelihood` by setting each group free."""
        with_all = self.likelihood()
        others = with_all.sum() - with_all
        return torch.stack([self.without(each).likelihood().sum() for each in range(len(self.sizes))]) - others


def _solved(matrix: Tensor, columns: Tensor) -> Tensor:
    """`matrix`⁻¹ `columns`; `SingularWalkError` where walkers from the seeds would never end."""
    rate = matrix.diagonal().abs()
    answer: tuple[Tensor, Tensor] = torch.linalg.solve_ex(matrix, torch.cat([columns, rate[:, None]], dim=1))
    found, failed = answer
    if int(failed) or not bool(found[:, -1].abs().max() < NEVER):
        raise SingularWalkError(
            "Without some of the groups walkers never end. Add seeds, absorption or some killing; or put seeds into no "
            "group (−1)."
        )
    return found[:, :-1]
