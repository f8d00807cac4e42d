"""Diffusion maps of batches of small graphs: each as if it were alone, whatever its size."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.utils import to_dense_batch, to_undirected

import graphrw as rw
from graphrw import Graph
from graphrw.functional import dense_squared_distance, map_mask, unrolled_diffusion_map
from graphrw.nn import DiffusionDistance

SIZES = (5, 2, 9, 1, 21)
K = 8


def ring(size: int) -> Data:
    """A ring (a pair, a single node) with features of its own."""
    nodes = torch.arange(size)
    x = torch.rand(size, 4, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    ends = torch.stack([nodes, (nodes + 1) % size])[:, : size if size > 2 else size - 1]
    return Data(x=x, edge_index=to_undirected(ends, num_nodes=size), num_nodes=size)


RINGS = [ring(size) for size in SIZES]
MOLECULES = Batch.from_data_list(RINGS)


def layer(k: int = K) -> DiffusionDistance:
    return DiffusionDistance(k, mu=1.0, time=2.0)


def alone(data: Data) -> Tensor:
    return layer(min(K, data.num_nodes))(data.x, data.edge_index).detach()


WAYS: dict[str, Callable[..., Tensor]] = {
    "edge_index": lambda call, **options: call(MOLECULES.x, MOLECULES.edge_index, batch=MOLECULES.batch, **options),
    "from_pyg": lambda call, **options: call(MOLECULES.x, rw.from_pyg(MOLECULES)[0], **options),
    "adj_t": lambda call, **options: call(MOLECULES.x, adj_t(), batch=MOLECULES.batch, **options),
    "a lone Graph": lambda call, **options: call(
        MOLECULES.x, rw.from_edge_index(MOLECULES.edge_index, num_nodes=38)[0], batch=MOLECULES.batch, **options
    ),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


def adj_t() -> Tensor:
    return torch.sparse_coo_tensor(
        MOLECULES.edge_index, torch.ones(MOLECULES.num_edges), (38, 38), check_invariants=False
    )


@every_way
def test_each_graph_has_its_own_distances_and_is_infinitely_far_from_the_others(way: Callable[..., Tensor]) -> None:
    distance = way(layer()).detach()
    for data, start, stop in zip(RINGS, MOLECULES.ptr[:-1], MOLECULES.ptr[1:], strict=True):
        torch.testing.assert_close(distance[start:stop, start:stop], alone(data), rtol=1e-6, atol=1e-8)
        assert bool((distance[start:stop, stop:] == math.inf).all())
        assert bool((distance[start:stop, :start] == math.inf).all())


@every_way
def test_pairs_rows_and_coordinates_know_the_batch_too(way: Callable[..., Tensor]) -> None:
    whole, pairs = way(layer()).detach(), torch.tensor([[0, 4], [0, 5], [20, 37]])
    torch.testing.assert_close(
        way(layer(), pairs=pairs).detach(), whole[pairs[:, 0], pairs[:, 1]], rtol=1e-6, atol=1e-8
    )
    torch.testing.assert_close(way(layer(), rows=pairs[:, 1]).detach(), whole[pairs[:, 1]])
    z = way(layer().map).detach()
    assert z.shape == (38, K)
    mask = map_mask(rw.from_pyg(MOLECULES)[0], K)
    assert mask.sum(1).tolist() == [min(size, K) for size in SIZES for _ in range(size)]
    mask[16] = False  # a node without any rate is at the origin
    assert torch.equal(z != 0, mask)


def test_the_distances_within_graphs_come_as_pygs_dense_batches() -> None:
    model = layer()
    distance, mask = model.dense(MOLECULES.x, MOLECULES.edge_index, batch=MOLECULES.batch)
    _, expected_mask = to_dense_batch(MOLECULES.x, MOLECULES.batch)
    assert torch.equal(mask, expected_mask)
    for data, one in zip(RINGS, distance.detach(), strict=True):
        size = data.num_nodes
        torch.testing.assert_close(one[:size, :size], alone(data), rtol=1e-6, atol=1e-8)
        assert not one[size:].any()
        assert not one[:, size:].any()
    sum_of_all = torch.autograd.grad(distance.sum(), model.log_mu)[0]
    whole = model(MOLECULES.x, MOLECULES.edge_index, batch=MOLECULES.batch)
    slope = torch.autograd.grad(whole[whole.isfinite()].sum(), model.log_mu)[0]
    torch.testing.assert_close(sum_of_all, slope)


def test_a_loader_of_one_graph_a_batch_pads_as_any_other() -> None:
    for data in DataLoader(RINGS[:2], batch_size=1):
        z = layer().map(data.x, rw.from_pyg(data)[0]).detach()
        assert z.shape == (data.num_nodes, K)
        same = layer().map(data.x, data.edge_index, batch=data.batch).detach()
        torch.testing.assert_close(z.abs(), same.abs())


def test_gradients_of_padded_maps_are_those_of_each_graph_alone() -> None:
    graph, ones = rw.from_pyg(MOLECULES)
    weight = (0.5 + torch.rand(len(ones), dtype=torch.float64)).requires_grad_()
    batched = rw.diffusion_distance(rw.walk(graph, weight), 1.5, K)
    slope = torch.autograd.grad(batched[batched.isfinite()].square().sum(), weight)[0]
    parts = []
    for part, own in zip(graph.parts, weight.split([part.num_edges for part in graph.parts]), strict=True):
        one = rw.diffusion_distance(rw.walk(part, own), 1.5, min(K, part.num_nodes))
        parts.append(torch.autograd.grad(one.square().sum(), own)[0] if part.num_edges else own.detach())
    torch.testing.assert_close(slope, torch.cat(parts), rtol=1e-6, atol=1e-9)


def test_unrolled_maps_are_padded_alike() -> None:
    graph, weight = rw.from_pyg(MOLECULES)
    z = unrolled_diffusion_map(rw.walk(graph, weight.double()), 1.0, 3)
    assert z.shape == (38, 3)
    assert not z[5:7, 2].any()


def test_a_graph_without_nodes_may_stand_in_a_batch() -> None:
    empty, pair = Graph(torch.empty(2, 0, dtype=torch.int64), 0), Graph(torch.tensor([[0], [1]]), 2)
    batch = Graph.batch([empty, pair, empty])
    z = rw.diffusion_map(rw.walk(batch, torch.ones(1)), 1.0, 3)
    assert z.shape == (2, 3)
    distance, mask = dense_squared_distance(batch, z)
    assert mask.tolist() == [[False, False], [True, True], [False, False]]
    assert float(distance[1, 0, 1]) == pytest.approx(4.0)


@pytest.mark.parametrize("call", [layer(5), layer(5).map, layer(5).dense], ids=["distance", "map", "dense"])
def test_an_edge_index_that_falls_apart_is_warned_of_unless_batch_says_what_it_is(call: Callable[..., Tensor]) -> None:
    with pytest.warns(
        UserWarning, match=r"falls into 5 components, .* pass PyG's `batch`; if not, `batch=torch\.zeros"
    ):
        call(MOLECULES.x, MOLECULES.edge_index)
    call(MOLECULES.x, MOLECULES.edge_index, batch=torch.zeros(38, dtype=torch.int64))
    call(MOLECULES.x, LONE)  # a `Graph` that is no batch says so itself
    call(RINGS[0].x, RINGS[0].edge_index)


LONE = rw.from_edge_index(MOLECULES.edge_index, num_nodes=38)[0]
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "mask of a graph alone": (lambda: map_mask(rw.grid_graph((2, 2)), 5), "from 1 to 4, the number of nodes; got 5"),
    "known already": (
        lambda: layer()(MOLECULES.x, rw.from_pyg(MOLECULES)[0], batch=MOLECULES.batch),
        "`graph` is a batch of graphs, and knows them: leave out `batch`",
    ),
    "another length": (
        lambda: layer()(MOLECULES.x, LONE, batch=MOLECULES.batch[1:]),
        r"`batch` must be \(38,\), the graph of each node; got \(37,\)",
    ),
    "out of order": (lambda: layer()(MOLECULES.x, LONE, batch=MOLECULES.batch.flip(0)), "`batch` must not fall"),
    "floats": (
        lambda: layer()(MOLECULES.x, LONE, batch=MOLECULES.batch.float()),
        r"`batch` must be \(38,\) int64, PyG's vector of each node's graph; got torch\.float32",
    ),
    "an edge between two": (
        lambda: layer()(MOLECULES.x, torch.tensor([[0, 6], [6, 0]]), batch=MOLECULES.batch),
        "`edge_index` joins nodes 0 and 6 of two different graphs of the batch",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_a_batch_that_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_graph_alone_of_fewer_than_k_nodes_has_all_of_its_eigenpairs_as_in_a_batch() -> None:
    x, edge_index = RINGS[0].x, RINGS[0].edge_index
    of_one = torch.zeros(len(x), dtype=torch.int64)
    torch.testing.assert_close(layer(9)(x, edge_index), layer(9)(x, edge_index, batch=of_one))
    assert layer(9).map(x, edge_index).shape == (len(x), 9)


@pytest.mark.parametrize("ask", [rw.diffusion_map, unrolled_diffusion_map])
def test_without_any_weight_a_map_refuses_a_slope_in_weights(ask: Callable[..., Tensor]) -> None:
    line = rw.grid_graph((3,))
    for graph, message in ((line, "All weights are 0"), (Graph.batch([line, line]), "All weights of graph 1 of")):
        weight = torch.linspace(1, 2, graph.num_edges, dtype=torch.float64)
        weight[-2:] = 0
        assert not rw.diffusion_map(rw.walk(graph, weight), 1.0, 2)[-3:].any()  # nor a refusal
        with pytest.raises(ValueError, match=message):
            ask(rw.walk(graph, weight.requires_grad_()), 1.0, 2)
    with pytest.raises(ValueError, match="no derivative in the weights"):
        torch.func.grad(lambda w: ask(rw.walk(line, w), 1.0, 2).sum())(torch.zeros(2))


def test_a_single_node_without_rate_leaves_all_gradients_finite() -> None:
    graph = Graph.batch([Graph(torch.zeros(2, 0, dtype=torch.int64), 1), rw.grid_graph((2,))])
    leaves = torch.ones(1, requires_grad=True), torch.zeros(3, requires_grad=True)
    z = rw.diffusion_map(rw.walk(graph, *leaves), 1.0, 2)
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(z.square().sum(), leaves))
