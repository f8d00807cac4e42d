"""Encodings of nodes and edges by how walkers spread."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphrw.convert.pyg import from_pyg
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_whole
from graphrw.functional.diffusion import scaled_map, walks_of_batch
from graphrw.spectral import inverse_root, spectral_map
from graphrw.transforms.inputs import checked_data, checked_name, checked_times, checked_weight_name

TIMES = (1.0, 2.0, 4.0, 8.0)


@dataclass(kw_only=True, eq=False)
class _AddDiffusion(BaseTransform):  # type: ignore[misc]
    """What is the same for nodes and for edges."""

    times: Sequence[float] = field(default=TIMES, kw_only=False)
    k: int | None = field(default=None, kw_only=False)
    weight: str | None = field(default="edge_weight", repr=False)
    attr_name: str = field(repr=False)

    def __post_init__(self) -> None:
        self.times = checked_times(self.times)
        if self.k is not None:
            check_whole("k", self.k, 1)
        checked_weight_name(self.weight)
        checked_name("attr_name", self.attr_name)


@dataclass(kw_only=True, eq=False)
class AddDiffusionMap(_AddDiffusion):
    """How far a walker from each node is from equilibrium after t steps, for several t.

        χ²_t(i) = Σ_l (Pᵗ_il − π_l)² / π_l = Σ_m |λ_m|²ᵗ Φ_m(i)² − 1,    π = d / Σd,

    the squared distance, in the diffusion map of time t, of node i from the equilibrium (Coifman & Lafon 2006). The map
    itself is known up to signs, and where eigenvalues repeat up to rotations. Such distances do not change with them:
    a model need not learn to be blind to them, unlike with `AddLaplacianEigenvectorPE`.

    Args:
        times: t ≥ 0, at least one.
        k: eigenpairs of largest |λ|, ≥ 1; at most N are taken. None: all, which is exact, and for small graphs.
        weight: name of the attribute that holds the weights, as in `from_pyg`.
        attr_name: of what is added, (N, T), in the type of the weights.

    Raises:
        ValueError: for times, a `k` or names that are none; called with directed data or self loops, as `from_pyg`.

    Warns:
        SpectralCutWarning: called with a graph where the eigenvalue after the k-th has the same |λ|.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> AddDiffusionMap(times=(0, 1))(path).diffusion_map.round(decimals=4)
    tensor([[3., 1.],
            [1., 1.],
            [3., 1.]])
    """

    attr_name: str = field(default="diffusion_map", repr=False)

    @opaque
    @torch.no_grad()
    def forward(self, data: Data) -> Data:
        graph, weight = from_pyg(checked_data(data), self.weight)
        parts = [self._lengths(part) for part in walks_of_batch(walk(graph, weight))]
        data[self.attr_name] = torch.cat(parts)
        return data

    def _lengths(self, part: Walk) -> Tensor:
        z, shares = _map(part, self.times, self.k)
        lengths = z.square() @ shares - 1
        return torch.where(part.rate[:, None] > 0, lengths.clamp(min=0), 0).to(part.weight.dtype)


@dataclass(kw_only=True, eq=False)
class AddDiffusionDistance(_AddDiffusion):
    """The diffusion distance between the two ends of each edge, for several times: `diffusion_distance`, squared.

    An encoding of edges, small inside clusters and large between them; as `AddDiffusionMap` it knows no signs.

    Args:
        times: t ≥ 0, at least one.
        k: eigenpairs of largest |λ|, ≥ 1; at most N are taken. None: all, which is exact, and for small graphs.
        weight: name of the attribute that holds the weights, as in `from_pyg`.
        attr_name: of what is added, (M, T), in the order of ``edge_index``.

    Raises:
        ValueError: for times, a `k` or names that are none; called with directed data or self loops, as `from_pyg`.

    Warns:
        SpectralCutWarning: called with a graph where the eigenvalue after the k-th has the same |λ|.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> AddDiffusionDistance(times=(1,))(path).diffusion_distance.T.round(decimals=4)
    tensor([[4., 4., 4., 4.]])
    """

    attr_name: str = field(default="diffusion_distance", repr=False)

    @opaque
    @torch.no_grad()
    def forward(self, data: Data) -> Data:
        graph, weight = from_pyg(checked_data(data), self.weight)
        tail, head = data.edge_index
        distance = weight.new_zeros(data.edge_index.shape[1], len(self.times))
        start = 0
        for part in walks_of_batch(walk(graph, weight)):
            inside = (tail >= start) & (tail < start + part.graph.num_nodes)
            first, second = tail[inside] - start, head[inside] - start
            z, shares = _map(part, self.times, self.k)
            distance[inside] = ((z[first] - z[second]).square() @ shares).to(weight.dtype)
            start += part.graph.num_nodes
        data[self.attr_name] = distance
        return data


def _map(part: Walk, times: Sequence[float], k: int | None) -> tuple[Tensor, Tensor]:
    """The diffusion map (N, k) at the first time, and the shares (k, T) of its squares that are left at each."""
    num_nodes, first = part.graph.num_nodes, min(times)
    if k is None or k >= num_nodes:  # for molecules most of the time of a search would go into preparing it
        first, (z, values) = 0.0, _all_eigenpairs(part)
    else:
        z, values = spectral_map(part, first, k)
    later = torch.tensor(times, dtype=values.dtype, device=values.device) - first
    return scaled_map(part, z), values.abs()[:, None] ** (2 * later)


def _all_eigenpairs(part: Walk) -> tuple[Tensor, Tensor]:
    """Ψ (N, N) and Λ (N,) of S = D^−½ W D^−½, in float64."""
    num_nodes, (tail, head) = part.graph.num_nodes, part.graph.edges
    require_room(3 * num_nodes**2, f"All eigenpairs of {num_nodes} nodes", "Give `k`, how many are wanted.")
    root = inverse_root(part.rate.double())
    matrix = root.new_zeros(num_nodes, num_nodes)
    matrix[tail, head] = matrix[head, tail] = root[tail] * part.weight.double() * root[head]
    values, vectors = torch.linalg.eigh(matrix)
    return vectors, values
