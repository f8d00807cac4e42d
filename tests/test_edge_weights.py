"""Edge weights from networks: positive, symmetric, near a plain walk at first, and what they refuse."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GAT, GCNConv

from graphrw import Graph, gaussian_affinity, grid_graph, losses, to_edge_index
from graphrw.build import grid_weight
from graphrw.nn import HarmonicLabels
from graphrw.nn.edge_weights import EdgeWeightsCNN, EdgeWeightsGaussian, EdgeWeightsGNN, EdgeWeightsMLP
from graphrw.testing import sample_graphs

CHANNELS = 6
MODULES: dict[str, Callable[[], nn.Module]] = {
    "Gaussian": lambda: EdgeWeightsGaussian(CHANNELS),
    "one β": lambda: EdgeWeightsGaussian(CHANNELS, per_channel=False),
    "MLP": lambda: EdgeWeightsMLP(CHANNELS),
    "GCNConv": lambda: EdgeWeightsGNN(GCNConv(CHANNELS, 8)),
    "GAT": lambda: EdgeWeightsGNN(GAT(CHANNELS, 8, num_layers=2, out_channels=5)),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=list(MODULES))
GRAPH = grid_graph((4, 5))


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def made(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return make()


def trained(module: nn.Module) -> nn.Module:
    """The module with large parameters, as after a long training."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return module


def assert_symmetric_bits(module: nn.Module, x: Tensor) -> None:
    edge_index = to_edge_index(GRAPH, torch.ones(31))[0][:, torch.randperm(62)]
    there, back = module(x, edge_index), module(x, edge_index.flip(0))
    lookup = {tuple(pair): float(value) for pair, value in zip(edge_index.T.tolist(), there.tolist(), strict=True)}
    assert all(lookup[i, j] == lookup[j, i] for i, j in lookup)
    if not isinstance(module, EdgeWeightsGNN):  # an encoder adds up messages in the order in which they are listed
        assert torch.equal(there, back)


# --- values ---------------------------------------------------------------------------------------------------------


@every_module
@pytest.mark.parametrize("seed", range(3))
def test_before_training_all_weights_are_about_those_of_a_plain_walk(make: Callable[[], nn.Module], seed: int) -> None:
    weight = made(make, seed)(features(20, CHANNELS, seed=seed), GRAPH).detach()
    assert weight.shape == (31,)
    assert float(weight.min()) > 0.4
    assert float(weight.max() / weight.min()) < 2
    plain, seeds = torch.ones(31), torch.full((20,), -1)
    seeds[0], seeds[19] = 0, 1
    answer = HarmonicLabels()(GRAPH, weight, seeds)
    torch.testing.assert_close(answer, HarmonicLabels()(GRAPH, plain, seeds), rtol=0, atol=0.1)


@every_module
def test_weights_are_symmetric_to_the_bit_and_the_same_for_a_graph_and_its_edge_index(
    make: Callable[[], nn.Module],
) -> None:
    module, x = trained(made(make)), features(20, CHANNELS)
    assert_symmetric_bits(module, x)
    of_graph = module(x, GRAPH)
    of_edge_index = module(x, to_edge_index(GRAPH, torch.ones(31))[0])
    torch.testing.assert_close(of_edge_index, torch.cat([of_graph, of_graph]))
    turned = Graph(GRAPH.edges.flip(0), 20)
    torch.testing.assert_close(module(x, turned), of_graph)


@every_module
def test_weights_are_symmetric_to_the_bit_under_autocast_and_leave_it_as_float32(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS)
    with torch.autocast("cpu", torch.bfloat16):
        weight = module(x, GRAPH)
        assert_symmetric_bits(module, x)
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, module(x, GRAPH), rtol=0.05, atol=0)


