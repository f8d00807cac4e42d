"""`Propagation` against its dense limit, PyG's APPNP, and as a module among others."""

import copy
from typing import Any

import pytest
import torch
from propagation_layers import (
    GRAPHS,
    alpha_of,
    dense,
    either_normalisation,
    every_graph,
    normal,
    random_digraph,
    weights,
    with_and_without_loops,
)
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.datasets import KarateClub
from torch_geometric.nn import APPNP, GCNConv, Sequential

from graphrw import Graph, grid_graph, to_edge_index
from graphrw.nn.propagation import Propagation

# --- values ---------------------------------------------------------------------------------------------------------


@every_graph
@either_normalisation
@with_and_without_loops
def test_the_limit_is_the_dense_inverse(graph: Graph, symmetric: bool, self_loops: float) -> None:
    weight, x = weights(graph), normal(graph.num_nodes, 3)
    for alpha in (0.01, 0.6, 0.99):
        matrix = torch.eye(graph.num_nodes, dtype=torch.float64) - alpha * dense(graph, weight, self_loops, symmetric)
        expected = torch.linalg.solve(matrix, x)
        for average, factor in ((False, 1.0), (True, 1 - alpha)):
            layer = Propagation(alpha, average=average, symmetric=symmetric, self_loops=self_loops)
            torch.testing.assert_close(layer(x, graph, weight), factor * expected, rtol=1e-11, atol=1e-11)


@every_graph
@either_normalisation
def test_steps_are_products_with_the_dense_matrix(graph: Graph, symmetric: bool) -> None:
    weight, x = weights(graph), normal(graph.num_nodes, 3)
    matrix = dense(graph, weight, 0.5, symmetric)
    options: dict[str, Any] = {"symmetric": symmetric, "self_loops": 0.5}
    torch.testing.assert_close(Propagation(None, 1, **options)(x, graph, weight), matrix @ x)
    torch.testing.assert_close(Propagation(None, 3, **options)(x, graph, weight), matrix @ matrix @ matrix @ x)
    once = 0.8 * matrix @ x + 0.2 * x
    twice = 0.8 * matrix @ once + 0.2 * x
    torch.testing.assert_close(Propagation(0.8, 2, **options)(x, graph, weight), twice)
    torch.testing.assert_close(Propagation(0.8, 0, **options)(x, graph, weight), x)


def test_the_average_of_a_constant_is_the_constant() -> None:
    graph = grid_graph((4, 5))
    torch.testing.assert_close(Propagation(0.97)(torch.ones(20, 2), graph, torch.rand(31)), torch.ones(20, 2))


