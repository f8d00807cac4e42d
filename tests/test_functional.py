"""What a walk answers, against closed forms, enumeration and other libraries."""

import itertools

import networkx as nx
import pytest
import torch

import graphrw as rw
from graphrw.solve import Factor
from graphrw.solvers import CG, LU, Cholesky, Dense, SuperLU
from graphrw.testing import sample_graphs, sample_walk

GRAPHS = sample_graphs()


def labelled(num_nodes, seeds):
    labels = torch.full((num_nodes,), -1)
    labels[list(seeds)] = torch.tensor(list(seeds.values()))
    return labels


def spanning_forest_shares(graph, weight, seeds):
    """By enumeration: the weighted share of spanning forests, a tree per seed, in which nodes hang on labels."""
    roots, num_nodes = list(seeds), graph.num_nodes
    pairs = graph.edges.T.tolist()
    shares = torch.zeros(num_nodes, max(seeds.values()) + 1, dtype=torch.float64)
    for chosen in itertools.combinations(range(graph.num_edges), num_nodes - len(roots)):
        tree = list(range(num_nodes))  # the smallest name of each node's tree so far

        def find(node, tree=tree):
            return node if tree[node] == node else find(tree[node])

        for edge in chosen:
            tail, head = map(find, pairs[edge])
            if tail == head:
                break
            tree[tail] = head
        else:
            owner = {find(root): label for root, label in seeds.items()}
            if len(owner) == len(roots):
                product = float(weight[list(chosen)].prod())
                for node in range(num_nodes):
                    shares[node, owner[find(node)]] += product
    return shares / shares.sum(1, keepdim=True)


@pytest.mark.parametrize(
    "solver", [Dense(), Cholesky(), LU(), SuperLU(), CG(rtol=1e-13)], ids=lambda s: type(s).__name__
)
def test_hitting_probabilities_are_shares_of_spanning_forests(solver):
    graph = rw.grid_graph((3, 3))
    weight = torch.rand(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    seeds = {0: 0, 5: 1, 7: 2}
    z = rw.hitting_probabilities(rw.walk(graph, weight), labelled(9, seeds), solver=solver)
    torch.testing.assert_close(z, spanning_forest_shares(graph, weight, seeds), rtol=1e-10, atol=1e-12)


def test_two_seeds_of_one_label_are_one_label():
    walk = sample_walk(rw.grid_graph((4, 4)))
    apart = rw.hitting_probabilities(walk, labelled(16, {0: 0, 5: 1, 15: 2}))
    joined = rw.hitting_probabilities(walk, labelled(16, {0: 0, 5: 1, 15: 0}))
    torch.testing.assert_close(joined, torch.stack([apart[:, 0] + apart[:, 2], apart[:, 1]], 1))


def test_rows_sum_to_one_without_killing_and_to_less_with_it():
    graph = rw.grid_graph((12, 12))
    weight = torch.rand(graph.num_edges, dtype=torch.float64) + 1e-3
    seeds = labelled(144, {0: 0, 70: 1, 143: 2})
    for solver in (Dense(), Cholesky(), LU(), SuperLU()):
        z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=solver)
        assert (z.sum(1) - 1).abs().max() < 1e-12
    z = rw.hitting_probabilities(rw.walk(graph, weight, 0.01), seeds)
    assert bool((z.sum(1)[seeds < 0] < 1).all())
    assert float(z.min()) >= 0


@pytest.mark.parametrize(("share", "killing"), [(0.5, 0.0), (2.0, 0.0), (2.0, 0.01)])
def test_probabilities_that_cannot_be_right_raise_whatever_their_residual(monkeypatch, share, killing):
    solved = Factor.solve
    monkeypatch.setattr(Factor, "solve", lambda self, *args, **options: share * solved(self, *args, **options))
    graph = rw.grid_graph((5, 5))
    walk = rw.walk(graph, torch.ones(graph.num_edges), killing)
    with pytest.raises(rw.ConvergenceError, match=r"Dense\(.*gave probabilities that sum to"):
        rw.hitting_probabilities(walk, labelled(25, {0: 0, 13: 1}), solver=Dense())


