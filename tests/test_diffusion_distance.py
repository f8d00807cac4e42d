"""`DiffusionDistance` as a module among others: values, gradients, batches, saving, mixed precision, PyG, errors."""

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.datasets import KarateClub
from torch_geometric.nn import GCNConv, Sequential

from graphrw import Graph, gaussian_affinity, grid_graph, walk
from graphrw.convert import to_edge_index
from graphrw.functional.diffusion import diffusion_distance, diffusion_map
from graphrw.nn.diffusion_distance import DiffusionDistance

GRAPH = grid_graph((4, 5), radius=2.0)


def features(count: int = 20, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer(k: int = 5) -> DiffusionDistance:
    return DiffusionDistance(k, mu=0.3, time=2.5, scale=0.7).double()


def expected_distance(x: Tensor, graph: Graph = GRAPH, k: int = 5, prior: Tensor | float = 1.0) -> Tensor:
    return diffusion_distance(walk(graph, above_the_floor(graph, x) * prior), 2.5, k)


def above_the_floor(graph: Graph, x: Tensor) -> Tensor:
    return 1e-6 + (1 - 1e-6) * gaussian_affinity(graph, x, 0.3)


CLOSE = {"rtol": 1e-6, "atol": 1e-6}  # parameters are initialised in float32


def test_distances_are_those_of_the_gaussian_walk() -> None:
    x, net = features(), layer()
    expected = expected_distance(x)
    torch.testing.assert_close(net(x, GRAPH), expected, **CLOSE)
    pairs, rows = torch.tensor([[0, 1], [7, 3]]), torch.tensor([4, 0])
    torch.testing.assert_close(net(x, GRAPH, pairs=pairs), expected[pairs[:, 0], pairs[:, 1]], **CLOSE)
    torch.testing.assert_close(net(x, GRAPH, rows=rows), expected[rows], **CLOSE)
    z = net.map(x, GRAPH)
    assert z.shape == (20, 5)
    torch.testing.assert_close((z[:, None] - z).square().sum(2), expected, **CLOSE)


def test_a_prior_weight_multiplies_the_similarity_of_features() -> None:
    x, prior = features(), 0.5 + torch.rand(GRAPH.num_edges, dtype=torch.float64)
    torch.testing.assert_close(layer()(x, GRAPH, prior), expected_distance(x, prior=prior), **CLOSE)


def test_similarity_falls_with_distance_and_is_zero_between_graphs_of_a_batch() -> None:
    net, batch = layer(3), Graph.batch([grid_graph((2, 3), connectivity=2), GRAPH])
    x = features(26).requires_grad_()
    distance = net(x, batch)
    similarity = net.similarity(distance)
    inside = torch.isfinite(distance)
    torch.testing.assert_close(similarity[inside], torch.exp(-0.7 * distance[inside]), **CLOSE)
    assert bool((similarity[~inside] == 0).all())
    torch.testing.assert_close(similarity.diagonal(), torch.ones(26, dtype=torch.float64))
    similarity.sum().backward()
    for slope in (x.grad, net.log_scale.grad, net.log_mu.grad, net.log_time.grad):
        assert slope is not None
        assert bool(torch.isfinite(slope).all())
        assert bool((slope != 0).any())


def test_a_batch_gives_the_maps_of_its_graphs() -> None:
    net, parts = layer(3), [grid_graph((2, 3), connectivity=2), GRAPH]
    x = features(26)
    expected = torch.cat([net.map(x[:6], parts[0]), net.map(x[6:], parts[1])])
    torch.testing.assert_close(net.map(x, Graph.batch(parts)), expected)


def test_features_and_all_parameters_have_right_gradients() -> None:
    net = layer()

    def run(x: Tensor, mu: Tensor, time: Tensor, scale: Tensor) -> Tensor:
        values = {"log_mu": mu, "log_time": time, "log_scale": scale}

        class Similarity(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, x: Tensor) -> Tensor:
                return net.similarity(net(x, GRAPH))

        named = {f"net.{name}": value for name, value in values.items()}
        result: Tensor = torch.func.functional_call(Similarity(), named, (x,))
        return result

    start = [parameter.detach().clone().requires_grad_() for parameter in net.parameters()]
    assert torch.autograd.gradcheck(run, (features().requires_grad_(), *start), fast_mode=True)


def test_training_pulls_nodes_of_one_segment_together() -> None:
    torch.manual_seed(0)
    graph = grid_graph((6, 6), radius=2.0)
    target = (torch.arange(36) % 6 < 3).float()
    same = (target[:, None] == target).float()
    encoder, net = nn.Linear(4, 2), DiffusionDistance(8, mu=0.1, time=2.0)
    x = torch.cat([target[:, None], torch.randn(36, 3)], 1)
    optimiser = torch.optim.Adam([*encoder.parameters(), *net.parameters()], lr=0.05)
    history = []
    for _ in range(12):
        similarity = net.similarity(net(encoder(x), graph))
        loss = 1 - (similarity * same).sum() / (similarity.norm() * same.norm())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert history[-1] < 0.7 * history[0]


def test_it_stands_between_layers_of_pyg() -> None:
    torch.manual_seed(0)
    data = KarateClub()[0]
    model = Sequential(
        "x, edge_index", [(GCNConv(34, 4), "x, edge_index -> x"), (DiffusionDistance(6), "x, edge_index -> d")]
    )
    distance = model(data.x, data.edge_index)
    assert distance.shape == (34, 34)
    distance.mean().backward()
    assert all(bool((parameter.grad != 0).any()) for parameter in model[0].parameters() if parameter.ndim == 2)


def test_an_edge_index_is_the_graph_it_lists() -> None:
    x, prior = features(), torch.rand(GRAPH.num_edges, dtype=torch.float64) + 0.5
    edge_index, both = to_edge_index(GRAPH, prior)
    torch.testing.assert_close(layer()(x, edge_index, both), layer()(x, GRAPH, prior))


def test_state_survives_saving_and_moving() -> None:
    net, other = layer(), DiffusionDistance(5)
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    other.double().load_state_dict(torch.load(buffer))
    torch.testing.assert_close(other(features(), GRAPH), net(features(), GRAPH), rtol=0, atol=0)
    assert repr(other) == repr(net) == "DiffusionDistance(k=5, mu=0.3, time=2.5, scale=0.7)"
    assert net.to("cpu")(features(), GRAPH).dtype == torch.float64
    assert layer().float()(features().float(), GRAPH).dtype == torch.float32


def test_distances_do_not_depend_on_the_device(device: str) -> None:
    for shape in ((4, 5), (30, 30)):
        graph = grid_graph(shape, radius=2.0)
        x, net = features(graph.num_nodes), layer()
        moved = net(x, graph)
        leaf = x.to(device, copy=True).requires_grad_()
        got = layer().to(device)(leaf, graph.to(device))
        torch.testing.assert_close(got.cpu(), moved, **CLOSE)
        got.sum().backward()
        assert leaf.grad is not None


def test_autocast_leaves_the_spectrum_in_the_precision_of_its_weights() -> None:
    x, net = features().float(), layer().float()
    with torch.autocast("cpu", torch.bfloat16):
        distance = net(x, GRAPH)
    assert distance.dtype == torch.float32
    torch.testing.assert_close(distance, net(x, GRAPH))
    encoder = nn.Linear(3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(x)
        distance = net(half, GRAPH)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(distance, net(half.float(), GRAPH))
    distance.sum().backward()
    assert bool((encoder.weight.grad != 0).any())


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # dynamo asks for it where it resumes after a graph break
def test_a_compiled_model_around_it_gives_the_same() -> None:
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.distance = nn.Linear(3, 2), layer().float()

        def forward(self, x: Tensor) -> Tensor:
            return self.distance.similarity(self.distance(self.encoder(x).tanh(), GRAPH)) * 2

    model, x = Model(), features().float()
    compiled = torch.compile(model, backend="aot_eager")
    slopes = []
    for run in (model, compiled):
        value = run(x)
        slopes.append((value.detach(), *torch.autograd.grad(value.square().sum(), list(model.parameters()))))
    for got, expected in zip(slopes[1], slopes[0], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "k": (lambda: DiffusionDistance(0), "`k` must be a whole number from 1; got 0"),
    "mu": (lambda: DiffusionDistance(mu=0.0), "`mu` must be positive and finite; got 0.0"),
    "time": (lambda: DiffusionDistance(time=-1.0), "`time` must be positive and finite; got -1.0"),
    "scale": (lambda: DiffusionDistance(scale=math.inf), "`scale` must be positive and finite; got inf"),
    "a string": (lambda: DiffusionDistance(mu="1"), "`mu` must be positive and finite; got '1'"),
    "features of another graph": (lambda: layer()(features(4), GRAPH), r"`features` must be \(N, C\) .* with N = 20"),
    "an edge listed one way": (lambda: layer()(features(), GRAPH.edges), "no entry"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_map_is_the_diffusion_map() -> None:
    x = features()
    expected = diffusion_map(walk(GRAPH, above_the_floor(GRAPH, x)), 2.5, 5)
    torch.testing.assert_close(layer().map(x, GRAPH).abs(), expected.abs(), **CLOSE)


def test_outliers_are_far_from_each_other_not_equal() -> None:
    x = torch.tensor([[0.0], [0.1], [0.0], [1e3], [0.2], [-1e3], [0.0], [0.1], [5e3]])
    distance = DiffusionDistance(k=9, mu=1.0, time=2.0)(x, grid_graph((3, 3))).detach()
    apart = distance[[3, 3, 5], [5, 8, 8]]
    assert float(apart.min()) > 10 * float(distance[0, 1])
