"""What modules that make edge weights take: PyG's edge_index in any integers, and edge_weight as a third argument."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import GCNConv

from graphrw import from_edge_index, grid_graph, to_edge_index
from graphrw.nn import EdgeWeightsGaussian, EdgeWeightsGNN, EdgeWeightsMLP, FeatureAffinity

CHANNELS, GRAPH = 6, grid_graph((4, 5))
MODULES: dict[str, Callable[[], nn.Module]] = {
    "Gaussian": lambda: EdgeWeightsGaussian(CHANNELS),
    "MLP": lambda: EdgeWeightsMLP(CHANNELS),
    "GCNConv": lambda: EdgeWeightsGNN(GCNConv(CHANNELS, 8)),
    "FeatureAffinity": lambda: FeatureAffinity(CHANNELS),
    "FeatureAffinity with b": lambda: FeatureAffinity(CHANNELS, bias=True),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=list(MODULES))
WEIGHTED = ["Gaussian", "FeatureAffinity", "FeatureAffinity with b"]


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def made(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


@every_module
def test_an_int32_edge_index_is_widened(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS)
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    torch.testing.assert_close(module(x, edge_index.int()), module(x, edge_index), rtol=0, atol=0)


@every_module
def test_self_loops_get_the_weight_of_an_edge_between_equals(make: Callable[[], nn.Module]) -> None:
    x = features(20, CHANNELS)
    x[3] = x[2]
    looped = torch.tensor([[0, 1, 2, 2, 3, 3], [1, 0, 2, 3, 2, 3]])
    weight = made(make)(x, looped)
    if "GNN" not in type(made(make)).__name__:  # whose nodes 2 and 3 hear from the same neighbours, but not first
        torch.testing.assert_close(weight[2:], weight[2].expand(4))
    graph, folded, loops = from_edge_index(looped, weight, self_loops=True)
    assert graph.num_edges == 2
    assert loops.nonzero().flatten().tolist() == [2, 3]
    torch.testing.assert_close(folded, weight[[0, 3]])


@every_module
@pytest.mark.parametrize("graph", [None, [[0], [1]], torch.eye(20).to_sparse()], ids=["None", "list", "sparse"])
def test_what_is_no_list_of_edges_gets_no_weights(make: Callable[[], nn.Module], graph: object) -> None:
    with pytest.raises(ValueError, match=r"`graph` must be a `Graph`, or PyG's edge_index \(2, M\); got"):
        made(make)(features(20, CHANNELS), graph)


@every_module
def test_pygs_own_edge_index_is_taken(make: Callable[[], nn.Module]) -> None:
    module, x = made(make), features(20, CHANNELS)
    edge_index, _ = to_edge_index(GRAPH, torch.ones(31))
    torch.testing.assert_close(module(x, EdgeIndex(edge_index, sparse_size=(20, 20))), module(x, edge_index))


@pytest.mark.parametrize("name", ["Gaussian", "MLP"])
@pytest.mark.parametrize("wrong", [[[1.0]], {0: 1.0}, "x"], ids=["list", "dict", "str"])
def test_features_of_another_type_are_refused_by_it(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=rf"`x` must be \(N, 6\) floats, .*; got {type(wrong).__name__}"):
        MODULES[name]()(wrong, GRAPH)


@pytest.mark.parametrize("name", WEIGHTED)
def test_given_weights_multiply_those_predicted(name: str) -> None:
    module, x, weight = MODULES[name](), features(20, CHANNELS), features(31).abs()
    torch.testing.assert_close(module(x, GRAPH, weight), module(x, GRAPH) * weight)
    edge_index, edge_weight = to_edge_index(GRAPH, weight)
    torch.testing.assert_close(module(x, edge_index, edge_weight), module(x, edge_index) * edge_weight)
    assert module(x, GRAPH, weight.half()).dtype == torch.float32
    with pytest.raises(ValueError, match=r"`weight` must be \(31,\), one per edge of `graph`; got \(62,\)"):
        module(x, GRAPH, edge_weight)


@pytest.mark.parametrize(
    "make", [lambda: EdgeWeightsMLP(CHANNELS, 1), lambda: EdgeWeightsGNN(GCNConv(CHANNELS, 8), None, 1)]
)
def test_edge_weight_can_be_the_only_attribute(make: Callable[[], nn.Module]) -> None:
    module, x, weight = made(make), features(20, CHANNELS), features(31)
    edge_index, edge_weight = to_edge_index(GRAPH, weight)
    for graph, values in ((GRAPH, weight), (edge_index, edge_weight)):
        torch.testing.assert_close(module(x, graph, values), module(x, graph, values[:, None]), rtol=0, atol=0)
    assert bool((module(x, GRAPH, weight) != module(x, GRAPH, 0 * weight)).any())
