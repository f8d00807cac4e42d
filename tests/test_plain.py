"""Under `torch.func` transforms: a graph may first be met there, and what cannot be mapped over says so."""

import pytest
import torch

import graphrw as rw
from graphrw.core.reach import stranded
from graphrw.core.transforms import asked_of, plainly
from graphrw.solvers import LU, Auto, Dense, SuperLU


def first_label(graph, solver):
    seeds = torch.tensor([0, -1, -1, -1, -1, 1])
    return lambda weight: rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=solver)[1:4, 0]


def chain(directed):
    edges = torch.tensor([[0, 1, 2, 3, 4, 1, 3], [1, 2, 3, 4, 5, 0, 2]])
    return rw.Graph(edges[:, : 7 if directed else 5], 6, directed)


@pytest.mark.parametrize("solver", [Dense(), LU(), SuperLU(), Auto()], ids=lambda solver: type(solver).__name__)
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("transform", [torch.func.jacrev, torch.func.jacfwd, torch.func.hessian])
def test_the_first_call_on_a_graph_may_come_from_inside_a_transform(transform, directed, solver):
    fresh, warm = chain(directed), chain(directed)
    weight = torch.linspace(0.5, 1.5, warm.num_edges, dtype=torch.float64)
    expected = first_label(warm, solver)(weight)
    torch.testing.assert_close(
        transform(first_label(fresh, solver))(weight), transform(first_label(warm, solver))(weight)
    )
    torch.testing.assert_close(first_label(fresh, solver)(weight), expected)


def test_batched_values_are_seen_with_all_their_axes():
    def spread(column):
        lowest, highest = plainly(torch.aminmax, column, batched=True)
        return column * float(highest - lowest)

    many = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 7.0]])
    torch.testing.assert_close(torch.func.vmap(spread, in_dims=1, out_dims=1)(many), 7 * many)
    torch.testing.assert_close(torch.func.vmap(torch.func.vmap(spread))(many), 7 * many)


def test_vmap_over_weights_says_what_to_do():
    graph, end = rw.grid_graph((3, 3)), torch.zeros(9, dtype=torch.bool).index_fill(0, torch.tensor([0]), True)
    many, none = torch.ones(2, graph.num_edges), torch.zeros(9)
    with pytest.raises(ValueError, match=r"may run over right-hand sides, not over weights.*use one `Graph.batch`"):
        torch.func.vmap(lambda weight: stranded(rw.Walk(graph, weight, none), end))(many)


@pytest.mark.parametrize("ask", ["hitting_probabilities", "HarmonicLabels", "images", "poisson_labels", "harmonic"])
def test_vmap_over_seeds_says_what_to_do(ask):
    graph = rw.grid_graph((2, 2))
    walk, layer = rw.walk(graph, torch.ones(4)), rw.nn.HarmonicLabels()
    run = {
        "hitting_probabilities": lambda seeds: rw.hitting_probabilities(walk, seeds),
        "HarmonicLabels": lambda seeds: layer(graph, walk.weight, seeds),
        "images": lambda seeds: layer(torch.ones(1, 2, 2, 2), seeds.reshape(1, 2, 2)),
        "poisson_labels": lambda seeds: rw.poisson_labels(walk, seeds),
        "harmonic": lambda seeds: rw.harmonic(walk, seeds, torch.ones(4)),
    }[ask]
    with pytest.raises(ValueError, match=r"may run over right-hand sides, not over .*, seeds or what they depend on"):
        torch.func.vmap(run)(torch.tensor([[0, -1, -1, 1], [1, -1, 0, -1]]))


ONES, LEARNED = torch.ones(3), torch.ones(3, requires_grad=True)
ASKED = {
    "grad of x": (False, lambda use: torch.func.grad(lambda x: use(x, ONES))(ONES)),
    "jvp of x": (False, lambda use: torch.func.jvp(lambda x: use(x, ONES), (ONES,), (ONES,))),
    "hessian of x": (False, lambda use: torch.func.hessian(lambda x: use(x, ONES))(ONES)),
    "vmap over x": (False, lambda use: torch.func.vmap(lambda x: use(x, ONES))(torch.ones(2, 3))),
    "grad of y": (True, lambda use: torch.func.grad(lambda y: use(ONES, y))(ONES)),
    "jvp of y": (True, lambda use: torch.func.jvp(lambda y: use(ONES, y), (ONES,), (ONES,))),
    "jvp of y, grad of x": (
        True,
        lambda use: torch.func.jvp(lambda y: torch.func.grad(lambda x: use(x, y))(ONES), (ONES,), (ONES,)),
    ),
    "grad of y, jvp of x": (
        True,
        lambda use: torch.func.grad(lambda y: torch.func.jvp(lambda x: use(x, y), (ONES,), (ONES,))[1])(ONES),
    ),
    "backward to y, grad of x": (True, lambda use: torch.func.grad(lambda x: use(x, LEARNED))(ONES)),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_derivative_is_asked_in_what_a_transform_differentiates_and_in_nothing_it_merely_wraps(case):
    expected, transform = ASKED[case]
    found = []

    def use(x, y):
        y = 1 * y  # which wraps it at every level
        found.append(asked_of(y))
        return (x * y).sum()

    transform(use)
    assert found == [expected]
