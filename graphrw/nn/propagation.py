"""The layer of Convolutional Random Walk Networks: features spread along a random walk."""

from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.transforms import plainly
from graphrw.core.walk import walk
from graphrw.core.whole import check_flag, check_not_negative, check_whole
from graphrw.functional.propagation import check_alpha, damp, resolvent, step
from graphrw.nn.bipartite import between
from graphrw.nn.inputs import Given, as_graph, checked_features, options
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


class Propagation(MessagePassing):  # type: ignore[misc]  # sends no messages, but explainers and `to_hetero` look for it
    """Features spread along a random walk with transition matrix A (Bertasius et al., CVPR 2017).

    * ``Propagation()``: the limit (1 − α)(I − αA)⁻¹ f of the steps below, by one solve, with an exact gradient;
      with ``average=False`` (I − αA)⁻¹ f, the paper's prediction.
    * ``Propagation(alpha, steps=t)``: t steps ŷ ← αAŷ + (1 − α) f from ŷ = f.
    * ``Propagation(None, steps=1)``: A f, the paper's layer in training; for t steps Aᵗ f.

    Here A = D⁻¹W, or D^−½ W D^−½ if `symmetric`; with self loops of weight s, W + s and D + s in place of W and D.

    Args:
        alpha: α in (0, 1): the probability of going on; None: without restart. The paper tests with 0.01, which hardly
            spreads anything. What PyG's APPNP calls alpha is 1 − α.
        steps: t; None: the limit.
        learn_alpha: learn α, as the sigmoid of a parameter `logit`.
        average: whether the limit has the factor 1 − α, with which rows sum to 1 (not if `symmetric`).
        symmetric: the symmetric normalisation.
        self_loops: s ≥ 0, in the units of weights, at every node that has no self loop in the edge_index.
        directed: keep each direction of an edge_index as an edge of its own, also where their weights differ, as those
            of attention do; a `Graph` knows.
        solver: how to solve for the limit. On graphs without geometry, where factors fill up, `solvers.CG()` needs few
            iterations (undirected graphs only): I − αA is well conditioned.

    Raises:
        ValueError: for values out of range, or options that exclude each other; as `step` and `resolvent`; and called
            where a learned α has become 0 or 1.

    Call it as ``layer(x, graph, weight)``, or without weight: x (N, K), a `Graph` with weights (E,), PyG's edge_index
    and edge_weight, or its adj_t → (N, K). A node gathers from where a walker goes: along the edges of a directed
    `Graph`, against those of a directed edge_index, as PyG's messages run from source to target. Self loops of an
    edge_index are steps that stay. Weights are normalised here: those of `gcn_norm` would be so twice. Half precision,
    as autocast makes it, is widened to float32. An edge_index is folded, and planned for, anew at each call; a `Graph`
    once.

    A node without any edge or self loop gathers nothing. It holds (1 − α) x in the limit and after any number of steps,
    as in APPNP without self loops; x if not `average`; 0 without restart. With self loops it gathers from itself and
    holds x.

    As PyG's convolutions, the layer takes ``x = (x_source, x_target)`` with an edge_index between two kinds of nodes,
    as `to_hetero` passes it: walks go from targets to sources and end there. PyG's explainers can mask its edges.

    APPNP(K, a) is ``Propagation(1 − a, K, symmetric=True, self_loops=1.0)``; for K → ∞ leave K out.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> Propagation(alpha=0.5)(torch.tensor([[0.0], [0.0], [1.0]]), path).T
    tensor([[0.0833, 0.1667, 0.5833]])
    """

    def __init__(
        self,
        alpha: float | None = 0.9,
        steps: int | None = None,
        *,
        learn_alpha: bool = False,
        average: bool = True,
        symmetric: bool = False,
        self_loops: float = 0.0,
        directed: bool = False,
        solver: Solver = Auto(),
    ) -> None:
        super().__init__(aggr=None)
        _check_options(alpha, steps, learn_alpha, average)
        check_solver(solver)
        check_not_negative("self_loops", self_loops)
        self._alpha, self.steps, self.average = alpha, steps, average
        self.symmetric, self.directed = check_flag("symmetric", symmetric), check_flag("directed", directed)
        self.self_loops, self.solver = self_loops, solver
        self.logit = nn.Parameter(torch.logit(torch.tensor(alpha))) if learn_alpha else None

    @property
    def alpha(self) -> Tensor | float | None:
        """α: a number, or a tensor () if it is learned; None without restart."""
        return self._alpha if self.logit is None else widened(self.logit).sigmoid()

    def reset_parameters(self) -> None:
        """α as the layer was made with."""
        if self.logit is not None:
            nn.init.constant_(self.logit, torch.logit(torch.tensor(self._alpha)).item())

    @opaque
    def forward(self, x: Tensor | tuple[Tensor, Tensor], graph: Given, weight: Tensor | None = None) -> Tensor:
        """The features after the walk; see the class for the ways to call it."""
        if isinstance(x, tuple):
            if self.symmetric:
                raise ValueError("`symmetric` needs nodes of one kind; got sources and targets. Leave it out.")
            both, graph, weight = between(x, graph, weight, self._mask())
            return self._walked(both, graph, weight, None)[len(x[0]) :]
        x = checked_features(x, "(N, K) floats")
        check_finite("x", x, DIVERGED)
        return self._walked(x, *as_graph(graph, weight, len(x), directed=self.directed, mask=self._mask()))

    def _walked(self, x: Tensor, graph: Graph, weight: Tensor, listed: Tensor | None) -> Tensor:
        """The features after a walk with the self loops that are `listed` (N,), and the layer's own at other nodes."""
        alpha = self._checked_alpha()
        loops = self.self_loops if listed is None else torch.where(listed > 0, listed, self.self_loops)
        moved = walk(graph, weight.to(torch.promote_types(x.dtype, weight.dtype)))
        if self.steps is not None:
            restart = None if alpha is None else 1 - alpha
            return step(moved, x, self.steps, restart, self_loops=loops, symmetric=self.symmetric)
        alpha = cast(Tensor | float, alpha)  # without α there are steps
        damped = damp(moved, alpha, self_loops=loops)
        y = resolvent(damped, x, self.solver, self_loops=loops, symmetric=self.symmetric)
        return (1 - alpha) * y if self.average else y

    def _checked_alpha(self) -> Tensor | float | None:
        """α, unless training has brought it to where it rounds to 0 or 1, or 1 − α does in steps."""
        alpha = self.alpha
        if isinstance(alpha, Tensor) and not 0 < plainly(float, alpha if self.steps is None else 1 - alpha) < 1:
            raise ValueError(
                f"`Propagation` has learned α = {plainly(float, alpha):.4g}, an end of (0, 1): its parameter `logit` "
                "has run away, and no gradient brings it back. Go back to earlier weights, with a smaller learning "
                "rate, or weight decay for `logit`."
            )
        return alpha

    def _mask(self) -> Tensor | None:
        """(M,): what an explainer lets through of each edge."""
        mask: Tensor | None = self._edge_mask if self.explain else None
        return mask.sigmoid() if mask is not None and self._apply_sigmoid else mask

    def propagate(self, edge_index: Given, size: object = None) -> Tensor:
        raise NotImplementedError("`Propagation` sends no messages along single edges: call the layer itself.")

    def __repr__(self) -> str:
        return nn.Module.__repr__(self)

    def extra_repr(self) -> str:
        alpha = self._alpha if self.logit is None else f"{float(self.logit.detach().sigmoid()):.4g}, learn_alpha=True"
        return f"alpha={alpha}, " + options(self, "steps", "average", "symmetric", "self_loops", "directed", "solver")


def _check_options(alpha: float | None, steps: int | None, learn_alpha: bool, average: bool) -> None:
    check_flag("learn_alpha", learn_alpha)
    check_flag("average", average)
    if alpha is not None:
        check_alpha(alpha)
    elif steps is None:
        raise ValueError("`alpha=None` never ends without `steps`; give a number of steps, or `alpha` in (0, 1).")
    elif learn_alpha:
        raise ValueError("`learn_alpha` needs an `alpha` to start from, in (0, 1); got None.")
    if steps is not None:
        check_whole("steps", steps, 0, reason=", or None (the limit)")
        if not average:
            raise ValueError(f"`average=False` is for the limit alone; got `steps={steps}`: leave one of them out.")
