"""Where walkers end that read a guess: the equation of the node labels' experiment, and the layer that has it."""

import torch

import graphrw as rw


def test_guesses_as_absorption_are_a_walk_with_restart_and_self_loops() -> None:
    graph = rw.knn_graph(torch.rand(20, 2, dtype=torch.float64), 3)[0]
    guess, rho = torch.randn(20, 3, dtype=torch.float64).softmax(1), 0.3
    degree = torch.bincount(graph.edges.flatten(), minlength=20).double()
    rate = rho * (degree + 1)
    no_seeds, weight = torch.full((20,), -1), torch.ones(graph.num_edges, dtype=torch.float64)
    walked = rw.hitting_probabilities(rw.walk(graph, weight), no_seeds, 3, absorption=rate[:, None] * guess)
    layer = rw.nn.Propagation(alpha=1 / (1 + rho), self_loops=1.0)
    torch.testing.assert_close(layer(guess, graph), walked)
    torch.testing.assert_close(walked.sum(1), torch.ones(20, dtype=torch.float64))
