"""Walks whose spectra the tests know, and what they compare with."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.solvers import Multigrid
from graphrw.solvers.auto import Choice


def ring(count: int) -> Graph:
    nodes = torch.arange(count)
    return Graph(torch.stack([nodes, (nodes + 1) % count]), count)


def union(*graphs: Graph) -> Graph:
    """The disjoint union as one graph, not as a batch."""
    batch = Graph.batch(graphs)
    return Graph(batch.edges, batch.num_nodes)


def random_weight(graph: Graph, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)).to(dtype)


def random_walk(graph: Graph, seed: int = 0, killing: float = 0.0) -> Walk:
    return walk(graph, random_weight(graph, seed), killing)


def dense_matrix(moved: Walk) -> Tensor:
    """S entry by entry."""
    rate, matrix = moved.rate, torch.zeros(moved.graph.num_nodes, moved.graph.num_nodes, dtype=torch.float64)
    for (tail, head), weight in zip(moved.graph.edges.T.tolist(), moved.weight.tolist(), strict=True):
        if weight:
            matrix[tail, head] = matrix[head, tail] = weight / math.sqrt(rate[tail] * rate[head])
    return matrix


def leading_sizes(moved: Walk, k: int) -> Tensor:
    """(k,) the largest |λ| of S, densely."""
    sizes: Tensor = torch.linalg.eigvalsh(dense_matrix(moved)).abs().sort(descending=True).values
    return sizes[:k]


def random_loss(graph: Graph, seed: int = 1) -> Callable[[Tensor], Tensor]:
    """A loss of Z Zᵀ alone, so that no rotation of columns changes it."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(graph.num_nodes, (60, 2), generator=generator)
    price = torch.randn(60, generator=generator, dtype=torch.float64)

    def loss(z: Tensor) -> Tensor:
        return (price * torch.sin(3 * (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(1) + price)).sum()

    return loss


SMALL = {
    "grid": random_walk(grid_graph((4, 5))),
    "with killing": random_walk(grid_graph((4, 5)), killing=0.4),
    "uniform grid": walk(grid_graph((4, 4)), torch.ones(24, dtype=torch.float64)),
    "isolated nodes": random_walk(Graph(torch.tensor([[1, 2], [3, 3]]), 6)),
    "no edge": random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 3)),
    "one edge": random_walk(grid_graph((2,))),
    "one node": random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 1)),
    "two components": random_walk(union(ring(5), grid_graph((2, 3)))),
}


def smooth_grid(shape: tuple[int, int]) -> Walk:
    """Gaussian weights of a smooth image with noise."""
    graph = grid_graph(shape)
    rows, columns = torch.meshgrid(*(torch.linspace(0, 6, size, dtype=torch.float64) for size in shape), indexing="ij")
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = (torch.sin(rows) * torch.cos(columns) + 0.3 * noise).reshape(-1)
    tail, head = graph.edges
    return walk(graph, torch.exp(-3 * (image[tail] - image[head]).square()))


def geometric(count: int) -> Walk:
    """Points in the plane joined to their near ones, numbered at random."""
    points = torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distance = torch.cdist(points, points)
    near = (distance < math.sqrt(4 / count)).triu(1).nonzero().T
    return walk(Graph(near, count), torch.exp(-count * distance[near[0], near[1]].square()))


LARGE = {
    "grid": smooth_grid((20, 30)),
    "geometric": geometric(700),
    "with killing": random_walk(grid_graph((20, 30)), killing=0.1),
    "components": random_walk(union(ring(151), grid_graph((15, 15)), ring(149))),
}


def multigrid_plan(graph: Graph) -> Choice:
    """What `Auto` decides on a graph that is no matter for a direct solver."""
    return Choice((Multigrid(),), "")
