"""Neural Diffusion Distance's layer: node features in, diffusion distances out."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from graphrw.build.affinity import above, gaussian_affinity
from graphrw.convert.pyg import split
from graphrw.core.arrays import as_tensor, whole_numbers
from graphrw.core.components import node_components
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.walk import walk
from graphrw.core.warn import warn
from graphrw.core.whole import check_positive, check_whole
from graphrw.functional.diffusion import diffusion_map
from graphrw.functional.distances import (
    dense_squared_distance,
    diffusion_similarity,
    require_distances,
    squared_distance,
)
from graphrw.nn.inputs import Given, as_graph, checked_features

ONE_WAY = "drop both directions of an edge at once (`force_undirected=True`): a diffusion distance needs both"


class DiffusionDistance(nn.Module):
    """Diffusion distances on a graph whose weights come from learned features (Sun & Xu, NeurIPS 2019).

        w_ij = ε + (1 − ε) exp(−μ |f_i − f_j|²) on the edges given,  D_t as `diffusion_distance`,  K_D = exp(−γ D_t);
    μ, t and γ are learned through their logarithms. ε = 1e-6 lets no node be cut off, however far its features lie.

    Departs from the paper and its authors' code: eigenpairs converge to a residual of 1e-10 and the gradient is that of
    the converged map, not of unrolled steps (for those see `unrolled_diffusion_map`); they are ordered by |λ|, negative
    ones count (the authors set them to 0); vectors are Φ = D^{−½}Ψ√Σd, not Schur vectors of unit length, so that D_t is
    about N times larger and γ N times smaller; nodes have no self loops (the authors' have weight 1).

    Args:
        k: how many eigenpairs, of each graph in a batch; one of fewer nodes has all of its own. On a 4-connected grid,
            whose eigenvalues come in pairs of λ and −λ, an even number.
        mu: initial μ > 0, the paper's letter for the β of `gaussian_affinity`: in inverse squared units of the features
            (the authors start at 0.005).
        time: initial t > 0, in steps (8).
        scale: initial γ > 0 (1000, for unit vectors).

    Call it ``layer(x, graph)`` with features (N, C) and a `Graph`, or PyG's (2, E') edge_index with both directions of
    each edge, or its adj_t → (N, N) squared distances. ``weight`` (E,) (or (E',)) multiplies w_ij; ``pairs`` (P, 2) →
    (P,), or ``rows`` (R,) → (R, N), make no N × N matrix; ``layer.map(x, graph)`` → (N, k) are the coordinates;
    ``layer.similarity(distance)`` is K_D, of the shape of `distance`. Features in half precision are widened.

    The graphs of a batch do not meet: a `Graph` that `Graph.batch` or `from_pyg` made knows them, an edge_index needs
    PyG's ``batch`` (N,), the graph of each node. Without it, it is one graph, and a warning tells if it does not hang
    together. Nodes of different graphs are infinitely
    far apart; ``layer.dense(x, graph)`` → (B, n, n) and a mask (B, n) has the distances within graphs alone. In the
    coordinates of a graph of fewer than k nodes the last columns are 0: see `map_mask`.

    Raises:
        ValueError: unless `k` ≥ 1 and the rest is positive and finite; for self loops, which the walk here does not
            have; and as `diffusion_distance`.

    >>> layer = DiffusionDistance(k=2, mu=1.0, time=1.0)
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> layer(torch.ones(3, 4), path, pairs=torch.tensor([[0, 1]])).detach()
    tensor([4.0000])
    """

    def __init__(self, k: int = 50, *, mu: float = 5e-3, time: float = 8.0, scale: float = 1.0) -> None:
        super().__init__()
        start = {"mu": mu, "time": time, "scale": scale}
        self._start = {f"log_{name}": check_positive(name, value) for name, value in start.items()}
        self.k = check_whole("k", k, 1)
        self.log_mu = nn.Parameter(torch.empty(()))
        self.log_time = nn.Parameter(torch.empty(()))
        self.log_scale = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """μ, t and γ as the layer was made with."""
        for name, value in self._start.items():
            nn.init.constant_(getattr(self, name), math.log(value))

    @opaque
    def forward(
        self,
        x: Tensor,
        graph: Given,
        weight: Tensor | None = None,
        pairs: Tensor | None = None,
        *,
        rows: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Squared diffusion distances; see the class."""
        if pairs is None:  # before the map, which takes long
            x = checked_features(x, "(N, C) floats")
            rows = None if rows is None else as_tensor("rows", rows, "(R,) int64")
            require_distances(len(x) if rows is None else rows.numel(), len(x))
        graph, z = self._mapped(x, graph, weight, batch)
        return squared_distance(graph, z, pairs, rows)

    @opaque
    def map(self, x: Tensor, graph: Given, weight: Tensor | None = None, *, batch: Tensor | None = None) -> Tensor:
        """(N, k): coordinates whose squared distances are the diffusion distances."""
        return self._mapped(x, graph, weight, batch)[1]

    @opaque
    def dense(
        self, x: Tensor, graph: Given, weight: Tensor | None = None, *, batch: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Distances (B, n, n) within each of B graphs, 0 beyond its nodes; and the mask (B, n) of its nodes."""
        return dense_squared_distance(*self._mapped(x, graph, weight, batch))

    def similarity(self, distance: Tensor) -> Tensor:
        """K_D = exp(−γ D_t); 0 between different graphs of a batch."""
        return diffusion_similarity(distance, self.log_scale.exp())

    def extra_repr(self) -> str:
        mu, time, scale = (float(value.detach().exp()) for value in (self.log_mu, self.log_time, self.log_scale))
        return f"k={self.k}, mu={mu:.4g}, time={time:.4g}, scale={scale:.4g}"

    def _mapped(self, x: Tensor, graph: Given, weight: Tensor | None, batch: Tensor | None) -> tuple[Graph, Tensor]:
        x = checked_features(x, "(N, C) floats")
        check_finite("x", x, DIVERGED)
        given = graph
        graph, prior, loops = as_graph(given, weight, len(x), one_way=ONE_WAY)
        if loops is not None and bool(loops.detach().any()):
            raise ValueError(
                "`DiffusionDistance` has no self loops (see the class): remove them with `torch_geometric.utils."
                "remove_self_loops(edge_index, edge_weight)`."
            )
        if batch is not None:
            graph, prior = _parted(graph, prior, batch)
        elif given is not graph:
            _warn_of_parts(graph)
        if not graph.parts and graph.num_nodes < self.k:
            graph = Graph.batch([graph])  # graphs of a batch may have fewer nodes than k
        weight = above(gaussian_affinity(graph, x, self.log_mu.exp())) * prior
        return graph, diffusion_map(walk(graph, weight), self.log_time.exp(), self.k)


def _warn_of_parts(graph: Graph) -> None:
    """Warn of an edge_index of several components: they are most often the graphs of a batch."""
    count = len(node_components(graph.edges, graph.num_nodes).unique())
    if count > 1:
        warn(
            f"The edge_index falls into {count} components, which are taken for one graph, so that they share its k "
            "eigenpairs. If they are graphs of a batch, pass PyG's `batch`; if not, `batch=torch.zeros(N, "
            "dtype=torch.int64)` says so."
        )


def _parted(graph: Graph, weight: Tensor, batch: Tensor) -> tuple[Graph, Tensor]:
    """`graph` as the batch of graphs that `batch` (N,) tells of, and its weights in the order of their edges."""
    if graph.parts:
        raise ValueError("`graph` is a batch of graphs, and knows them: leave out `batch`.")
    batch = whole_numbers("batch", batch, f"({graph.num_nodes},) int64, PyG's vector of each node's graph")
    if batch.shape != (graph.num_nodes,):
        raise ValueError(f"`batch` must be ({graph.num_nodes},), the graph of each node; got {tuple(batch.shape)}.")
    if len(batch) and (int(batch[0]) < 0 or bool((batch.diff() < 0).any())):
        raise ValueError("`batch` must not fall, and start from 0 or more: nodes of one graph stand together.")
    counts = batch.bincount()
    return split(graph, weight, pad(counts.cumsum(0), (1, 0)), "`edge_index`")
