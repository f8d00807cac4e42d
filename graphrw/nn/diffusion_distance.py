"""Neural Diffusion Distance's layer: node features in, diffusion distances out."""

import math

import torch
from torch import Tensor, nn

from graphrw.build.affinity import above, gaussian_affinity
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.walk import walk
from graphrw.core.whole import check_whole
from graphrw.functional.diffusion import diffusion_map, diffusion_similarity, squared_distance
from graphrw.nn.inputs import as_graph


class DiffusionDistance(nn.Module):
    """Diffusion distances on a graph whose weights come from learned features (Sun & Xu, NeurIPS 2019).

        w_ij = ε + (1 − ε) exp(−μ |f_i − f_j|²) on the edges given,  D_t as `diffusion_distance`,  K_D = exp(−γ D_t);
    μ, t and γ are learned through their logarithms. ε = 1e-6 lets no node be cut off, however far its features lie.

    Departs from the paper and its authors' code: eigenpairs converge to a residual of 1e-10 and the gradient is that of
    the converged map, not of unrolled steps (for those see `unrolled_diffusion_map`); they are ordered by |λ|, negative
    ones count (the authors set them to 0); vectors are Φ = D^{−½}Ψ√Σd, not Schur vectors of unit length, so that D_t is
    about N times larger and γ N times smaller; nodes have no self loops (the authors' have weight 1).

    Args:
        k: how many eigenpairs (of each graph in a batch); on a 4-connected grid, whose eigenvalues come in pairs of λ
            and −λ, an even number.
        mu: initial μ > 0, the paper's letter for the β of `gaussian_affinity`: in inverse squared units of the features
            (the authors start at 0.005).
        time: initial t > 0, in steps (8).
        scale: initial γ > 0 (1000, for unit vectors).

    Call it ``layer(x, graph)`` with features (N, C) and a `Graph`, or PyG's (2, E') edge_index with both directions of
    each edge → (N, N) squared distances. ``weight`` (E,) (or (E',)) multiplies w_ij; ``pairs`` (P, 2) → (P,), or
    ``rows`` (R,) → (R, N), make no N × N matrix; ``layer.map(x, graph)`` → (N, k) are the coordinates;
    ``layer.similarity(distance)`` is K_D, of the shape of `distance`. Features in half precision are widened.

    Raises:
        ValueError: unless `k` ≥ 1 and the rest is positive and finite; and as `diffusion_distance`.

    >>> layer = DiffusionDistance(k=2, mu=1.0, time=1.0)
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> layer(torch.ones(3, 4), path, pairs=torch.tensor([[0, 1]])).detach()
    tensor([4.])
    """

    def __init__(self, k: int = 50, *, mu: float = 5e-3, time: float = 8.0, scale: float = 1.0) -> None:
        super().__init__()
        for name, value in (("mu", mu), ("time", time), ("scale", scale)):
            if not 0 < value < math.inf:
                raise ValueError(f"`{name}` must be positive and finite; got {value}.")
        self.k = check_whole("k", k, 1)
        self.log_mu = nn.Parameter(torch.tensor(math.log(mu)))
        self.log_time = nn.Parameter(torch.tensor(math.log(time)))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a search for eigenpairs is no graph of torch operations
    def forward(
        self,
        x: Tensor,
        graph: Graph | Tensor,
        weight: Tensor | None = None,
        pairs: Tensor | None = None,
        *,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Squared diffusion distances; see the class."""
        graph, weight = self._weighted(x, graph, weight)
        z = diffusion_map(walk(graph, weight), self.log_time.exp(), self.k)
        return squared_distance(graph, z, pairs, rows)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a search for eigenpairs is no graph of torch operations
    def map(self, x: Tensor, graph: Graph | Tensor, weight: Tensor | None = None) -> Tensor:
        """(N, k): coordinates whose squared distances are the diffusion distances."""
        graph, weight = self._weighted(x, graph, weight)
        return diffusion_map(walk(graph, weight), self.log_time.exp(), self.k)

    def similarity(self, distance: Tensor) -> Tensor:
        """K_D = exp(−γ D_t); 0 between different graphs of a batch."""
        return diffusion_similarity(distance, self.log_scale.exp())

    def extra_repr(self) -> str:
        mu, time, scale = (float(value.detach().exp()) for value in (self.log_mu, self.log_time, self.log_scale))
        return f"k={self.k}, mu={mu:.4g}, time={time:.4g}, scale={scale:.4g}"

    def _weighted(self, x: Tensor, graph: Graph | Tensor, weight: Tensor | None) -> tuple[Graph, Tensor]:
        graph, given = as_graph(graph, weight, len(x))
        return graph, above(gaussian_affinity(graph, widened(x), self.log_mu.exp())) * given
