"""Correct and Smooth: against dense linear algebra, and as what many layers of PyG's tend to."""

import pytest
import torch
from torch_geometric.nn import CorrectAndSmooth as Layers
from torch_geometric.nn import LabelPropagation
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_dense_adj, to_undirected

import graphrw as rw
from graphrw.functional import correct, smooth
from graphrw.nn import CorrectAndSmooth

DOUBLE, N, L = torch.float64, 12, 3


def links(seed=0):
    generator = torch.Generator().manual_seed(seed)
    path = torch.stack([torch.arange(N - 2), torch.arange(1, N - 1)])  # the last node has no neighbour
    chords = torch.tensor([[0, 2, 3, 1], [5, 8, 9, 7]])
    weight = torch.rand(path.shape[1] + 4, generator=generator, dtype=DOUBLE) + 0.1
    return to_undirected(torch.cat([path, chords], 1), weight, N)


def answers(seed=1):
    return torch.rand(N, L, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE).softmax(1)


SEEDS = torch.tensor([0, -1, -1, 1, -1, -1, 2, -1, -1, 0, -1, -1])


def matrix(index, weight):
    dense = to_dense_adj(index, edge_attr=weight, max_num_nodes=N)[0]
    root = dense.sum(1).clamp(min=1e-300).rsqrt() * (dense.sum(1) > 0)
    return root[:, None] * dense * root


def errors(probability):
    known = torch.nn.functional.one_hot(SEEDS.clamp(min=0), L).double()
    return torch.where((SEEDS >= 0)[:, None], known - probability, 0.0), known


def test_errors_are_carried_by_the_resolvent_and_brought_to_their_mean_size():
    (index, weight), probability = links(), answers()
    error, _ = errors(probability)
    spread = 0.2 * torch.linalg.solve(torch.eye(N, dtype=DOUBLE) - 0.8 * matrix(index, weight), error)
    size = spread.abs().sum(1, keepdim=True)
    expected = probability + torch.where(size > 0, error.abs().sum() / 4 / size.clamp(min=1e-300), 1.0) * spread
    found = correct(rw.walk(*rw.from_edge_index(index, weight, num_nodes=N)), probability, SEEDS, 0.8)
    torch.testing.assert_close(found, expected)


def test_errors_that_are_held_at_seeds_are_harmonic_between_them():
    (index, weight), probability = links(), answers()
    error, _ = errors(probability)
    free, s = SEEDS < 0, matrix(index, weight)
    eye = torch.eye(int(free.sum()), dtype=DOUBLE)
    carried = torch.linalg.solve(eye - 0.8 * s[free][:, free], 0.8 * s[free][:, ~free] @ error[~free])
    expected = probability + 0.5 * error.index_put((free,), carried)
    walk = rw.walk(*rw.from_edge_index(index, weight, num_nodes=N))
    found = correct(walk, probability, SEEDS, 0.8, autoscale=False, scale=0.5)
    torch.testing.assert_close(found, expected)


def test_smooth_answers_are_those_of_the_resolvent():
    (index, weight), probability = links(), answers()
    _, known = errors(probability)
    start = torch.where((SEEDS >= 0)[:, None], known, probability)
    expected = 0.2 * torch.linalg.solve(torch.eye(N, dtype=DOUBLE) - 0.8 * matrix(index, weight), start)
    found = smooth(rw.walk(*rw.from_edge_index(index, weight, num_nodes=N)), probability, SEEDS, 0.8)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("autoscale", [True, False])
def test_it_is_the_limit_of_many_layers_of_pyg_without_cuts(autoscale, loops, monkeypatch):
    (index, weight), probability = links(), answers()
    if loops:
        index = torch.cat([index, torch.tensor([[0, 5], [0, 5]])], 1)
        weight = torch.cat([weight, torch.tensor([0.7, 2.0], dtype=DOUBLE)])
    mask = SEEDS >= 0
    layers = Layers(600, 0.9, 600, 0.8, autoscale, 0.7)
    plain = LabelPropagation.forward

    def uncut(self, y, *given, post_step=None, **more):
        held = post_step is not None and not autoscale
        return plain(self, y, *given, post_step=post_step if held else lambda x: x, **more)

    monkeypatch.setattr(LabelPropagation, "forward", uncut)
    expected = layers(probability, SEEDS[mask], mask, *gcn_norm(index, weight, N, add_self_loops=False))
    ours = CorrectAndSmooth(0.9, 0.8, autoscale, 0.7)
    torch.testing.assert_close(ours(probability, SEEDS[mask], mask, index, weight), expected)
    nodes = mask.nonzero()[:, 0]
    graph, folded, _ = rw.from_edge_index(index, weight, num_nodes=N, self_loops=True)
    if not loops:
        torch.testing.assert_close(ours(probability, SEEDS[nodes], nodes, graph, folded), expected)


def test_where_nothing_is_cut_it_is_the_limit_of_pyg_as_it_stands():
    """Rows of S sum to 1 on a ring, where cuts to [−1, 1] and [0, 1] then change nothing."""
    nodes = torch.arange(N)
    index = to_undirected(torch.stack([nodes, (nodes + 1) % N]))
    probability, mask = answers(), SEEDS >= 0
    layers = Layers(600, 0.9, 600, 0.8, False, 0.1)
    expected = layers(probability, SEEDS[mask], mask, index)
    found = CorrectAndSmooth(0.9, 0.8, False, 0.1)(probability, SEEDS[mask], mask, index)
    torch.testing.assert_close(found, expected)


def test_gradients_reach_answers_and_weights():
    (index, weight), probability = links(), answers()
    graph, folded = rw.from_edge_index(index, weight, num_nodes=N)
    for autoscale in (True, False):

        def run(weight, probability, autoscale=autoscale):
            walk = rw.walk(graph, weight)
            return smooth(walk, correct(walk, probability, SEEDS, 0.8, autoscale=autoscale), SEEDS, 0.7)

        leaves = (folded.clone().requires_grad_(), probability.clone().requires_grad_())
        assert torch.autograd.gradcheck(run, leaves)


def test_faint_errors_are_not_scaled_up():
    line = rw.walk(rw.grid_graph((30,)), torch.ones(29, dtype=DOUBLE))
    seeds = torch.full((30,), -1).index_fill(0, torch.tensor([0]), 0)
    probability = torch.full((30, 2), 0.5, dtype=DOUBLE)
    moved = (correct(line, probability, seeds, 0.1) - probability).abs().sum(1)
    torch.testing.assert_close(moved[:2], torch.ones(2, dtype=DOUBLE))
    assert float(moved[20]) < 1e-10


def test_what_cannot_be_is_refused():
    line = rw.walk(rw.grid_graph((3,)), torch.ones(2))
    with pytest.raises(ValueError, match="nothing is known"):
        correct(line, torch.full((3, 2), 0.5), torch.full((3,), -1), 0.5)
    with pytest.raises(ValueError, match="`y_true` must be"):
        CorrectAndSmooth(0.5, 0.5)(torch.full((3, 2), 0.5), torch.tensor([0]), torch.arange(3) < 2, line.graph)
    with pytest.raises(ValueError, match="`mask` must be"):
        CorrectAndSmooth(0.5, 0.5)(torch.full((3, 2), 0.5), torch.tensor([0]), torch.tensor([3]), line.graph)
