"""The graph of samples that are given as points, and where new samples hang on it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from graphrw.build.affinity import above
from graphrw.build.knn import knn_graph
from graphrw.core.graph import Graph
from graphrw.core.whole import check_positive, check_whole

SCALE_NEIGHBOUR = 7  # K of self-tuning scales, as in the paper


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """The samples of a fit with the graph that joins each to its nearest ones.

    Attributes:
        points: (N, C).
        graph: of nearest neighbours.
        weight: (E,), raised as by `above`: an exponential that underflows would cut the graph.
        beta: of the weights exp(−β d²); None: self-tuning scales.
        scale: (N,) σ; None with a `beta`.
        search: finds the nearest samples of new ones.
    """

    points: NDArray[np.float64]
    graph: Graph
    weight: Tensor
    beta: float | None
    scale: NDArray[np.float64] | None
    search: Any

    @classmethod
    def of(cls, points: NDArray[np.float64], n_neighbors: int, beta: float | None) -> Self:
        """Join samples to their nearest ones; errors are those of the estimator's parameters."""
        n_neighbors = check_whole("n_neighbors", n_neighbors, 1)
        if beta is not None:
            beta = check_positive("beta", beta, reason=", or None for self-tuning scales")
        k = min(n_neighbors, len(points) - 1)
        graph, distance = knn_graph(torch.tensor(points), k)
        if beta is None:
            sigma = _scale(graph, distance, points, k)
            tail, head = graph.edges
            scale, exponent = sigma.numpy(), distance / sigma[tail] * (distance / sigma[head])
        else:
            scale, exponent = None, beta * distance.square()
        search = NearestNeighbors(n_neighbors=min(n_neighbors, len(points))).fit(points)
        return cls(points, graph, above(torch.exp(-exponent)), beta, scale, search)

    def nearest(self, new: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The nearest samples (M, k) of new ones (M, C), and their shares in them, by affinity; equal ones have all."""
        index: NDArray[np.int64] = self.search.kneighbors(new, return_distance=False)
        distance = np.stack([np.linalg.norm(new - self.points[near], axis=1) for near in index.T], axis=1)
        same = distance == 0
        if self.scale is None:
            exponent = self.beta * distance**2
        else:
            own = distance[:, min(index.shape[1], SCALE_NEIGHBOUR) - 1, None]
            exponent = distance**2 / np.where(own > 0, own * self.scale[index], 1.0)
        exponent = np.where(same.any(1, keepdims=True), np.where(same, 0.0, np.inf), exponent)
        share: NDArray[np.float64] = softmax(-exponent, axis=1)
        return index, share


def _scale(graph: Graph, distance: Tensor, points: NDArray[np.float64], k: int) -> Tensor:
    """(N,) σ: the distance to the 7th neighbour (the last, if there are fewer) that is not the same point."""
    apart = distance > 0
    node, length = graph.edges[:, apart].flatten(), distance[apart].repeat(2)
    count = node.bincount(minlength=graph.num_nodes)
    if bool((count == 0).any()):
        copies = int(np.unique(points, axis=0, return_counts=True)[1].max())
        raise ValueError(
            f"{int((count == 0).sum())} samples (first: {int(count.argmin())}) equal all of their {k} nearest "
            f"neighbours, so that no distance tells their scale. Up to {copies} samples are equal: take `n_neighbors` "
            f"from {copies}, keep one of equal samples (`numpy.unique(X, axis=0)`), or give `beta`."
        )
    order = length.argsort(stable=True)
    order = order[node[order].argsort(stable=True)]  # by node, then by distance
    return length[order[count.cumsum(0) - count + count.clamp(max=min(k, SCALE_NEIGHBOUR)) - 1]]
