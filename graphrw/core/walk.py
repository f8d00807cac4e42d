"""A killed random walk: the one operator of the library, and what can be read off it without solving."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graphrw.core.arrays import as_numbers, as_tensor
from graphrw.core.finite import kept_in
from graphrw.core.graph import Graph, check_graph, check_nodes, part_named
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.threads import threads_for
from graphrw.core.transforms import plainly


@dataclass(frozen=True, eq=False)
class Walk:
    """A graph whose edges carry weights w ≥ 0 and whose nodes may kill the walker, with rates k ≥ 0.

    At node i the walker takes edge ij with probability w_ij / c_i and dies with probability k_i / c_i, where
    c = degree + killing. Its operator is A = diag(c) − W. Make one with `walk`, which checks its arguments.
    """

    graph: Graph
    weight: Tensor  # (E,)
    killing: Tensor  # (N,)

    @property
    def degree(self) -> Tensor:
        """(N,): d_i = Σ_j w_ij, over the edges that leave i if the graph is directed."""
        return degree(self.graph, self.weight)

    @property
    def rate(self) -> Tensor:
        """(N,): c = d + k, the diagonal of A."""
        return self.degree + self.killing

    @opaque
    def to(self, device: torch.device | str | int) -> "Walk":
        """The same walk on `device`, through which gradients come back; its graph is moved as `Graph.to` does.

        Raises:
            ValueError: for what torch does not know as a device.

        >>> moved = walk(Graph(torch.tensor([[0], [1]]), num_nodes=2), torch.ones(1))
        >>> moved.to("cpu") is moved  # as it is there already
        True
        """
        graph = self.graph.to(device)
        return self if graph is self.graph else Walk(graph, self.weight.to(device), self.killing.to(device))


@opaque
def walk(graph: Graph, weight: Tensor, killing: Tensor | float = 0.0) -> Walk:
    """The random walk on `graph` with these edge weights and killing rates.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64, of torch or NumPy, finite and ≥ 0, in the order of `graph.edges`.
        killing: (N,) or a number, finite and ≥ 0, in the same units as the weights.

    Raises:
        ValueError: for a wrong shape, type or device; a negative, infinite or NaN value; a killing > 0 that is 0 in the
            type of the weights; a node whose rate is more than its type holds; and where `torch.func.vmap` runs over
            weights or killing.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> walk(path, torch.tensor([1.0, 2.0]), killing=0.5).rate
    tensor([1.5000, 3.5000, 2.5000])
    """
    check_graph(graph)
    weight = as_tensor("weight", weight, f"(E,) = ({graph.num_edges},) float32 or float64")
    if weight.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"`weight` must be float32 or float64; got {weight.dtype}. Cast it: `.double()`, `.astype(float)`."
        )
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"`weight` must have shape (E,) = ({graph.num_edges},); got {tuple(weight.shape)}.")
    killing = as_numbers("killing", killing, "a number or (N,)")
    killing = kept_in("killing", killing, weight.dtype).to(weight.device)
    if killing.ndim and killing.shape != (graph.num_nodes,):
        raise ValueError(f"`killing` must be a number or (N,) = ({graph.num_nodes},); got {tuple(killing.shape)}.")
    if weight.device != graph.device:
        raise ValueError(f"`weight` is on {weight.device} but `graph` on {graph.device}; move one with `.to(device)`.")
    require_room(graph.num_nodes, f"A walk on {graph.num_nodes} nodes", "If few of them have edges, number those anew.")
    with threads_for(graph.num_edges):
        check_rates("weight", weight, named=partial(part_named, graph, edge=True))
        check_rates("killing", killing, named=partial(part_named, graph) if killing.ndim else None)
        check_finite_rate(graph, weight, killing)
    return Walk(graph, weight, killing.expand(graph.num_nodes))  # one number is not written out N times


def check_walk(walk: object) -> None:
    """Raise `ValueError` unless `walk` is a `Walk`."""
    if not isinstance(walk, Walk):
        raise ValueError(f"`walk` must be a `Walk`, as `walk(graph, weight)` makes it; got {type(walk).__name__}.")


def check_rates(name: str, rates: Tensor, *, batched: bool = False, named: Callable[[int], str] | None = None) -> None:
    """Raise `ValueError` unless all of `rates` are finite and ≥ 0, naming the first that is not.

    Unless `batched`, `torch.func.vmap` may not run over them. `named` says more of an index.
    """
    plainly(partial(_check_rates, name, named), rates, batched=batched)


def _check_rates(name: str, named: Callable[[int], str] | None, rates: Tensor) -> None:
    if rates.numel() == 0:
        return
    low, high = torch.aminmax(rates)
    if low >= 0 and high < torch.inf:  # false for NaN too
        return
    flat = rates.reshape(-1)
    first = int((~((flat >= 0) & (flat < torch.inf))).nonzero()[0])
    more = named(first) if named is not None else ""
    raise ValueError(f"`{name}` must be finite and not negative; got {float(flat[first])} at index {first}{more}.")


def check_finite_rate(graph: Graph, weight: Tensor, killing: Tensor, others: str = "its killing") -> None:
    """Raise `ValueError` if a rate c = d + k is more than its type holds, naming the first such node.

    `others` is what errors call that which adds up to the killing, (N,) or a number.
    """
    plainly(partial(_check_finite_rate, graph, others), weight, killing)


def _check_finite_rate(graph: Graph, others: str, weight: Tensor, killing: Tensor) -> None:
    if graph.num_nodes == 0:
        return
    largest = float(weight.amax()) if weight.numel() else 0.0
    if 4 * graph.num_edges * largest + float(killing.amax()) < torch.finfo(weight.dtype).max:
        return  # no degree exceeds twice the sum of the weights; with as much again for rounding
    over = (~(degree(graph, weight) + killing).isfinite()).nonzero()
    if len(over):
        first = int(over[0])
        where = f"node {first}{part_named(graph, first)}"
        raise ValueError(
            f"The weights of {where} and {others} must add up to a finite number; their sum is more than "
            f"{weight.dtype} holds (largest weight: {largest:.3g}). Divide all of them by a common factor."
        )


def degree(graph: Graph, weight: Tensor) -> Tensor:
    """(N,): the sum of the weights at each node; d_i = Σ_j w_ij."""
    tail, head = graph.edges
    total = weight.new_zeros(graph.num_nodes).index_add(0, tail, weight)
    return total if graph.directed else total.index_add(0, head, weight)


def neighbour_sum(graph: Graph, weight: Tensor, x: Tensor, transpose: bool = False) -> Tensor:
    """W x, or Wᵀx: for each node the weighted sum of `x` (N, K) over its neighbours."""
    # Not torch's sparse product, which has no forward-mode derivative.
    tail, head = graph.edges.flip(0) if transpose else graph.edges
    total = torch.zeros_like(x).index_add(0, tail, weight[:, None] * x[head])
    return total if graph.directed else total.index_add(0, head, weight[:, None] * x[tail])


def apply(walk: Walk, x: Tensor, transpose: bool = False) -> Tensor:
    """A x = c ⊙ x − W x for `x` (N, K), or Aᵀx; differentiable in everything."""
    return walk.rate[:, None] * x - neighbour_sum(walk.graph, walk.weight, x, transpose)


def node_mask(graph: Graph, nodes: Tensor) -> Tensor:
    """(N,) bool: true on `nodes` (M,) int64."""
    check_nodes(graph, nodes)
    mask = torch.zeros(graph.num_nodes, dtype=torch.bool, device=graph.device)
    mask[nodes] = True
    return mask