def test_a_graph_without_nodes_has_no_probabilities():
    walk = rw.walk(rw.Graph(torch.zeros(2, 0, dtype=torch.int64), 0), torch.zeros(0))
    assert rw.hitting_probabilities(walk, torch.zeros(0, dtype=torch.int64), num_labels=2).shape == (0, 2)


def test_harmonic_functions_obey_the_maximum_principle_and_keep_their_boundary():
    graph = rw.grid_graph((10, 10))
    nodes, values = torch.tensor([3, 44, 98]), torch.tensor([[-1.0, 2.0], [0.5, -3.0], [1.0, 0.0]], dtype=torch.float64)
    x = rw.harmonic(rw.walk(graph, torch.rand(graph.num_edges, dtype=torch.float64) + 0.1), nodes, values)
    assert x[nodes].equal(values)
    inside = torch.ones(100, dtype=torch.bool)
    inside[nodes] = False
    assert bool((x[inside] < values.max(0).values).all())
    assert bool((x[inside] > values.min(0).values).all())


def test_hitting_probabilities_of_a_directed_walk_follow_its_direction():
    graph = rw.Graph(torch.tensor([[1, 1, 2], [0, 2, 3]]), 4, directed=True)
    z = rw.hitting_probabilities(rw.walk(graph, torch.tensor([1.0, 3.0, 1.0])), torch.tensor([0, -1, -1, 1]))
    torch.testing.assert_close(z, torch.tensor([[1, 0], [0.25, 0.75], [0, 1], [0, 1]]))


def test_strong_absorption_becomes_a_hard_seed():
    walk = sample_walk(rw.grid_graph((4, 4)))
    hard = rw.hitting_probabilities(walk, labelled(16, {2: 0, 13: 1}))
    rates = torch.zeros(16, 2, dtype=torch.float64)
    rates[2, 0] = rates[13, 1] = 1e12
    soft = rw.hitting_probabilities(walk, torch.full((16,), -1), absorption=rates)
    torch.testing.assert_close(soft, hard, rtol=1e-9, atol=1e-9)


def test_priors_alone_give_probabilities_that_sum_to_one():
    graph = rw.grid_graph((5, 5))
    rates = torch.rand(25, 3, dtype=torch.float64)
    walk = rw.walk(graph, torch.full((graph.num_edges,), 1e-9, dtype=torch.float64))
    z = rw.hitting_probabilities(walk, torch.full((25,), -1), absorption=rates)
    torch.testing.assert_close(z, rates / rates.sum(1, keepdim=True), rtol=1e-6, atol=1e-6)
    assert (z.sum(1) - 1).abs().max() < 1e-12


@pytest.mark.parametrize("name", ["grid", "directed", "batch of equals"])
def test_hitting_probabilities_have_exact_gradients_at_seed_edges_too(name):
    graph = GRAPHS[name]
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[[0, 3, 4]] = torch.tensor([0, 1, 1])
    if name == "batch of equals":
        seeds[7] = 0
    sample = sample_walk(graph)
    absorption = torch.rand(graph.num_nodes, 2, dtype=torch.float64)

    def probabilities(weight, killing, absorption):
        return rw.hitting_probabilities(rw.walk(graph, weight, killing), seeds, absorption=absorption)

    inputs = tuple(value.detach().requires_grad_() for value in (sample.weight, sample.killing, absorption))
    assert torch.autograd.gradcheck(probabilities, inputs)
    assert torch.autograd.gradgradcheck(probabilities, inputs, fast_mode=True)
    (gradient,) = torch.autograd.grad(probabilities(*inputs)[:, 0].square().sum(), inputs[0])
    touching = ((seeds >= 0)[graph.edges].sum(0) == 1) & ((seeds < 0)[graph.edges[0]] | (not graph.directed))
    assert bool((gradient[touching] != 0).all())


