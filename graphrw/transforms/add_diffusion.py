"""Encodings of nodes and edges by how walkers spread."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform

from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_whole
from graphrw.functional.diffusion import scaled_map, walks_of_batch
from graphrw.spectral import inverse_root, spectral_map
from graphrw.transforms.inputs import checked_data, checked_name, checked_times, checked_weight_name, graph_of

TIMES = (1.0, 2.0, 4.0, 8.0)
SMALL = 128  # nodes of a graph whose matrix is no larger than what checks take without it


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
        kind, maps = _maps(checked_data(data), self.weight, self.times, self.k)
        lengths = [
            torch.where(each.moving[:, None], (each.z.square() @ each.left - 1).clamp(min=0), 0.0) for each in maps
        ]
        data[self.attr_name] = torch.cat(lengths).to(kind)
        return data


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
        kind, maps = _maps(checked_data(data), self.weight, self.times, self.k)
        tail, head = data.edge_index
        distance = torch.zeros(len(tail), len(self.times), dtype=kind, device=tail.device)
        start = 0
        for each in maps:
            inside = (tail >= start) & (tail < start + len(each.z))
            first, second = tail[inside] - start, head[inside] - start
            distance[inside] = ((each.z[first] - each.z[second]).square() @ each.left).to(kind)
            start += len(each.z)
        data[self.attr_name] = distance
        return data


class _Map(NamedTuple):
    """The diffusion map of one graph at the first of the times."""

    z: Tensor  # (N, k)
    left: Tensor  # (k, T): what is left of the square of each coordinate at each time
    moving: Tensor  # (N,) bool: where a walker can take a step


def _maps(data: Data, name: str | None, times: Sequence[float], k: int | None) -> tuple[torch.dtype, list[_Map]]:
    """The type of the weights, and the map of each graph."""
    if k is None and (plain := _plain_matrix(data, name)) is not None:
        kind, matrix = plain
        return kind, [_map_of_matrix(matrix, times)]
    graph, weight, _ = graph_of(data, name)
    return weight.dtype, [_map(part, times, k) for part in walks_of_batch(walk(graph, weight))]


def _plain_matrix(data: Data, name: str | None) -> tuple[torch.dtype, Tensor] | None:
    """The type of the weights and W (N, N), in float64, of a small graph that leaves nothing to be said; else None.

    Most of the time that `graph_of` takes for a molecule goes into its checks. Here they are made at once, on the
    matrix; where one fails, `graph_of` finds out which, and says it.
    """
    index, num_nodes = data.edge_index, data.num_nodes
    weight = data.get(name) if name is not None else None
    if weight is None:
        weight = torch.ones(index.shape[1:], device=index.device) if name in (None, "edge_weight") else index
    usual = type(index) is Tensor and index.dtype == torch.int64 and weight.shape == index.shape[1:]
    floats = weight.dtype in (torch.float32, torch.float64)
    if isinstance(data, Batch) or not (usual and floats and 0 < num_nodes <= SMALL and index.numel()):
        return None
    first, last = torch.aminmax(index)
    if not (first >= 0 and last < num_nodes and weight.amin() >= 0):
        return None
    matrix = torch.zeros(num_nodes, num_nodes, dtype=torch.float64, device=index.device)
    matrix.index_put_((index[0], index[1]), weight.double(), accumulate=True)
    plain = torch.equal(matrix, matrix.T) and not matrix.diagonal().any() and matrix.sum() < torch.inf
    return (weight.dtype, matrix) if plain else None


def _map(part: Walk, times: Sequence[float], k: int | None) -> _Map:
    num_nodes, first = part.graph.num_nodes, min(times)
    if k is None or k >= num_nodes:  # for molecules most of the time of a search would go into preparing it
        require_room(3 * num_nodes**2, f"All eigenpairs of {num_nodes} nodes", "Give `k`, how many are wanted.")
        matrix = torch.zeros(num_nodes, num_nodes, dtype=torch.float64, device=part.weight.device)
        tail, head = part.graph.edges
        matrix[tail, head] = matrix[head, tail] = part.weight.double()
        return _map_of_matrix(matrix, times)
    z, values = spectral_map(part, first, k)
    return _Map(scaled_map(part, z), _left(values, times, first), part.rate > 0)


def _map_of_matrix(matrix: Tensor, times: Sequence[float]) -> _Map:
    """From all eigenpairs of S = D^−½ W D^−½."""
    matrix = matrix / unit_of(matrix)  # on whose scale nothing depends, and of which sums are held
    rate = matrix.sum(1)
    root = inverse_root(rate)[:, None]
    values, vectors = torch.linalg.eigh(root * matrix * root.T)
    return _Map(rate.sum().sqrt() * root * vectors, _left(values, times, 0.0), rate > 0)


def _left(values: Tensor, times: Sequence[float], first: float) -> Tensor:
    later = torch.tensor(times, dtype=values.dtype, device=values.device) - first
    return values.abs()[:, None] ** (2 * later)