@every_module
@pytest.mark.parametrize("scale", [1, 1e3, 1e6])
def test_no_weight_leaves_the_range_that_the_side_loss_and_the_walk_want(
    make: Callable[[], nn.Module], scale: float
) -> None:
    weight = trained(made(make))(scale * features(20, CHANNELS), GRAPH)
    assert float(weight.detach().min()) >= 1e-6 * (1 - 1e-6)
    assert float(weight.detach().max()) <= 1
    losses.edge_side_loss(weight, GRAPH.edges, torch.arange(20) // 10).backward()


def test_the_floor_is_where_large_differences_end() -> None:
    x = torch.tensor([[0.0], [100.0]])
    pair = Graph(torch.tensor([[0], [1]]), 2)
    assert EdgeWeightsGaussian(1, beta=1.0, floor=0.01)(x, pair).tolist() == pytest.approx([0.01])
    head = EdgeWeightsMLP(1, floor=0.01)
    with torch.no_grad():
        head.head.outer.bias.fill_(50.0)
    assert head(x, pair).tolist() == pytest.approx([0.01])


@pytest.mark.parametrize("make", [lambda: EdgeWeightsMLP(3), lambda: EdgeWeightsCNN(3)])
def test_a_contrast_of_ten_thousand_is_in_reach_of_a_short_training(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module, image = make(), torch.zeros(1, 3, 1, 6)
    image[..., 3:] = 1
    grid = grid_graph((1, 6))

    def weights() -> Tensor:
        if isinstance(module, EdgeWeightsCNN):
            return grid_weight(module(image)[0], (1, 6))
        weight: Tensor = module(image[0, :, 0].T, grid)
        return weight

    optimiser = torch.optim.Adam(module.parameters(), lr=0.03)
    for _ in range(100):
        optimiser.zero_grad()
        losses.edge_side_loss(weights(), grid.edges, torch.arange(6) // 3).backward()
        optimiser.step()
    weight = weights().detach()
    assert float(weight[2]) < 1e-4
    assert float(weight[[0, 1, 3, 4]].min()) > 0.9


def test_gaussian_weights_are_those_of_gaussian_affinity_with_the_floor_added() -> None:
    x = features(20, 3)
    shared = EdgeWeightsGaussian(3, per_channel=False, beta=0.7)
    torch.testing.assert_close(shared(x, GRAPH), 1e-6 + (1 - 1e-6) * gaussian_affinity(GRAPH, x, 0.7))
    separate = EdgeWeightsGaussian(3)
    beta = torch.tensor([0.5, 2.0, 1e-3])
    separate.load_state_dict({"log_beta": beta.log()})
    torch.testing.assert_close(separate.beta, beta)
    expected = gaussian_affinity(GRAPH, x * beta.sqrt(), 1.0)
    torch.testing.assert_close(separate(x, GRAPH), 1e-6 + (1 - 1e-6) * expected)
    torch.testing.assert_close(EdgeWeightsGaussian(5).beta, torch.full((5,), 0.02))


def test_edge_attributes_count_and_differing_directions_count_with_their_mean() -> None:
    torch.manual_seed(0)
    module = EdgeWeightsMLP(CHANNELS, num_attributes=2)
    x, attributes = features(20, CHANNELS), features(31, 2)
    weight = module(x, GRAPH, attributes)
    assert not torch.allclose(weight, module(x, GRAPH, attributes + 1))
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    both = torch.cat([attributes + 0.5, attributes - 0.5])
    torch.testing.assert_close(module(x, edge_index, both), torch.cat([weight, weight]))
    alone = EdgeWeightsMLP(num_attributes=2)
    torch.testing.assert_close(alone(None, edge_index, both)[:31], alone(None, GRAPH, attributes))
    gnn = EdgeWeightsGNN(GCNConv(CHANNELS, 8), num_attributes=2)
    torch.testing.assert_close(gnn(x, edge_index, both)[:31], gnn(x, GRAPH, attributes))


@pytest.mark.parametrize("name", list(sample_graphs()))
@every_module
def test_every_graph_is_served_directed_batched_and_without_edges(make: Callable[[], nn.Module], name: str) -> None:
    graph = sample_graphs()[name]
    weight = made(make)(features(graph.num_nodes, CHANNELS), graph)
    assert weight.shape == (graph.num_edges,)
    empty = made(make)(features(3, CHANNELS), torch.empty(2, 0, dtype=torch.int64))
    assert empty.shape == (0,)


# --- the head for grids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_a_weight_image_holds_the_edges_to_the_next_pixels(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    axes = len(shape)
    head, maps = EdgeWeightsCNN(3, axes=axes).double(), features(2, 3, *shape).double()
    weight = head(maps)
    assert weight.shape == (2, axes, *shape)
    for image, ours in zip(maps, weight, strict=True):
        x, grid = image.flatten(1).T, grid_graph(shape)
        start = 0
        for axis in range(axes):
            count = grid_weight(torch.eye(axes)[axis].reshape(-1, *[1] * axes).expand(axes, *shape), shape).bool()
            edges = grid.edges[:, count]
            expected = head.heads[axis]((x[edges[0]], x[edges[1]]), None)
            torch.testing.assert_close(grid_weight(ours, shape)[count], expected)
            start += int(count.sum())
        assert start == grid.num_edges


def test_weights_of_a_mirrored_image_are_mirrored() -> None:
    torch.manual_seed(0)
    head, maps = EdgeWeightsCNN(3), features(1, 3, 4, 5)
    there, back = head(maps), head(maps.flip(3))
    torch.testing.assert_close(back[:, 1, :, :-1], there[:, 1, :, :-1].flip(2), rtol=0, atol=0)
    torch.testing.assert_close(back[:, 0], there[:, 0].flip(2), rtol=0, atol=0)


def test_weight_images_start_near_a_plain_walk_and_train_through_it() -> None:
    torch.manual_seed(0)
    convolution, head = nn.Conv2d(1, 8, 3, padding=1), EdgeWeightsCNN(8)
    image = features(2, 1, 6, 7)
    weight = head(convolution(image))
    assert float((weight - 0.5).detach().abs().max()) < 0.1
    seeds = torch.full((2, 6, 7), -1)
    seeds[:, 0, 0], seeds[:, 5, 6] = 0, 1
    losses.cross_entropy(HarmonicLabels()(weight, seeds), (torch.arange(7) > 3).long().expand(2, 6, 7)).backward()
    assert all(bool(parameter.grad.any()) for parameter in [*convolution.parameters(), *head.parameters()])


# --- errors ---------------------------------------------------------------------------------------------------------

X = features(20, CHANNELS)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "floor 0": (lambda: EdgeWeightsMLP(3, floor=0.0), r"`floor` must lie in \(0, 1\); got 0.0. At 0 a weight may"),
    "floor 1": (lambda: EdgeWeightsGaussian(3, floor=1.0), r"`floor` must lie in \(0, 1\); got 1.0"),
    "nothing to see": (lambda: EdgeWeightsMLP(), "need channels of nodes or of edges, or both; got 0 and 0"),
    "no width": (lambda: EdgeWeightsMLP(3, hidden=0), "`hidden` must be a whole number from 1; got 0"),
    "no channel": (lambda: EdgeWeightsGaussian(0), "`in_channels` must be a whole number from 1; got 0"),
    "half a channel": (lambda: EdgeWeightsMLP(2.5), "`in_channels` must be a whole number from 0; got 2.5"),  # type: ignore[arg-type]
    "attributes below 0": (lambda: EdgeWeightsMLP(3, -1), "`num_attributes` must be a whole number from 0; got -1"),
    "half an output": (lambda: EdgeWeightsGNN(nn.Identity(), 2.5), "`in_channels` must be a whole .*; got 2.5"),  # type: ignore[arg-type]
    "β": (lambda: EdgeWeightsGaussian(3, beta=0.0), "`beta` must be positive and finite; got 0.0"),
    "axes": (lambda: EdgeWeightsCNN(3, axes=1), r"`axes` must be 2 \(images\) or 3 \(volumes\); got 1"),
    "an encoder of unknown width": (
        lambda: EdgeWeightsGNN(nn.Identity()),
        r"`encoder` \(Identity\) has no `out_channels`: give `in_channels`",
    ),
    "channels": (lambda: EdgeWeightsMLP(5)(X, GRAPH), r"`x` must be \(N, 5\) floats; got \(20, 6\) torch.float32"),
    "whole numbers": (
        lambda: EdgeWeightsGaussian(CHANNELS)(X.long(), GRAPH),
        r"`x` must be \(N, 6\) floats; got torch.int64",
    ),
    "x missing": (lambda: EdgeWeightsMLP(5)(None, GRAPH), r"`x` must be \(N, 5\) floats; got None"),
    "x too much": (
        lambda: EdgeWeightsMLP(num_attributes=1)(X, GRAPH, torch.ones(31, 1)),
        r"`x` must be None, as this module was made without such channels; got a tensor \(20, 6\)",
    ),
    "attributes missing": (
        lambda: EdgeWeightsMLP(CHANNELS, 1)(X, GRAPH),
        r"`edge_attr` must be \(E, 1\) floats; got None",
    ),
    "attributes too much": (
        lambda: EdgeWeightsMLP(CHANNELS)(X, GRAPH, torch.ones(31, 1)),
        r"`edge_attr` must be None, as this module was made without",
    ),
    "attributes' shape": (
        lambda: EdgeWeightsMLP(CHANNELS, 2)(X, GRAPH, torch.ones(31)),
        r"`edge_attr` must be \(31, 2\) floats, a row per edge; got \(31,\) torch.float32",
    ),
    "rows": (
        lambda: EdgeWeightsMLP(CHANNELS)(X[:19], GRAPH),
        "`x` has 19 rows, but `graph` has 20 nodes",
    ),
    "rows of an edge_index": (
        lambda: EdgeWeightsMLP(CHANNELS)(X[:19], GRAPH.edges),
        "`edge_index` names node 19, but nodes are numbered from 0 and there are 19",
    ),
    "a negative node": (
        lambda: EdgeWeightsMLP(CHANNELS)(X, GRAPH.edges - 1),
        "`edge_index` names node -1, but nodes are numbered from 0 and there are 20",
    ),
    "edge_index' shape": (
        lambda: EdgeWeightsMLP(CHANNELS)(X, GRAPH.edges.T),
        r"`edge_index` must have shape \(2, M\); got \(31, 2\)",
    ),
    "feature maps": (
        lambda: EdgeWeightsCNN(3)(torch.zeros(1, 3, 4, 4, 4)),
        r"`features` must be \(B, 3, H, W\); got \(1, 3, 4, 4, 4\)",
    ),
    "feature volumes": (
        lambda: EdgeWeightsCNN(3, axes=3)(torch.zeros(1, 3, 4, 4)),
        r"`features` must be \(B, 3, D, H, W\); got \(1, 3, 4, 4\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_weights_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
