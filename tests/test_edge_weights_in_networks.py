"""Edge weights as modules among others: saving, moving, gradients, PyG's `Sequential`, and compiled models."""

import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GAT, GCNConv, Sequential

from graphrw import grid_graph, losses, to_edge_index
from graphrw.nn import HarmonicLabels
from graphrw.nn.edge_weights import EdgeWeightsGaussian, EdgeWeightsGNN, EdgeWeightsMLP

CHANNELS = 6
MODULES: dict[str, Callable[[], nn.Module]] = {
    "Gaussian": lambda: EdgeWeightsGaussian(CHANNELS),
    "MLP": lambda: EdgeWeightsMLP(CHANNELS),
    "GCNConv": lambda: EdgeWeightsGNN(GCNConv(CHANNELS, 8)),
    "GAT": lambda: EdgeWeightsGNN(GAT(CHANNELS, 8, num_layers=2, out_channels=5)),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=list(MODULES))
GRAPH = grid_graph((4, 5))


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def made(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return make()


@every_module
def test_a_saved_module_answers_as_before(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other = made(make, seed=5)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter += 0.1
    assert not torch.allclose(other(x, GRAPH), module(x, GRAPH))
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(other(x, GRAPH), module(x, GRAPH))


@every_module
def test_a_module_moves_to_another_type_and_device(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS)
    weight = module(x, GRAPH)
    double = module.to(torch.float64)(x.double(), GRAPH)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), weight)
    moved = module.to("meta")
    assert all(parameter.is_meta for parameter in moved.parameters())


@every_module
def test_weights_do_not_depend_on_the_device(make: Callable[[], nn.Module], device: str) -> None:
    module, x = made(make), features(20, CHANNELS)
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    expected = module(x, edge_index)
    moved = module.to(device)
    torch.testing.assert_close(moved(x.to(device), edge_index.to(device)).cpu(), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(moved(x.to(device), GRAPH.to(device)).cpu(), expected[:31], rtol=1e-4, atol=1e-6)


@every_module
def test_gradients_reach_features_and_every_parameter_at_the_first_step(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS).requires_grad_()
    seeds = torch.full((20,), -1)
    seeds[0], seeds[19] = 0, 1
    answer = HarmonicLabels()(GRAPH, module(x, GRAPH), seeds)
    losses.cross_entropy(answer, (torch.arange(20) % 5 > 2).long()).backward()
    assert x.grad is not None
    assert bool(x.grad.any())
    frozen = [name for name, parameter in module.named_parameters() if not bool(parameter.grad.any())]
    assert frozen == []


@pytest.mark.parametrize("name", ["Gaussian", "MLP"])
def test_weights_have_exact_gradients(name: str) -> None:
    module = made(MODULES[name]).double()
    x = features(20, CHANNELS).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, GRAPH), x)
    assert torch.autograd.gradgradcheck(lambda x: module(x, GRAPH), x, fast_mode=True)


@every_module
def test_a_module_and_the_walk_stand_in_a_sequential_of_pyg(make: Callable[[], nn.Module]) -> None:
    layers = [(made(make), "x, edge_index -> w"), (HarmonicLabels(), "edge_index, w, seeds -> p")]
    model = Sequential("x, edge_index, seeds", layers)
    x, seeds = features(20, CHANNELS), torch.full((20,), -1)
    seeds[0], seeds[19] = 0, 1
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    answer = model(x, edge_index, seeds)
    torch.testing.assert_close(answer, HarmonicLabels()(GRAPH, layers[0][0](x, GRAPH), seeds))


class Labeller(nn.Module):
    """A model around the walk: layers before it and behind it."""

    def __init__(self, edges: nn.Module) -> None:
        super().__init__()
        self.edges = edges
        self.walk = HarmonicLabels()
        self.out = nn.Linear(2, 2)

    def forward(self, x: Tensor, edge_index: Tensor, seeds: Tensor) -> Tensor:
        labels: Tensor = self.out(self.walk(edge_index, self.edges(torch.tanh(x), edge_index), seeds))
        return labels


def assert_compiled_alike(model: nn.Module, compiled: Callable[..., Tensor], *inputs: Tensor) -> None:
    answers, slopes = [], []
    for run in (model, compiled):
        model.zero_grad()
        answer = run(*inputs)
        answer.square().sum().backward()
        answers.append(answer.detach())
        slopes.append([parameter.grad.clone() for parameter in model.parameters()])
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(*slopes)


def test_compiled_edge_weights_answer_and_learn_as_before() -> None:
    model, edge_index = made(MODULES["MLP"]), to_edge_index(GRAPH, torch.ones(31))[0]
    assert_compiled_alike(model, torch.compile(model, backend="aot_eager"), features(20, CHANNELS), edge_index)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by the compiler, which looks at it
@pytest.mark.parametrize("name", ["MLP", "GCNConv"])
def test_a_compiled_model_around_the_walk_answers_and_learns_as_before(name: str) -> None:
    torch.manual_seed(0)
    model, seeds = Labeller(made(MODULES[name])), torch.full((20,), -1)
    seeds[0], seeds[19] = 0, 1
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    compiled = torch.compile(model, backend="aot_eager")
    assert_compiled_alike(model, compiled, features(20, CHANNELS), edge_index, seeds)
