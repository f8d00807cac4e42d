"""What one more seed is expected to bring, against the answers made anew with it, for every label it may get."""

import pytest
import torch

import graphrw as rw
from graphrw.functional import entropy, hitting_probabilities, next_seed
from graphrw.functional.seed_network import SeededAnswer
from graphrw.solvers import Dense
from graphrw.testing import sample_graphs

GRAPHS = {name: graph for name, graph in sample_graphs().items() if graph.num_nodes >= 6}
LABELS = 3


def problem(name):
    graph, chance = GRAPHS[name], torch.Generator().manual_seed(1)
    size = graph.num_nodes
    weight = torch.rand(graph.num_edges, generator=chance, dtype=torch.float64) + 0.1
    absorption = 0.2 * torch.rand(size, LABELS, generator=chance, dtype=torch.float64)
    seeds = torch.full((size,), -1)
    seeds[torch.randperm(size, generator=chance)[:3]] = torch.arange(3)
    return rw.walk(graph, weight), seeds, absorption, torch.rand(size, generator=chance, dtype=torch.float64)


def answer_to(walk, seeds, absorption):
    killed = rw.Walk(walk.graph, walk.weight, walk.killing + absorption.sum(1))
    return SeededAnswer.of(killed, seeds, absorption, Dense())


def expected(measure, walk, seeds, absorption, node):
    """Σ_l z_l measure(the answer with label l at `node`), each solved for anew."""
    z = hitting_probabilities(walk, seeds, absorption=absorption, solver=Dense())
    total = 0.0
    for label in range(LABELS):
        more = seeds.index_fill(0, torch.tensor([node]), label)
        after = hitting_probabilities(walk, more, absorption=absorption, solver=Dense())
        total = total + z[node, label] * measure(z, after)
    return total


@pytest.mark.parametrize("name", GRAPHS)
def test_every_expectation_is_that_over_answers_made_anew(name):
    walk, seeds, absorption, size = problem(name)
    measures = {
        next_seed.expected_change: lambda z, after: size @ (after - z).abs().sum(1),
        next_seed.expected_error_reduction: lambda z, after: size @ (after.amax(1) - z.amax(1)),
    }
    answer = answer_to(walk, seeds, absorption)
    candidates = (seeds < 0).nonzero().squeeze(1)
    for criterion, measure in measures.items():
        found = criterion(answer, candidates, size)
        wanted = torch.stack([expected(measure, walk, seeds, absorption, node) for node in candidates.tolist()])
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


def test_a_large_undecided_part_is_worth_more_than_an_undecided_node():
    """A path from one label to the other, whose middle carries a bush of five leaves on one side."""
    edges = torch.tensor([[0, 1], [1, 2], *([1, leaf] for leaf in range(5, 10)), [2, 3], [3, 4]]).T
    walk = rw.walk(rw.Graph(edges, 10), torch.ones(edges.shape[1], dtype=torch.float64))
    seeds = torch.tensor([0, -1, -1, -1, 1, *5 * [-1]])
    answer = answer_to(walk, seeds, torch.zeros(10, 2, dtype=torch.float64))
    size = torch.ones(10, dtype=torch.float64)
    candidates = torch.tensor([1, 2, 3])
    assert candidates[entropy(answer.probability[candidates]).argmax()] == 2
    assert candidates[next_seed.expected_change(answer, candidates, size).argmax()] == 1
