"""How far it is to the seeds of each label, by the shortest path."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import check_rates
from graphrw.functional.seeds import cure_of


def shortest_distance(graph: Graph, length: Tensor, seeds: Tensor, num_labels: int) -> Tensor:
    """The length of the shortest path from each node to the nearest seed of each label; by Dijkstra, on the CPU.

    Where hitting probabilities count all paths, and so the number and the neighbours of seeds, this looks at the best
    path alone (X. Bai, G. Sapiro, A geodesic framework for fast interactive image and video segmentation and matting,
    ICCV 2007). It is not differentiable.

    Args:
        graph: N nodes, E edges.
        length: (E,) floats, finite and ≥ 0.
        seeds: (N,) int64: the label of each seed, −1 elsewhere.
        num_labels: L.

    Returns:
        (N, L) float64, on the device of the graph; infinite where no path leads to a seed of the label.

    Raises:
        ValueError: for wrong shapes, types or values.

    >>> line = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> shortest_distance(line, torch.tensor([1.0, 0.5]), torch.tensor([0, -1, 1]), num_labels=2)
    tensor([[0.0000, 1.5000],
            [1.0000, 0.5000],
            [1.5000, 0.0000]], dtype=torch.float64)
    """
    if length.shape != (graph.num_edges,) or not length.is_floating_point():
        raise ValueError(f"`length` must be ({graph.num_edges},) floats; got {tuple(length.shape)} {length.dtype}.")
    check_rates("length", length)
    if seeds.shape != (graph.num_nodes,) or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}.{cure_of(seeds)}"
        raise ValueError(f"`seeds` must be ({graph.num_nodes},) int64; got {got}")
    tail, head = graph.edges.cpu().numpy()
    # SciPy takes stored zeros for missing edges in places; the least number above 0 changes no sum.
    values = np.maximum(length.detach().double().cpu().numpy(), np.finfo(np.float64).tiny)
    # An edge goes from where a path arrives to where it came from: paths are searched backwards from the seeds.
    steps = coo_array((values, (head, tail)), shape=(graph.num_nodes,) * 2).tocsr()
    distance = np.full((num_labels, graph.num_nodes), np.inf)
    for label in range(num_labels):
        sources = (seeds == label).nonzero().squeeze(1).cpu().numpy()
        if len(sources):
            distance[label] = dijkstra(steps, directed=graph.directed, indices=sources, min_only=True)
    return torch.from_numpy(distance.T.copy()).to(graph.device)
