"""What the tests of `boundary_probabilities` share: small problems, and sums over paths by dense algebra."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphrw import Graph
from graphrw.functional import boundary as subject
from graphrw.testing import sample_graphs

GRAPHS = sample_graphs()
CONNECTED = ["grid", "directed", "disconnected", "batched", "batch of equals", "repeated eigenvalues"]
SEEDS = {
    "grid": {0: 0, 7: 1, 11: 2},
    "directed": {0: 0, 4: 1},
    "disconnected": {0: 0, 2: 1, 4: 1},
    "batched": {0: 0, 3: 1, 6: 0},
    "batch of equals": {0: 0, 2: 1, 4: 1, 7: 0},
    "repeated eigenvalues": {0: 0, 2: 1},
}
every_graph = pytest.mark.parametrize("name", CONNECTED)


def labelled(num_nodes: int, seeds: dict[int, int]) -> Tensor:
    labels = torch.full((num_nodes,), -1)
    labels[list(seeds)] = torch.tensor(list(seeds.values()))
    return labels


def numbers(size: int, seed: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(size, generator=generator, dtype=torch.float64)


def problem(name: str, strength: float = 2.0) -> tuple[Graph, Tensor, Tensor, Tensor]:
    """A graph with boundary scores, seeds and weights."""
    graph = GRAPHS[name]
    seeds = labelled(graph.num_nodes, SEEDS[name])
    return graph, numbers(graph.num_nodes, 0, 0, strength), seeds, numbers(graph.num_edges, 1, 0.5, 1.5)


def transition(
    graph: Graph,
    boundary: Tensor,
    weight: Tensor | None = None,
    stay: Tensor | None = None,
    exits: Tensor | None = None,
    degree_normalised: bool = True,
) -> Tensor:
    """M with Z = M Z on the free nodes, entry by entry as the definition says."""
    matrix = torch.zeros(graph.num_nodes, graph.num_nodes, dtype=torch.float64)
    weights = torch.ones(graph.num_edges) if weight is None else weight
    for (tail, head), value in zip(graph.edges.T.tolist(), weights.tolist(), strict=True):
        for i, j in [(tail, head)] if graph.directed else [(tail, head), (head, tail)]:
            matrix[i, j] += value
    if stay is not None:
        matrix += torch.diag(stay)
    total = matrix.sum(1) + (0 if exits is None else exits) if degree_normalised else torch.ones(len(matrix))
    return matrix * torch.exp(-boundary)[:, None] / total[:, None]


def dense(matrix: Tensor, seeds: Tensor) -> tuple[Tensor, Tensor]:
    """Z by a dense solve, and the sums over paths between free nodes G = (I − M)⁻¹."""
    free = seeds < 0
    z = torch.zeros(len(seeds), int(seeds.max()) + 1, dtype=torch.float64)
    z[~free, seeds[~free]] = 1
    green = torch.linalg.inv(torch.eye(int(free.sum()), dtype=torch.float64) - matrix[free][:, free])
    z[free] = green @ matrix[free][:, ~free] @ z[~free]
    return z, green


def normalised(z: Tensor) -> Tensor:
    return z / z.sum(1, keepdim=True)


def force_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "FAINT", math.inf)


def both_ways(call: Callable[[], Tensor], monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """What is found by dividing sums over paths, and what through their logarithms."""
    direct = call()
    with monkeypatch.context() as patch:
        force_transform(patch)
        return direct, call()


FORMS: dict[str, Callable[[Graph], dict[str, Tensor | bool]]] = {
    "normalised": lambda graph: {},
    "stay": lambda graph: {"stay": numbers(graph.num_nodes, 2)},
    "exits": lambda graph: {"exits": numbers(graph.num_nodes, 3)},
    "stay and exits": lambda graph: {"stay": numbers(graph.num_nodes, 2), "exits": numbers(graph.num_nodes, 3)},
    "printed": lambda graph: {"degree_normalised": False},
    "printed, stay": lambda graph: {"degree_normalised": False, "stay": numbers(graph.num_nodes, 2)},
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
