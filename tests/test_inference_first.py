"""A first use in inference mode, as in Lightning's sanity check, leaves nothing that cannot be trained."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import graphrw as rw
from graphrw.models import NDD, RAWKS, RWN, LearnedRandomWalker
from graphrw.solvers import CG, LU, Auto, Dense, Multigrid, Solver
from graphrw.testing import sample_graphs

IMAGE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SEEDS = torch.full((1, 16, 16), -1)
SEEDS[0, 3, 3], SEEDS[0, 12, 12] = 0, 1
TARGET = torch.zeros(1, 16, 16, dtype=torch.int64)
TARGET[:, 8:] = 1
CELLS = torch.zeros(1, 1, 4, 4, dtype=torch.int64)
MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[..., object], Callable[..., Tensor]]] = {
    "RWN": (lambda: RWN(3, 2, 8), lambda model: model(IMAGE), lambda model: model.loss(IMAGE, TARGET)),
    "NDD": (lambda: NDD(3, 8, k=4, stride=4), lambda model: model(IMAGE), lambda model: model.loss(IMAGE, CELLS)),
    "RAWKS": (
        lambda: RAWKS(3, 2, 8),
        lambda model: model.propagate(IMAGE, SEEDS),
        lambda model: model.loss(IMAGE, SEEDS),
    ),
    "LRW": (
        lambda: LearnedRandomWalker(3, 8),
        lambda model: model(IMAGE, SEEDS),
        lambda model: model.loss(IMAGE, SEEDS, TARGET),
    ),
}


@pytest.mark.parametrize(("make", "predict", "loss"), MODELS.values(), ids=list(MODELS))
@pytest.mark.parametrize("eval_first", [False, True], ids=["training", "eval"])
def test_a_model_that_predicted_in_inference_mode_trains_as_a_fresh_one(
    make: Callable[[], nn.Module],
    predict: Callable[..., object],
    loss: Callable[..., Tensor],
    eval_first: bool,
) -> None:
    torch.manual_seed(0)
    used = make()
    fresh = copy.deepcopy(used)
    used.train(not eval_first)
    with torch.inference_mode():
        predict(used)
    slopes = []
    for model in (used, fresh):
        loss(model.train()).backward()
        slopes.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    assert len(slopes[0]) > 4
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("solver", [Auto(), Dense(), LU(), CG(), Multigrid()], ids=lambda solver: type(solver).__name__)
@pytest.mark.parametrize("kind", ["grid", "disconnected", "batched"])
def test_a_graph_first_solved_on_in_inference_mode_is_differentiated_on(solver: Solver, kind: str) -> None:
    graph = sample_graphs()[kind]
    b = torch.linspace(-1, 1, graph.num_nodes, dtype=torch.float64)
    weight = torch.linspace(0.5, 1.5, graph.num_edges, dtype=torch.float64)

    def slope(graph: rw.Graph) -> Tensor:
        leaf = weight.clone().requires_grad_()
        answer = rw.solve(rw.walk(graph, leaf, 1.0), b, solver)
        return torch.autograd.grad(answer.square().sum(), leaf)[0]

    with torch.inference_mode():
        rw.solve(rw.walk(graph, weight, 1.0), b, solver)
    torch.testing.assert_close(slope(graph), slope(sample_graphs()[kind]))


MAKERS: dict[str, Callable[[], rw.Graph]] = {
    "its edges": lambda: rw.Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), 4),
    "a grid": lambda: rw.grid_graph((3, 4)),
    "a batch": lambda: rw.Graph.batch([rw.grid_graph((2, 3))] * 2),
    "an edge_index": lambda: rw.from_edge_index(torch.tensor([[0, 1], [1, 0]]))[0],
    "neighbours": lambda: rw.knn_graph(torch.rand(12, 2), 3)[0],
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_a_graph_made_in_inference_mode_can_be_trained_on(make: Callable[[], rw.Graph]) -> None:
    with torch.inference_mode():
        graph = make()
    assert not graph.edges.is_inference()
    weight = torch.ones(graph.num_edges, requires_grad=True)
    rw.solve(rw.walk(graph, weight, 1.0), torch.rand(graph.num_nodes)).sum().backward()
    rw.functional.step(rw.walk(graph, weight), torch.rand(graph.num_nodes, 2)).sum().backward()
    assert weight.grad is not None