def test_gradients_reach_harmonic_values():
    sample = sample_walk(GRAPHS["grid"])
    nodes, values = torch.tensor([0, 11]), torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: rw.harmonic(sample, nodes, values), (values,))


def test_places_of_a_directed_graph_that_lead_to_no_seed_are_told_as_such():
    chain = rw.walk(rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True), torch.ones(2))
    with pytest.raises(rw.SingularWalkError, match=r"2 of 3 nodes \(first: 1\) in places from which no walk leads to"):
        rw.hitting_probabilities(chain, labelled(3, {0: 0}))


@pytest.mark.parametrize(("kind", "cured"), [(torch.bool, False), (torch.float32, False), (torch.int32, True)])
def test_only_whole_numbers_are_to_be_converted_to_seeds(kind, cured):
    with pytest.raises(ValueError, match="int64; got") as error:
        rw.hitting_probabilities(sample_walk(GRAPHS["grid"]), torch.zeros(12, dtype=kind))
    assert ("`.long()`" in str(error.value)) == cured  # of a mask it would make two labels


def test_a_mask_in_place_of_seeds_or_nodes_is_told_how_to_become_them():
    sample, image = sample_walk(GRAPHS["grid"]), rw.nn.HarmonicLabels()
    mask, weights = torch.arange(12) % 5 == 0, torch.ones(1, 2, 3, 4)
    asked = (
        lambda: rw.hitting_probabilities(sample, mask),
        lambda: rw.poisson_labels(rw.walk(sample.graph, sample.weight), mask),
        lambda: rw.absorption_time(sample, mask),
        lambda: image(weights, mask.view(1, 3, 4)),
    )
    for ask in asked:
        with pytest.raises(ValueError, match=r"not their labels: `torch\.where\(mask, labels, -1\)`") as error:
            ask()
        assert ".long()" not in str(error.value)
    for ask in (rw.absorb, rw.hitting_time):
        with pytest.raises(ValueError, match=r"`nodes` must be .* Of a mask these are `mask\.nonzero\(\)"):
            ask(sample, mask)


def test_parts_without_a_seed_raise_unless_they_are_given_a_distribution():
    graph = rw.Graph(torch.tensor([[0, 2], [1, 3]]), 5)
    walk, seeds = rw.walk(graph, torch.ones(2, dtype=torch.float64)), labelled(5, {0: 0, 1: 1})
    message = r"`seeds` leaves 3 of 5 nodes \(first: 2\) in components without any seed.*`unreachable=prior`"
    with pytest.raises(rw.SingularWalkError, match=message):
        rw.hitting_probabilities(walk, seeds)
    prior = torch.tensor([0.25, 0.75], dtype=torch.float64)
    z = rw.hitting_probabilities(walk, seeds, unreachable=prior)
    assert z[2:].tolist() == [[0.25, 0.75]] * 3
    killed = rw.walk(graph, walk.weight, torch.tensor([0, 0, 0, 1.0, 1.0]))
    assert rw.hitting_probabilities(killed, seeds)[2:].tolist() == [[0, 0]] * 3


def test_a_weight_that_has_underflowed_parts_the_graph():
    walk = rw.walk(rw.grid_graph((3,)), torch.tensor([1.0, 0.0]))
    with pytest.raises(rw.SingularWalkError, match=r"1 of 3 nodes \(first: 2\)"):
        rw.hitting_probabilities(walk, torch.tensor([0, -1, -1]))