def test_without_weights_every_edge_counts_one_in_the_precision_of_the_features() -> None:
    graph, x = grid_graph((4, 5)), normal(20, 2)
    expected = Propagation()(x, graph, torch.ones(31, dtype=torch.float64))
    torch.testing.assert_close(Propagation()(x, graph), expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(Propagation()(x, to_edge_index(graph, torch.ones(31))[0]), expected)


# --- PyG ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@with_and_without_loops
def test_appnp_is_its_steps_and_its_limit(weighted: bool, self_loops: float) -> None:
    graph = GRAPHS["isolated nodes"] if self_loops else grid_graph((4, 5))
    edge_index, both = to_edge_index(graph, weights(graph))
    weight, x = both if weighted else None, normal(graph.num_nodes, 3)
    options: dict[str, Any] = {"symmetric": True, "self_loops": self_loops}
    for steps in (1, 10):
        theirs = APPNP(steps, 0.15, add_self_loops=bool(self_loops))(x, edge_index, weight)
        torch.testing.assert_close(Propagation(0.85, steps, **options)(x, edge_index, weight), theirs)
    theirs = APPNP(300, 0.15, add_self_loops=bool(self_loops))(x, edge_index, weight)
    torch.testing.assert_close(Propagation(0.85, **options)(x, edge_index, weight), theirs, rtol=0, atol=1e-10)


@with_and_without_loops
def test_appnp_on_a_directed_edge_index_gathers_from_source_to_target(self_loops: float) -> None:
    edge_index, weight = random_digraph()
    edge_index, weight = edge_index[:, edge_index[1] > 1], weight[edge_index[1] > 1]  # into 0 and 1 there is no edge
    x = normal(12, 3)
    layer = Propagation(0.85, symmetric=True, self_loops=self_loops, directed=True)
    theirs = APPNP(300, 0.15, add_self_loops=bool(self_loops))(x, edge_index, weight)
    torch.testing.assert_close(layer(x, edge_index, weight), theirs, rtol=0, atol=1e-10)
    wrong_way = layer(x, edge_index.flip(0), weight)
    assert not torch.allclose(wrong_way, theirs, atol=1e-2)


def test_a_directed_graph_is_gathered_along_its_edges() -> None:
    graph = Graph(torch.tensor([[0], [1]]), 2, directed=True)
    x = torch.tensor([[1.0], [2.0]])
    assert Propagation(None, steps=1)(x, graph).flatten().tolist() == [2.0, 0.0]
    assert Propagation(None, steps=1, directed=True)(x, graph.edges).flatten().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("steps", [None, 2])
def test_a_graph_and_its_edge_index_get_the_same_answer_and_gradient(steps: int | None) -> None:
    graph = grid_graph((4, 5))
    weight, x = weights(graph).requires_grad_(), normal(20, 3)
    layer = Propagation(0.9, steps)
    expected = layer(x, graph, weight)
    edge_index, both = to_edge_index(graph, weight)
    answer = layer(x, EdgeIndex(edge_index, sparse_size=(20, 20)), both)
    torch.testing.assert_close(answer, expected)
    slopes = [torch.autograd.grad(y.square().sum(), weight)[0] for y in (answer, expected)]
    torch.testing.assert_close(*slopes)


def network() -> nn.Module:
    """The layer between two convolutions, which pass x and edge_index on; weights reach the second layer only."""
    torch.manual_seed(0)
    layers = [
        (GCNConv(34, 8), "x, edge_index -> x"),
        nn.ReLU(),
        (Propagation(learn_alpha=True), "x, edge_index -> x"),
        (GCNConv(8, 8), "x, edge_index -> x"),
        (Propagation(0.8, steps=3), "x, edge_index, edge_weight -> x"),
        nn.Linear(8, 4),
    ]
    model: nn.Module = Sequential("x, edge_index, edge_weight", layers)
    return model


def test_in_a_sequential_of_pyg_everything_learns() -> None:
    data, model = KarateClub()[0], network()
    weight = torch.ones(data.num_edges, requires_grad=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    history = []
    for _ in range(5):
        loss = nn.functional.cross_entropy(model(data.x, data.edge_index, weight), data.y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert history == sorted(history, reverse=True)
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in model.parameters())
    assert weight.grad is not None
    assert bool((weight.grad != 0).all())


# --- alpha ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, 3])
def test_a_learned_alpha_starts_where_it_is_told_and_has_a_gradient(steps: int | None) -> None:
    graph, x, step = grid_graph((4, 5)), normal(20, 3), 1e-6
    layer = Propagation(0.7, steps, learn_alpha=True).double()
    assert alpha_of(layer) == pytest.approx(0.7)
    layer(x, graph, weights(graph)).square().sum().backward()
    values = []
    for sign in (1, -1):
        shifted = copy.deepcopy(layer)
        with torch.no_grad():
            next(shifted.parameters()).add_(sign * step)
            values.append(float(shifted(x, graph, weights(graph)).square().sum()))
    (logit,) = layer.parameters()
    assert logit.grad is not None
    assert float(logit.grad) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize(("logit", "alpha"), [(40.0, "1"), (-200.0, "0"), (torch.nan, "nan")])
def test_a_learned_alpha_that_has_run_away_is_an_error_that_says_so(
    steps: int | None, logit: float, alpha: str
) -> None:
    layer = Propagation(steps=steps, learn_alpha=True)
    with torch.no_grad():
        next(layer.parameters()).fill_(logit)
    message = rf"has learned α = {alpha}, an end of .* `logit` has run away.*smaller learning rate"
    with pytest.raises(ValueError, match=message):
        layer(torch.ones(4, 1), grid_graph((2, 2)))


# --- derivatives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [GRAPHS["grid"], GRAPHS["directed"]], ids=["grid", "directed"])
def test_derivatives_of_both_orders_are_those_of_finite_differences(graph: Graph) -> None:
    layer = Propagation(0.8, symmetric=True, self_loops=0.3, learn_alpha=True).double()

    def run(x: Tensor, weight: Tensor, logit: Tensor) -> Tensor:
        answer: Tensor = torch.func.functional_call(layer, {"logit": logit}, (x, graph, weight))
        return answer

    values = (normal(graph.num_nodes, 2), weights(graph), torch.tensor(1.3, dtype=torch.float64))
    leaves = tuple(value.requires_grad_() for value in values)
    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)
