"""Class-mass normalisation and Poisson learning, against their formulas written out densely."""

import pytest
import torch

import graphrw as rw
from graphrw.core.errors import SingularWalkError
from graphrw.functional.labelling import class_mass_normalize, poisson_labels
from graphrw.solvers import CG, Cholesky, Dense
from graphrw.testing import dense_operator, sample_graphs, sample_walk


def labelled(num_nodes, seeds):
    labels = torch.full((num_nodes,), -1)
    labels[list(seeds)] = torch.tensor(list(seeds.values()))
    return labels


def random_walk(graph, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return rw.walk(graph, 0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))


def poisson_by_pseudo_inverse(walk, seeds, num_labels):
    """u = L⁺ b, shifted to Σ d u = 0: on a connected graph."""
    laplacian = dense_operator(walk)
    chosen = seeds >= 0
    target = torch.nn.functional.one_hot(seeds[chosen], num_labels).double()
    source = torch.zeros(len(seeds), num_labels, dtype=torch.float64)
    source[chosen] = target - target.mean(0)
    u = torch.linalg.pinv(laplacian, hermitian=True) @ source
    degree = laplacian.diagonal()
    return u - (degree @ u) / degree.sum()


def poisson_by_iteration(walk, seeds, num_labels, steps):
    """The paper's algorithm: u ← u + D⁻¹ (b − L u), from 0."""
    laplacian = dense_operator(walk)
    chosen = seeds >= 0
    target = torch.nn.functional.one_hot(seeds[chosen], num_labels).double()
    source = torch.zeros(len(seeds), num_labels, dtype=torch.float64)
    source[chosen] = target - target.mean(0)
    u = torch.zeros_like(source)
    for _ in range(steps):
        u = u + (source - laplacian @ u) / laplacian.diagonal()[:, None]
    return u


TRIANGLES = rw.Graph(torch.tensor([[0, 1, 0, 3, 4, 3, 2], [1, 2, 2, 4, 5, 5, 3]]), 6)  # not bipartite
SEEDS = labelled(12, {0: 0, 3: 1, 7: 1, 10: 2})


# --- Poisson learning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [Dense(), Cholesky(), CG(rtol=1e-13)], ids=lambda solver: type(solver).__name__)
@pytest.mark.parametrize("seed", range(3))
def test_poisson_scores_are_those_of_the_pseudo_inverse(solver, seed):
    walk = random_walk(rw.grid_graph((3, 4)), seed)
    scores = poisson_labels(walk, SEEDS, solver=solver)
    torch.testing.assert_close(scores, poisson_by_pseudo_inverse(walk, SEEDS, 3), rtol=1e-9, atol=1e-11)


def test_poisson_scores_are_the_limit_of_the_papers_iteration():
    walk, seeds = random_walk(TRIANGLES), labelled(6, {0: 0, 1: 0, 5: 1})
    limit = poisson_by_iteration(walk, seeds, 2, 2000)
    torch.testing.assert_close(poisson_labels(walk, seeds), limit, rtol=1e-9, atol=1e-11)


def test_poisson_scores_solve_their_equation_under_their_constraint():
    walk = random_walk(rw.grid_graph((3, 4)))
    scores = poisson_labels(walk, SEEDS, num_labels=4)
    target = torch.eye(4, dtype=torch.float64)[SEEDS.clamp(min=0)]
    source = torch.where(SEEDS[:, None] >= 0, target - torch.tensor([0.25, 0.5, 0.25, 0.0]), 0.0)
    torch.testing.assert_close(dense_operator(walk) @ scores, source)
    assert (walk.degree @ scores).abs().max() < 1e-12
    assert scores.sum(1).abs().max() < 1e-12
    assert bool((scores[:, 3] == 0).all())