@pytest.mark.parametrize(
    ("seeds", "options", "message"),
    [
        (torch.tensor([0, 1]), {}, r"`seeds` must be \(3,\) int64; got \(2,\)"),
        (torch.tensor([0.0, 1.0, 2.0]), {}, "must be .3,. int64; got .3,. torch.float32"),
        (torch.tensor([0, -2, 1]), {}, "labels ≥ 0, or −1 for unlabelled nodes; got -2"),
        (torch.tensor([0, -1, 2]), {"num_labels": 2}, "`seeds` holds label 2, but labels run from 0 to 1"),
        (torch.tensor([-1, -1, -1]), {}, "all −1, .*: label at least one node, or give `absorption`"),
        (torch.tensor([0, -1, 1]), {"absorption": torch.ones(3)}, r"`absorption` must be \(N, L\) = \(3, L\)"),
        (torch.tensor([0, -1, 1]), {"absorption": -torch.ones(3, 2)}, "`absorption` must be finite and not negative"),
        (torch.tensor([0, -1, 1]), {"absorption": torch.ones(3, 2), "num_labels": 3}, "has 2 labels"),
    ],
)
def test_wrong_seeds_say_what_is_wrong(seeds, options, message):
    with pytest.raises(ValueError, match=message):
        rw.hitting_probabilities(rw.walk(rw.grid_graph((3,)), torch.ones(2)), seeds, **options)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (torch.tensor([1.0]), r"`unreachable` must be \(L,\) = \(2,\); got \(1,\)"),
        (torch.tensor([0.9, 0.9]), "must be a distribution"),
        (torch.tensor([1.5, -0.5]), "must be a distribution"),
        (torch.tensor([0.5, float("nan")]), "must be a distribution"),
    ],
)
def test_a_wrong_prior_says_what_is_wrong(prior, message):
    walk = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 3), torch.ones(1))
    with pytest.raises(ValueError, match=message):
        rw.hitting_probabilities(walk, torch.tensor([0, 1, -1]), unreachable=prior)


def test_what_unreachable_nodes_get_may_be_learned():
    walk = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 3), torch.ones(1))
    prior = torch.tensor([0.25, 0.75], requires_grad=True)
    rw.hitting_probabilities(walk, torch.tensor([0, 1, -1]), unreachable=prior)[2, 1].backward()
    assert prior.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("nodes", "values", "message"),
    [
        (torch.tensor([0]), torch.ones(2), r"`values` must be \(M, K\) or \(M,\) with M = 1; got \(2,\)"),
        (torch.tensor([0]), torch.ones(1, dtype=torch.float64), "must have the walk's type torch.float32"),
        (torch.tensor([1, 1]), torch.ones(2), "names node 1 more than once"),
        (torch.tensor([3]), torch.ones(1), "names node 3"),
    ],
)
def test_wrong_boundary_values_say_what_is_wrong(nodes, values, message):
    with pytest.raises(ValueError, match=message):
        rw.harmonic(rw.walk(rw.grid_graph((3,)), torch.ones(2)), nodes, values)


def test_harmonic_refuses_what_reaches_no_boundary():
    walk = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 4), torch.ones(1))
    with pytest.raises(
        rw.SingularWalkError, match=r"2 of 4 nodes \(first: 2\) can reach neither `nodes` nor any killing"
    ):
        rw.harmonic(walk, torch.tensor([0]), torch.ones(1))


def test_effective_resistance_is_networkxs_resistance_distance():
    network = nx.karate_club_graph()
    graph, weight = rw.from_networkx(network, dtype=torch.float64)
    pairs = torch.tensor([[0, 33], [5, 16], [2, 2], [11, 0]] * 20)
    resistance = rw.effective_resistance(rw.walk(graph, weight), pairs)
    for (first, second), value in zip(pairs[:4].tolist(), resistance[:4].tolist(), strict=True):
        expected = nx.resistance_distance(network, first, second, "weight", invert_weight=False)
        assert value == pytest.approx(expected, rel=1e-9)


def test_effective_resistance_knows_the_ground_and_separate_parts():
    graph = rw.Graph(torch.tensor([[0, 2], [1, 3]]), 5)
    pairs = torch.tensor([[0, 1], [0, 2], [3, 2], [3, 4]])
    weight = torch.tensor([2.0, 4.0], dtype=torch.float64)
    apart = rw.effective_resistance(rw.walk(graph, weight), pairs)
    assert apart.tolist() == pytest.approx([0.5, float("inf"), 0.25, float("inf")])
    killing = torch.tensor([1.0, 0, 0, 0, 0.5], dtype=torch.float64)
    grounded = rw.effective_resistance(rw.walk(graph, weight, killing), torch.tensor([[0, 4], [1, 4], [1, 3]]))
    assert grounded.tolist() == pytest.approx([3.0, 3.5, float("inf")])


