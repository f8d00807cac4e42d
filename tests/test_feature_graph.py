"""Graphs of feature maps: which patches are joined, and how strongly."""

import pytest
import torch

import graphrw as rw
from graphrw.build import complete_graph, cosine_similarity

MAP = torch.randn(5, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
ROWS = MAP.flatten(1).T


def dense(graph, weight):
    matrix = weight.new_zeros(graph.num_nodes, graph.num_nodes)
    matrix[graph.edges[0], graph.edges[1]] = weight
    return matrix + matrix.T


def cosines():
    unit = ROWS / ROWS.norm(dim=1, keepdim=True)
    return unit @ unit.T


def test_all_pairs_are_joined_by_their_cosine():
    graph, weight = rw.feature_graph(MAP, temperature=0.5)
    expected = ((cosines() - 1) / 0.5).exp().fill_diagonal_(0)
    torch.testing.assert_close(dense(graph, weight), expected)


def test_a_map_and_its_rows_make_the_same_graph():
    for first, second in zip(rw.feature_graph(MAP)[1:], rw.feature_graph(ROWS)[1:], strict=True):
        torch.testing.assert_close(first, second)


def test_a_radius_joins_near_pixels_alone():
    graph, weight = rw.feature_graph(MAP, radius=1.5)
    assert torch.equal(graph.edges, rw.grid_graph((4, 6), connectivity=2).edges)
    torch.testing.assert_close(weight, ((cosines() - 1) / 0.1).exp()[tuple(graph.edges)])


def test_neighbours_are_those_of_largest_cosine_however_long_the_features():
    graph, _ = rw.feature_graph(ROWS * torch.logspace(-3, 3, 24, dtype=torch.float64)[:, None], k=3)
    nearest = cosines().fill_diagonal_(-2).topk(3).indices
    expected = {(min(i, int(j)), max(i, int(j))) for i in range(24) for j in nearest[i]}
    assert {*map(tuple, graph.edges.T.tolist())} == expected


def test_a_volume_has_its_pixels_as_nodes():
    assert rw.feature_graph(torch.rand(2, 3, 4, 5) + 0.1, radius=1)[0].num_nodes == 60


def test_gradients_in_features_and_temperature_are_right():
    temperature = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    features = ROWS[:6].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda f, t: rw.feature_graph(f, temperature=t)[1], (features, temperature))


def test_cosines_in_blocks_are_cosines(monkeypatch):
    graph = complete_graph(24)
    whole = cosine_similarity(graph, ROWS)
    monkeypatch.setattr("graphrw.build.feature.AT_ONCE", 50)
    assert torch.equal(cosine_similarity(graph, ROWS), whole)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_features_of_any_size_have_cosines(unit):
    graph = complete_graph(24)
    torch.testing.assert_close(cosine_similarity(graph, ROWS * unit), cosine_similarity(graph, ROWS))


def test_half_precision_becomes_float32():
    assert rw.feature_graph(MAP.half())[1].dtype == torch.float32


def test_a_node_without_direction_is_named():
    with pytest.raises(ValueError, match="only 0 at node 1"):
        rw.feature_graph(torch.tensor([[1.0], [0.0]]))


def test_a_radius_needs_a_map_and_no_k():
    with pytest.raises(ValueError, match="`radius` needs"):
        rw.feature_graph(ROWS, radius=1.0)
    with pytest.raises(ValueError, match="k = 2"):
        rw.feature_graph(MAP, radius=1.0, k=2)


def test_directed_complete_graphs_have_every_pair_twice():
    graph = complete_graph(4, directed=True)
    assert {*map(tuple, graph.edges.T.tolist())} == {(i, j) for i in range(4) for j in range(4) if i != j}
    assert rw.Graph(graph.edges, 4, directed=True).num_edges == 12  # which checks them
