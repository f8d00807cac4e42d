"""What the good calls are made of: a grid of 2 × 3 pixels as graph, walk and image, and what goes with it."""

import torch

import graphrw as rw

GRAPH = rw.grid_graph((2, 3))
N, E = GRAPH.num_nodes, GRAPH.num_edges
WEIGHT = torch.linspace(1, 2, E)
WALK = rw.walk(GRAPH, WEIGHT)
KILLED = rw.walk(GRAPH, WEIGHT, killing=0.5)
EDGE_INDEX, EDGE_WEIGHT = rw.to_edge_index(GRAPH, WEIGHT)
SEEDS = torch.tensor([0, -1, -1, -1, -1, 1])
PAIRS = torch.tensor([[0, 1], [2, 5], [3, 3]])
FEATURES = torch.linspace(0.1, 1, 2 * N).reshape(N, 2)
SHARES = torch.tensor([[1.0, 0.0], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.4, 0.6], [0.0, 1.0]])  # (N, L)
PRIOR = torch.tensor([0.5, 0.5])
SEGMENTS = torch.tensor([[4, 4, 7], [4, 9, 7]])
SQUARE = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])  # four corners of two triangles
TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3]])