def test_effective_resistance_refuses_a_gradient_in_killing_where_nothing_kills():
    graph = rw.Graph(torch.tensor([[0, 2], [1, 3]]), 5)
    killing = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64, requires_grad=True)
    moved = rw.walk(graph, torch.ones(2, dtype=torch.float64), killing)
    rw.effective_resistance(moved, torch.tensor([[0, 1], [1, 2], [3, 3]])).sum()  # killed, apart, one node
    with pytest.raises(ValueError, match=r"component of pair 1, \[2, 3\], where .* `killing\.detach\(\)`"):
        rw.effective_resistance(moved, torch.tensor([[0, 1], [2, 3]]))


def test_effective_resistance_has_exact_gradients():
    sample, pairs = sample_walk(GRAPHS["batched"]), torch.tensor([[0, 1], [4, 6]])
    weight = sample.weight.detach().requires_grad_()

    def resistances(weight):
        return rw.effective_resistance(rw.walk(sample.graph, weight), pairs)

    assert torch.autograd.gradcheck(resistances, (weight,))
    expected = torch.autograd.functional.jacobian(resistances, weight)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):  # in the weights alone, and so not refused
        torch.testing.assert_close(jacobian(resistances)(weight.detach()), expected)


@pytest.mark.parametrize(
    ("name", "pairs", "message"),
    [
        ("directed", torch.tensor([[0, 1]]), "defined on undirected graphs only"),
        ("grid", torch.tensor([0, 1]), r"`pairs` must be \(P, 2\) int64; got \(2,\)"),
        ("grid", torch.tensor([[0.0, 1.0]]), r"`pairs` must be \(P, 2\) int64; got \(1, 2\) torch.float32"),
        ("grid", torch.tensor([[0, 12]]), "`pairs` names node 12"),
    ],
)
def test_wrong_pairs_say_what_is_wrong(name, pairs, message):
    with pytest.raises(ValueError, match=message):
        rw.effective_resistance(sample_walk(GRAPHS[name]), pairs)


def test_entropy_is_zero_for_certainty_log_l_for_ignorance_and_has_finite_gradients():
    p = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(rw.entropy(p), torch.tensor([1.0, 4.0], dtype=torch.float64).log())
    rw.entropy(p).sum().backward()
    assert bool(torch.isfinite(p.grad).all())
    assert rw.entropy(p.detach().T, dim=0).shape == (2,)


def test_entropy_of_values_just_outside_the_range_keeps_its_gradient():
    p = torch.tensor([[-1e-9, 1 + 1e-7]], requires_grad=True)
    entropy = rw.entropy(p)
    entropy.sum().backward()
    assert -3e-7 < float(entropy.detach()) < 0
    torch.testing.assert_close(p.grad, torch.tensor([[87.3365, -1.0]]))


def test_weights_that_have_underflowed_are_told_of():
    line = rw.walk(rw.grid_graph((3,)), torch.tensor([1.0, 0.0]))
    with pytest.raises(rw.SingularWalkError, match=r"Weight 0 on edges that lead out of them \(1\) closes these"):
        rw.hitting_probabilities(line, torch.tensor([0, -1, -1]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.tensor([[2.0, -1.0]]), "must lie in \\[0, 1\\]; got -1.0. Logits and scores need a sigmoid or softmax"),
        (torch.full((2, 3, 3), 0.5), "adds up to 1.5 along `dim` = 1, which must be the axis of labels"),
    ],
)
def test_entropy_refuses_what_is_no_distribution_of_labels(values, message):
    with pytest.raises(ValueError, match=message):
        rw.entropy(values)
