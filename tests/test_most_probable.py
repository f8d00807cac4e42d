"""The most probable of many labels, without all their probabilities in memory."""

import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw.functional import most_probable, most_probable_labels
from graphrw.testing import sample_graphs


def seeded(graph: rw.Graph, num_labels: int) -> tuple[rw.Walk, Tensor]:
    chance = torch.Generator().manual_seed(0)
    weight = 0.1 + torch.rand(graph.num_edges, generator=chance, dtype=torch.float64)
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[torch.randperm(graph.num_nodes, generator=chance)[:num_labels]] = torch.arange(num_labels)
    return rw.walk(graph, weight, killing=0.01), seeds


@pytest.mark.parametrize("name", ["grid", "directed", "batched"])
@pytest.mark.parametrize("at_once", [1, 2, 16])
def test_it_is_what_all_probabilities_say(name: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(most_probable, "LABELS_AT_ONCE", at_once)
    walk, seeds = seeded(sample_graphs()[name], 3)
    z = rw.hitting_probabilities(walk, seeds)
    found = most_probable_labels(walk, seeds)
    best = z.topk(2, dim=1)
    assert found.labels.tolist() == torch.where(best.values[:, 0] > 0, best.indices[:, 0], -1).tolist()
    torch.testing.assert_close(found.probability, best.values[:, 0])
    torch.testing.assert_close(found.margin, best.values[:, 0] - best.values[:, 1])
    torch.testing.assert_close(found.entropy, rw.entropy(z))


def test_what_no_seed_reaches_has_no_label() -> None:
    graph = rw.Graph.batch([rw.grid_graph((3,)), rw.grid_graph((2,))])
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64))
    found = most_probable_labels(walk, torch.tensor([0, -1, 1, -1, -1]))
    assert found.labels.tolist() == [0, 0, 1, -1, -1]
    assert found.probability.tolist() == [1.0, 0.5, 1.0, 0.0, 0.0]


def test_three_hundred_labels_take_one_factorisation_and_no_array_of_all_of_them() -> None:
    walk, seeds = seeded(rw.grid_graph((40, 40)), 300)
    with rw.record_solves() as reports:
        most_probable_labels(walk, seeds)
    assert max(report.num_columns for report in reports) == most_probable.LABELS_AT_ONCE
    assert sum(report.factor_seconds > 0 for report in reports) == 1