def test_each_component_of_a_graph_is_answered_as_if_alone():
    parts = [rw.grid_graph((3, 4)), TRIANGLES]
    seeds = [SEEDS, labelled(6, {0: 2, 5: 1, 4: 1})]
    weights = [random_walk(part, seed).weight for seed, part in enumerate(parts)]
    together = poisson_labels(rw.walk(rw.Graph.batch(parts), torch.cat(weights)), torch.cat(seeds))
    alone = [
        poisson_labels(rw.walk(*of_part), labels, 3) for *of_part, labels in zip(parts, weights, seeds, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_a_component_of_one_label_gets_that_label():
    walk = random_walk(rw.Graph.batch([rw.grid_graph((3, 4)), rw.grid_graph((2, 2)), rw.grid_graph((1,))]))
    scores = poisson_labels(walk, torch.cat([SEEDS, labelled(4, {1: 2, 3: 2}), torch.tensor([1])]))
    assert scores[12:].tolist() == [[0, 0, 1]] * 4 + [[0, 1, 0]]


def test_a_component_without_seed_is_an_error_or_what_the_caller_says():
    walk = random_walk(rw.Graph.batch([rw.grid_graph((3, 4)), rw.grid_graph((2, 2))]))
    seeds = torch.cat([SEEDS, torch.full((4,), -1)])
    with pytest.raises(
        SingularWalkError,
        match=r"leaves 4 of 16 nodes \(first: 12, in graph 1 of the batch\) in components without any seed",
    ):
        poisson_labels(walk, seeds)
    prior = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    scores = poisson_labels(walk, seeds, unreachable=prior)
    torch.testing.assert_close(scores[12:], prior.expand(4, 3))
    alone = poisson_labels(rw.walk(rw.grid_graph((3, 4)), walk.weight[:17]), SEEDS)
    torch.testing.assert_close(scores[:12], alone)


def test_weights_of_zero_part_the_graph():
    graph = rw.grid_graph((1, 6))
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    scores = poisson_labels(rw.walk(graph, weight), torch.tensor([0, -1, 1, -1, 1, -1]))
    first = poisson_labels(rw.walk(rw.grid_graph((1, 3)), weight[:2]), torch.tensor([0, -1, 1]))
    torch.testing.assert_close(scores[:3], first)
    assert scores[3:].tolist() == [[0, 1]] * 3


def test_the_prior_multiplies_each_label_by_its_share_over_that_of_the_seeds():
    walk = random_walk(rw.grid_graph((3, 4)))
    plain = poisson_labels(walk, SEEDS)
    prior = torch.tensor([0.2, 0.2, 0.6])
    factor = torch.tensor([0.2 / 0.25, 0.2 / 0.5, 0.6 / 0.25], dtype=torch.float64)
    torch.testing.assert_close(poisson_labels(walk, SEEDS, prior=prior), plain * factor)
    torch.testing.assert_close(poisson_labels(walk, SEEDS, prior=torch.tensor([0.25, 0.5, 0.25])), plain)


@pytest.mark.parametrize("name", ["grid", "batch of equals", "repeated eigenvalues"])
def test_poisson_scores_have_exact_gradients_of_both_orders(name):
    graph = sample_graphs()[name]
    seeds = labelled(graph.num_nodes, {0: 0, 2: 1, 4: 1, 5: 0})
    if name == "batch of equals":
        seeds[7:] = torch.tensor([2, -1])
    weight = random_walk(graph).weight.requires_grad_()

    def scores(weight):
        return poisson_labels(rw.walk(graph, weight), seeds)

    assert torch.autograd.gradcheck(scores, weight, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(scores, weight)


def test_poisson_scores_of_float32_weights_are_float32():
    walk = random_walk(rw.grid_graph((3, 4)))
    scores = poisson_labels(rw.walk(walk.graph, walk.weight.float()), SEEDS)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, poisson_labels(walk, SEEDS).float(), rtol=1e-4, atol=1e-5)


def test_where_harmonic_labels_of_one_seed_each_go_flat_poisson_learning_and_class_masses_still_decide():
    graph, truth = rw.grid_graph((20, 20)), torch.arange(400) % 20 // 10  # left and right half, thinly joined
    inside = truth[graph.edges[0]] == truth[graph.edges[1]]
    walk = rw.walk(graph, torch.where(inside, 1.0, 0.1).double())
    seeds = labelled(400, {0: 0, 10 * 20 + 15: 1})  # one in the corner of its half, one in the middle of the other
    harmonic = rw.hitting_probabilities(walk, seeds)

    def share(scores):
        return float((scores.argmax(1) == truth).double().mean())

    assert share(harmonic) < 0.7
    assert share(class_mass_normalize(harmonic, seeds)) > 0.95
    assert share(poisson_labels(walk, seeds)) > 0.95


# --- class-mass normalisation ---------------------------------------------------------------------------------------


def probabilities(num_nodes=9, num_labels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_nodes, num_labels, generator=generator, dtype=torch.float64).softmax(1)


FREE = labelled(9, {0: 0, 4: 1, 8: 2})


def test_two_labels_are_decided_by_equation_nine():
    f = probabilities(9, 2)
    seeds, q = labelled(9, {0: 0, 4: 1}), 0.3
    free = seeds < 0
    one = (q * f[:, 1] / f[free, 1].sum()) > ((1 - q) * f[:, 0] / f[free, 0].sum())
    ours = class_mass_normalize(f, seeds, torch.tensor([1 - q, q])).argmax(1)
    assert torch.equal(ours[free], one[free].long())
    assert 0 < int(one[free].sum()) < 7


def test_normalised_rows_are_in_the_ratio_of_prior_to_mass_and_keep_their_sums():
    p, prior = probabilities() * torch.linspace(0.2, 1, 9, dtype=torch.float64)[:, None], torch.tensor([0.5, 0.3, 0.2])
    ours, free = class_mass_normalize(p, FREE, prior), FREE < 0
    torch.testing.assert_close(ours.sum(1), p.sum(1))
    scaled = p * prior / p[free].sum(0)
    torch.testing.assert_close(ours[free] / ours[free].sum(1, keepdim=True), scaled[free] / scaled[free].sum(1, True))
    torch.testing.assert_close(scaled[free].sum(0), prior.double())
    assert torch.equal(ours[~free], p[~free])


def test_without_a_prior_labels_get_their_shares_of_the_seeds():
    seeds = labelled(9, {0: 0, 4: 1, 8: 1})
    p = probabilities(9, 2)
    shares = torch.tensor([1 / 3, 2 / 3], dtype=torch.float64)
    torch.testing.assert_close(class_mass_normalize(p, seeds), class_mass_normalize(p, seeds, shares))


def test_a_prior_that_is_met_already_changes_nothing():
    p, free = probabilities(), FREE < 0
    torch.testing.assert_close(class_mass_normalize(p, FREE, p[free].mean(0)), p)


def test_rows_without_any_probability_stay_so_and_nothing_is_done_where_all_are_seeds():
    p = probabilities()
    p[3] = 0
    assert class_mass_normalize(p, FREE)[3].tolist() == [0, 0, 0]
    everywhere = torch.arange(9) % 3
    assert torch.equal(class_mass_normalize(p, everywhere), p)


def test_class_mass_normalisation_has_exact_gradients():
    p = probabilities().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: class_mass_normalize(p, FREE), p)
    assert torch.autograd.gradgradcheck(lambda p: class_mass_normalize(p, FREE), p)


# --- errors ---------------------------------------------------------------------------------------------------------

WALK = sample_walk(rw.grid_graph((3, 4)))
PLAIN = random_walk(rw.grid_graph((3, 4)))
DIRECTED = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 2, directed=True), torch.ones(1))
CERTAIN = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
REFUSED = {
    "directed": (
        lambda: poisson_labels(DIRECTED, torch.tensor([0, 1])),
        "`poisson_labels` is defined on undirected graphs only; got a directed one",
    ),
    "killing": (lambda: poisson_labels(WALK, SEEDS), r"defined without killing; got [\d.]+ at node 0. Make the walk"),
    "no seed": (lambda: poisson_labels(PLAIN, 0 * SEEDS - 1), "`seeds` are all −1"),
    "a prior for an unseen label": (
        lambda: poisson_labels(PLAIN, SEEDS, 4, torch.full((4,), 0.25, requires_grad=True)),
        "`prior` gives label 3 a share of 0.25, but it has no seed",
    ),
    "a prior of another length": (
        lambda: poisson_labels(PLAIN, SEEDS, prior=torch.tensor([0.5, 0.5])),
        r"`prior` must be \(L,\) = \(3,\); got \(2,\)",
    ),
    "shares that are none": (
        lambda: class_mass_normalize(probabilities(), FREE, torch.tensor([1.0, 1.0, -1.0])),
        r"`prior` must be a distribution \(≥ 0, sum 1\); got \[1.0, 1.0, -1.0\]",
    ),
    "shares of sum 2": (
        lambda: class_mass_normalize(probabilities(), FREE, torch.tensor([1.0, 1.0, 0.0])),
        "`prior` must be a distribution",
    ),
    "no seed to count": (
        lambda: class_mass_normalize(probabilities(), torch.full((9,), -1)),
        "`seeds` are all −1, so that their labels have no shares: pass a `prior`",
    ),
    "a label without mass": (
        lambda: class_mass_normalize(torch.eye(2)[[0, 1, 0]], torch.tensor([-1, 1, -1]), torch.tensor([0.0, 1.0])),
        "`prior` gives label 1 a share of 1, but no unlabelled node has any probability of it",
    ),
    "a node of labels without seeds": (
        lambda: class_mass_normalize(torch.eye(2)[[0, 1, 0]], torch.tensor([-1, 1, -1])),
        "Node 0 can only have labels that no seed has: pass a `prior` with positive shares for them",
    ),
    "pseudo labels": (
        lambda: class_mass_normalize(probabilities(), FREE, pseudo_labels=-1.0),
        "`pseudo_labels` must be finite and not negative; got -1.0",
    ),
    "a list": (lambda: class_mass_normalize([[1.0]], FREE), r"`probability` must be \(N, L\) floats, of torch or"),
    "a dict": (lambda: class_mass_normalize(probabilities(), {0: 1}), r"`seeds` must be \(N,\) int64, of torch or N"),
    "a node without possible label": (
        lambda: class_mass_normalize(CERTAIN, torch.tensor([0, -1, -1]), torch.tensor([0.0, 1.0])),
        "Node 1 can only have labels whose `prior` is 0",
    ),
    "one column": (
        lambda: class_mass_normalize(torch.ones(9), FREE),
        r"`probability` must be \(N, L\) floats; got \(9,\) torch.float32",
    ),
    "scores of both signs": (
        lambda: class_mass_normalize(-probabilities(), FREE),
        "`probability` must be finite and not negative; got -",
    ),
    "seeds of another graph": (
        lambda: class_mass_normalize(probabilities(), FREE[:8]),
        r"`seeds` must be \(9,\) int64; got \(8,\) torch.int64",
    ),
    "labels out of range": (
        lambda: class_mass_normalize(probabilities(), FREE + 1),
        "`seeds` must be labels from 0 to 2, or −1; got 3",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
