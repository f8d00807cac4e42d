"""What every function that applies P of a walk begins and ends with."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_floats, as_numbers
from graphrw.core.blocks import AT_ONCE, KEPT
from graphrw.core.finite import check_finite, kept_in
from graphrw.core.graph import unchecked
from graphrw.core.scale import common_unit, is_usual, unit_of
from graphrw.core.transforms import differentiated, transformed
from graphrw.core.walk import Walk, check_finite_rate, check_rates, check_walk, neighbour_sum
from graphrw.solvers.operator import csr, multiply
from graphrw.solvers.pattern import row_pattern

SOON_PAID = 16  # columns that W is applied to; finding its compressed pattern takes as long as 3 to 15 of them by edges


@dataclass(frozen=True, eq=False)
class Neighbours:
    """W y of one walk for many y (N, K) of its type, differentiable in everything.

    Where nothing is differentiated it is a product with the compressed matrix: eight on a grid with radius 5 and 11
    columns take a twenty-fifth of the time (`benchmarks/steps.py`). torch's derivative of that product makes the
    transpose each time, and is no faster than edges.
    """

    walk: Walk
    columns: float = math.inf  # how many it will be applied to, all y together

    def __call__(self, y: Tensor) -> Tensor:
        """W y."""
        soon_paid = self.columns >= SOON_PAID or self.walk.graph.has_plan("rows")
        if not soon_paid or differentiated(self.walk.weight, y):
            return _by_edges(self.walk, y, self.columns)
        return multiply(self.matrix, y)

    @cached_property
    def matrix(self) -> Tensor:
        """W, (N, N) CSR, outside autograd."""
        pattern, size = row_pattern(self.walk.graph), self.walk.graph.num_nodes
        weight = self.walk.weight.detach()
        values = pattern.values(weight.new_zeros(size), -weight)
        return csr(pattern.indptr, pattern.indices, values, (size, size))


def _by_edges(walk: Walk, y: Tensor, planned: float) -> Tensor:
    """W y; block by block if the rows that all products together gather for backward are more than `KEPT`."""
    graph, columns = walk.graph, max(y.shape[1], 1)
    # `torch.func` refuses blocks, so that there they are left to products that are too large by themselves.
    together = max(columns, planned) if math.isfinite(planned) and not transformed() else columns
    if graph.num_edges * together <= KEPT:
        return neighbour_sum(graph, walk.weight, y)
    size = max(graph.num_nodes, AT_ONCE // columns)  # so adding up a block costs no more than gathering it
    total = torch.zeros_like(y)
    for edges, weight in zip(graph.edges.split(size, dim=1), walk.weight.split(size), strict=True):
        block = unchecked(edges, graph.num_nodes, graph.directed)
        # Nothing is random here: keeping the generator's state would only cost time.
        total = total + checkpoint(neighbour_sum, block, weight, y, use_reentrant=False, preserve_rng_state=False)
    return total


def prepared(walk: Walk, f: Tensor, self_loops: Tensor | float) -> tuple[Walk, Tensor, Tensor, Tensor | None]:
    """The walk, the columns (N, K) of `f`, and the self loops (N,), in their common type; and the unit of the columns.

    Rates that are very large or small come in units of the largest, which P does not depend on, and so do the columns,
    so that products of both are held.
    """
    check_walk(walk)
    loops = loop_weights(walk, self_loops)
    check_finite_rate(walk.graph, walk.weight, walk.killing + loops, "its killing and self loop")
    f = node_rows("f", walk, f)
    if f.device != walk.weight.device:
        raise ValueError(f"`f` is on {f.device} but the walk on {walk.weight.device}; move one with `.to(device)`.")
    kind = torch.promote_types(f.dtype, walk.weight.dtype)
    weight, killing, loops = (rate.to(kind) for rate in (walk.weight, walk.killing, loops))
    unit = common_unit(weight, killing, loops)
    if not is_usual(unit):
        weight, killing, loops = weight / unit, killing / unit, loops / unit
    check_finite("f", f)
    columns, unit = f.to(kind).reshape(len(f), math.prod(f.shape[1:])), unit_of(f).to(kind)
    if is_usual(unit):
        return Walk(walk.graph, weight, killing), columns, loops, None
    return Walk(walk.graph, weight, killing), columns / unit, loops, unit


def as_given(x: Tensor, f: Tensor, unit: Tensor | None) -> Tensor:
    """`x` (N, K) in the shape and the units of `f`."""
    return (x if unit is None else x * unit).reshape(f.shape)


def node_rows(name: str, walk: Walk, values: Tensor) -> Tensor:
    """(N, K) or (N,) numbers of the nodes, as a tensor."""
    wanted = f"(N, K) or (N,), float32 or float64, with N = {walk.graph.num_nodes}"
    values = as_floats(name, values, wanted)
    kinds = (torch.float32, torch.float64)
    if values.ndim not in (1, 2) or len(values) != walk.graph.num_nodes or values.dtype not in kinds:
        raise ValueError(f"`{name}` must be {wanted}; got {tuple(values.shape)} {values.dtype}.")
    return values


def rate_of(walk: Walk, loops: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) c + s, and where it is 0. There it is replaced by the largest weight, which keeps A well scaled."""
    rate = walk.rate + loops
    dead = rate.detach() == 0
    scale = torch.cat([walk.weight.detach(), walk.weight.new_zeros(1)]).amax()
    return torch.where(dead, torch.where(scale > 0, scale, 1.0), rate), dead


def loop_weights(walk: Walk, self_loops: Tensor | float) -> Tensor:
    """(N,): the weight of each node's self loop."""
    loops = as_numbers("self_loops", self_loops, "a number or (N,)")
    loops = kept_in("self_loops", loops, walk.weight.dtype).to(walk.weight.device)
    num_nodes = walk.graph.num_nodes
    if loops.ndim and loops.shape != (num_nodes,):
        raise ValueError(f"`self_loops` must be a number or (N,) = ({num_nodes},); got {tuple(loops.shape)}.")
    check_rates("self_loops", loops)
    return loops.expand(num_nodes)
