"""What each seed is answerable for, against the answer made anew, densely, without it."""

import pytest
import torch

import graphrw as rw
from graphrw.functional import blame, influence
from graphrw.functional.seed_network import LEAST
from graphrw.solvers import Dense
from graphrw.testing import sample_graphs

GRAPHS = sample_graphs()
LARGEST = max(GRAPHS, key=lambda name: GRAPHS[name].num_nodes)
LABELS = 3


def dense_probabilities(graph, weight, killing, seeds, absorption):
    """A z = a on the free nodes, with A written out."""
    size = graph.num_nodes
    a = torch.zeros(size, size, dtype=torch.float64)
    for (tail, head), w in zip(graph.edges.T.tolist(), weight.tolist(), strict=True):
        for i, j in [(tail, head)] if graph.directed else [(tail, head), (head, tail)]:
            a[i, i] += w
            a[i, j] -= w
    a += torch.diag(killing + absorption.sum(1))
    free = seeds < 0
    values = torch.nn.functional.one_hot(seeds.clamp(min=0), LABELS).double()
    z = values.clone()
    z[free] = torch.linalg.solve(a[free][:, free], absorption[free] - a[free][:, ~free] @ values[~free])
    return z


def problem(name, seed=0):
    graph = GRAPHS[name]
    chance = torch.Generator().manual_seed(seed)
    size = graph.num_nodes
    weight = torch.rand(graph.num_edges, generator=chance, dtype=torch.float64) + 0.1
    killing = 0.1 * torch.rand(size, generator=chance, dtype=torch.float64)
    absorption = torch.rand(size, LABELS, generator=chance, dtype=torch.float64)
    nodes = torch.randperm(size, generator=chance)[: max(4, size // 3)]
    seeds = torch.full((size,), -1).index_put((nodes,), torch.arange(len(nodes)) % LABELS)
    groups = torch.full((size,), -1).index_put((nodes[:-1],), torch.arange(len(nodes) - 1) % 3)  # the last in none
    return graph, weight, killing, seeds, groups, absorption


@pytest.mark.parametrize("name", [name for name, graph in GRAPHS.items() if graph.num_nodes >= 4])
def test_it_is_the_answer_made_anew_without_the_group(name):
    graph, weight, killing, seeds, groups, absorption = problem(name)
    walk = rw.walk(graph, weight, killing)
    found = influence(walk, seeds, groups, num_labels=LABELS, absorption=absorption)
    whole = dense_probabilities(graph, weight, killing, seeds, absorption)
    assert len(found) == int(groups.max()) + 1
    for number, one in enumerate(found):
        without = dense_probabilities(graph, weight, killing, torch.where(groups == number, -1, seeds), absorption)
        assert one.nodes.tolist() == (groups == number).nonzero().squeeze(1).tolist()
        torch.testing.assert_close(one.there, without[one.nodes], rtol=0, atol=1e-9)
        torch.testing.assert_close(one.probability, without, rtol=0, atol=1e-9)
        torch.testing.assert_close(one.change, (without - whole).abs().sum(1) / 2, rtol=0, atol=1e-9)


def test_blame_is_what_the_others_gain_when_all_is_made_anew():
    graph, weight, killing, seeds, groups, absorption = problem(
        "grid 2D" if "grid 2D" in GRAPHS else next(iter(GRAPHS))
    )

    def likelihood(without, group):
        held = torch.where((groups == group) | (groups == without), -1, seeds)
        z = dense_probabilities(graph, weight, killing, held, absorption)
        own = z[groups == group].gather(1, seeds[groups == group, None])
        return own.clamp(min=LEAST).log().mean()

    expected = [
        sum(likelihood(g, h) - likelihood(h, h) for h in range(int(groups.max()) + 1) if h != g)
        for g in range(int(groups.max()) + 1)
    ]
    found = blame(rw.walk(graph, weight, killing), seeds, groups, num_labels=LABELS, absorption=absorption)
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-8)


def test_each_seed_is_a_group_of_its_own_if_nothing_else_is_said():
    graph, weight, killing, seeds, _, _ = problem(next(iter(GRAPHS)))
    found = influence(rw.walk(graph, weight, killing), seeds, num_labels=LABELS)
    assert [one.nodes.tolist() for one in found] == [[node] for node in (seeds >= 0).nonzero().squeeze(1).tolist()]


def test_a_seed_between_two_walls_of_others_changes_nothing_beyond_them():
    line = rw.walk(rw.grid_graph((7,)), torch.ones(6, dtype=torch.float64))
    seeds = torch.tensor([-1, 0, -1, 1, -1, 0, -1])
    change = influence(line, seeds)[1].change
    torch.testing.assert_close(change, torch.tensor([0, 0, 0.5, 1, 0.5, 0, 0], dtype=torch.float64))


def test_gradients_flow_to_weights_killing_and_absorption():
    graph = rw.grid_graph((2, 3))
    seeds = torch.tensor([0, -1, 1, -1, 0, -1])

    def there(weight, killing, absorption):
        found = influence(rw.walk(graph, weight, killing), seeds, absorption=absorption, solver=Dense())
        return torch.cat([one.there for one in found]), found[1].probability

    chance = torch.Generator().manual_seed(0)
    values = [
        torch.rand(shape, generator=chance, dtype=torch.float64).add(0.1).requires_grad_()
        for shape in [(graph.num_edges,), (6,), (6, 2)]
    ]
    assert torch.autograd.gradcheck(there, values)


def test_a_wrong_seed_is_to_blame_and_its_neighbours_are_not():
    """On a grid of two halves, one seed of each half's label at six places, and one of the wrong label."""
    graph = rw.grid_graph((8, 16))
    tail, head = graph.edges
    weight = torch.where((tail % 16 < 8) == (head % 16 < 8), 1.0, 0.01).double()
    seeds = torch.full((8, 16), -1)
    seeds[1::3, 1:8:3], seeds[1::3, 9::3] = 0, 1
    seeds[4, 4] = 1
    seeds = seeds.reshape(-1)
    found = blame(rw.walk(graph, weight), seeds)
    assert (seeds >= 0).nonzero().squeeze(1)[found.argmax()] == 4 * 16 + 4


def test_without_the_only_seeds_of_a_part_walkers_never_end():
    line = rw.walk(rw.grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    with pytest.raises(rw.SingularWalkError, match="Without some of the groups walkers never end"):
        influence(line, torch.tensor([-1, 0, -1, -1]))
    with pytest.raises(rw.SingularWalkError, match="Without some of the groups walkers never end"):
        blame(line, torch.tensor([-1, 0, -1, 1]))
    with pytest.raises(rw.SingularWalkError, match="From 2 of 4 nodes"):
        influence(rw.walk(rw.grid_graph((4,)), torch.tensor([1.0, 0.0, 1.0])), torch.tensor([0, 1, -1, -1]))


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([0, -1, -1, 2], "without gaps; group 1 has no seed"),
        ([0, 1, -1, 2], "puts node 1 into a group, but it is no seed"),
        ([-1, -1, -1, -1], "all −1"),
        ([-2, -1, -1, 0], "numbers ≥ 0, or −1"),
        ([0, 1], r"`groups` must be \(4,\) int64"),
    ],
)
def test_groups_that_mean_nothing_are_refused(groups, words):
    line = rw.walk(rw.grid_graph((4,)), torch.ones(3), killing=0.1)
    with pytest.raises(ValueError, match=words):
        influence(line, torch.tensor([0, -1, -1, 1]), torch.tensor(groups))
