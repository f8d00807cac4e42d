"""Walks on graphs of every kind, as multigrid and Krylov methods meet them."""

import networkx as nx
import torch

import graphrw as rw
from graphrw.solvers.multigrid.rows import structure


def random_weights(graph, decades, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 10 ** (-decades * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))


def absorbed(graph, weight, count=4):
    """The walk that ends on `count` random nodes."""
    nodes = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(1))[:count]
    return rw.absorb(rw.walk(graph, weight), nodes)


def rows_of(walk):
    return structure(walk.graph).rows(walk)


def right_hand_side(graph, columns=3):
    return torch.randn(graph.num_nodes, columns, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def some_graphs():
    generator = torch.Generator().manual_seed(0)
    power_law = torch.tensor(list(nx.barabasi_albert_graph(3000, 5, seed=0).edges())).T
    sphere = torch.nn.functional.normalize(torch.randn(2500, 3, generator=generator, dtype=torch.float64), dim=1)
    return {
        "image": rw.grid_graph((64, 64)),
        "volume": rw.grid_graph((16, 16, 16)),
        "neighbours": rw.knn_graph(torch.randn(2000, 16, generator=generator, dtype=torch.float64), 10)[0],
        "surface": rw.knn_graph(sphere, 6)[0],
        "power law": rw.Graph(power_law, 3000),
        "chain": rw.grid_graph((4000,)),
    }


KINDS = some_graphs()
