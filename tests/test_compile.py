"""`torch.compile` around what users write: public functions are opaque to it, quietly, and learn as before."""

import importlib
import inspect
import logging

import pytest
import torch

import graphrw as rw
from graphrw.core.opaque import opaque

# Raised by the compiler itself, which looks at it.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")

GRAPH = rw.grid_graph((15, 15))
N = GRAPH.num_nodes
SEEDS = torch.full((N,), -1)
SEEDS[0], SEEDS[-1] = 0, 1
ROOMS = ("build", "convert", "functional", "losses", "metrics", "models", "partition", "segmentation", "solvers")


def solved(weight):
    return rw.solve(rw.walk(GRAPH, weight.sin() + 2, 0.1), torch.ones(N)).cos()


def with_options(weight):
    return rw.hitting_probabilities(rw.walk(GRAPH, weight, killing=0.1), SEEDS, solver=rw.solvers.CG(rtol=1e-10))


def factorised(weight):
    factor = rw.factorize(rw.walk(GRAPH, weight, killing=0.1))
    return factor.solve(torch.ones(N, 2)) + factor.T.solve(torch.ones(N, 2))


def with_graphs_of_its_own(weight):
    both = rw.Graph.batch([rw.Graph(GRAPH.edges, N), rw.grid_graph((15, 15))])
    return rw.resolvent(rw.walk(both, torch.cat([weight, weight]), killing=0.1), torch.ones(2 * N, 2))


def recorded(weight):
    with rw.record_solves() as reports:
        x = rw.solve(rw.walk(GRAPH, weight, 0.1), torch.ones(N))
    return x * len(reports)


def spectral(weight):
    return rw.diffusion_distance(rw.walk(GRAPH, weight), 2.0, 6, pairs=torch.tensor([[0, 3]]))


def lost(weight):
    probability = rw.hitting_probabilities(rw.walk(GRAPH, weight), SEEDS)
    return rw.losses.dice(probability, torch.zeros(N, dtype=torch.int64)) + rw.entropy(probability).mean()


def transformed(weight):
    return torch.func.grad(lambda w: rw.solve(rw.walk(GRAPH, w, 0.1), torch.ones(N)).sum())(weight)


def with_its_own_backward(weight):
    leaf = weight.detach().clone().requires_grad_()
    rw.solve(rw.walk(GRAPH, leaf * 2, 0.1), torch.ones(N)).sum().backward()
    return leaf.grad


LINKS, MLP = torch.cat([GRAPH.edges, GRAPH.edges.flip(0)], 1), rw.nn.EdgeWeightsMLP(2).double()


def weighted(weight):
    return MLP(weight[: 2 * (N // 2)].reshape(-1, 2), LINKS[:, (LINKS < N // 2).all(0)])


class Sum(torch.nn.Module):
    out_channels = 2

    def forward(self, x, edge_index):
        return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])


GNN = rw.nn.EdgeWeightsGNN(Sum()).double()


def weighted_by_neighbours(weight):
    x = weight[: 2 * (N // 2)].reshape(-1, 2)
    return GNN(x, LINKS[:, (LINKS < N // 2).all(0)])


FUNCTIONS = (
    weighted,
    weighted_by_neighbours,
    solved,
    with_options,
    factorised,
    with_graphs_of_its_own,
    recorded,
    spectral,
    lost,
    transformed,
    with_its_own_backward,
)


def gradient(answer, weight):
    return torch.autograd.grad(answer.square().sum(), weight)[0] if answer.requires_grad else None


def compiled(function, backend="aot_eager"):
    torch.compiler.reset()
    return torch.compile(function, backend=backend)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_compiled_function_answers_and_learns_as_before_and_logs_nothing(function, backend, caplog):
    if function is transformed and torch.__version__ < (2, 12):
        pytest.skip("compiles frames of torch.autograd inside the transform, and fails there")
    weight = torch.linspace(0.5, 1.5, GRAPH.num_edges, dtype=torch.float64, requires_grad=True)
    expected = function(weight)
    torch._logging.set_logs(dynamo=logging.WARNING)  # whatever was set before
    logging.getLogger("torch._dynamo").propagate = True
    with caplog.at_level(logging.WARNING):
        answer = compiled(function, backend)(weight)
    assert [record.getMessage() for record in caplog.records] == []
    assert torch.equal(answer, expected)
    found, slope = gradient(answer, weight), gradient(expected, weight)
    assert (found is None) == (slope is None)
    assert slope is None or torch.allclose(found, slope)


def test_what_stands_around_is_compiled_and_what_is_called_is_not():
    seen = []

    @opaque
    def called(x):
        seen.append(torch.compiler.is_compiling())
        return x + float(x.detach().numpy().sum())

    def count(graph, inputs):
        seen.append(sum(node.op == "call_method" for node in graph.graph.nodes))
        return graph.forward

    run = compiled(lambda x: called(x.sin()).cos(), count)
    for kind in (torch.float32, torch.float64):
        for size in range(2, 14):
            x = torch.rand(size, dtype=kind)
            assert torch.equal(run(x), called(x.sin()).cos())
    assert sum(value is False for value in seen) == 48
    assert {value for value in seen if value is not False} == {1}  # sine, cosine


def test_fullgraph_says_what_it_cannot_take():
    weight = torch.ones(GRAPH.num_edges)
    with pytest.raises(torch._dynamo.exc.Unsupported, match=r"(?s)disable"):
        torch.compile(solved, backend="eager", fullgraph=True)(weight)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_is_opaque(room):
    module = importlib.import_module(f"graphrw.{room}")
    code = opaque(len).__code__
    functions = {name: value for name in module.__all__ if inspect.isfunction(value := getattr(module, name))}
    assert {name for name, value in functions.items() if value.__code__ is not code} == set()


def test_every_function_and_forward_with_a_walk_in_it_is_opaque():
    code = opaque(len).__code__
    hall = [value for name in rw.__all__ if inspect.isfunction(value := getattr(rw, name))]
    layers = [rw.nn.HarmonicLabels, rw.nn.BoundaryLabels, rw.nn.Propagation, rw.nn.DiffusionDistance]
    assert {function for function in hall if function.__code__ is not code} == set()
    assert {layer for layer in layers if layer.forward.__code__ is not code} == set()


def test_names_signatures_and_documentation_are_the_functions_own():
    assert rw.solve.__name__ == "solve"
    assert rw.solve.__doc__.startswith("x with A x = b")
    assert list(inspect.signature(rw.solve).parameters) == ["walk", "b", "solver", "transpose", "start"]
