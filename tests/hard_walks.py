"""Walks whose systems are hard to solve to every digit."""

import numpy as np
import torch

import graphrw as rw


def wheel(killing):
    """2000 nodes on a rim and a hub of rate 2000, where alone the walk ends: A 1 = killing."""
    rim = torch.arange(1, 2001)
    edges = torch.cat([torch.stack([torch.zeros_like(rim), rim]), torch.stack([rim, rim % 2000 + 1])], dim=1)
    rates = torch.zeros(2001, dtype=torch.float64)
    rates[0] = killing
    return rw.walk(rw.Graph(edges, 2001), torch.ones(4000, dtype=torch.float64), rates)


def noise(size):
    """An image of noise at scikit-image's default contrast and two seeds in opposite corners: rates from 1 to far below
    the rounding of others, where direct factors lose every digit."""
    image = torch.rand(size * size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph = rw.grid_graph((size, size))
    seeds = torch.full((size * size,), -1)
    seeds[0], seeds[-1] = 0, 1
    return rw.walk(graph, rw.gaussian_affinity(graph, image, 130.0)), seeds


def hitting_probabilities_without_subtraction(walk, seeds):
    """(N, L) by eliminating node after node with sums, products and quotients of positive numbers alone, so that every
    digit is right whatever the contrast (Grassmann, Taksar & Heyman 1985); O(N³)."""
    nodes, (tail, head), weight = len(seeds), walk.graph.edges.numpy(), walk.weight.numpy()
    moves, ends = np.zeros((nodes, nodes)), np.eye(int(seeds.max()) + 1)[seeds.numpy()]
    moves[tail, head] = moves[head, tail] = weight
    free = np.flatnonzero(seeds.numpy() < 0)
    ends[free] = moves[np.ix_(free, np.flatnonzero(seeds.numpy() >= 0))] @ ends[seeds.numpy() >= 0]
    moves, rates, totals = moves[np.ix_(free, free)], ends[free], np.zeros(len(free))
    for node in range(len(free) - 1, -1, -1):
        row = moves[node, :node]
        totals[node] = row.sum() + rates[node].sum()
        moves[:node, :node] += np.outer(row, row / totals[node])
        np.fill_diagonal(moves[:node, :node], 0.0)
        rates[:node] += np.outer(row, rates[node] / totals[node])
    for node in range(len(free)):
        ends[free[node]] = (moves[node, :node] @ ends[free[:node]] + rates[node]) / totals[node]
    return torch.from_numpy(ends)
