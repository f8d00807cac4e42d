"""The ways in which PyG gives a graph to a layer: ours take them, and agree with PyG's own layers."""

from collections.abc import Callable

import pytest
import torch
from fake_torch_sparse import FakeSparseTensor, load_fake
from pyg_graphs import BOTH, BOTH_WEIGHT, SEEDS, N, X, listed
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import APPNP, SimpleConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import (
    dropout_edge,
    scatter,
    softmax,
    to_dense_adj,
    to_torch_coo_tensor,
    to_torch_csc_tensor,
    to_torch_csr_tensor,
)

import graphrw as rw
from graphrw.functional import boundary_probabilities, hitting_probabilities
from graphrw.nn import BoundaryLabels, DiffusionDistance, HarmonicLabels, Propagation

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|invariant).*:UserWarning")  # of torch, inside PyG

# --- the ways in which PyG gives a graph ----------------------------------------------------------------------------

SPARSE = {"csr": to_torch_csr_tensor, "csc": to_torch_csc_tensor, "coo": to_torch_coo_tensor}
LAYERS: dict[str, tuple[Callable[..., Tensor], bool]] = {
    "steps": (lambda *graph: Propagation(0.9, 4)(X, *graph), False),
    "limit": (lambda *graph: Propagation()(X, *graph), False),
    "directed": (lambda *graph: Propagation(directed=True)(X, *graph), True),
    "distance": (lambda *graph: DiffusionDistance(4, mu=0.1)(X, *graph), False),
    "harmonic": (lambda graph, weight=None: HarmonicLabels()(graph, weight, SEEDS), False),
    "harmonic, directed": (lambda graph, weight=None: HarmonicLabels(directed=True)(graph, weight, SEEDS), True),
    "boundary": (lambda graph, weight=None: BoundaryLabels()(graph, X[:, 0].abs(), SEEDS, weight), False),
}
every_layer = pytest.mark.parametrize(("call", "directed"), LAYERS.values(), ids=list(LAYERS))


@every_layer
@pytest.mark.parametrize("make", SPARSE.values(), ids=list(SPARSE))
def test_adj_t_gives_what_its_edge_index_gives(
    call: Callable[..., Tensor], directed: bool, make: Callable[..., Tensor]
) -> None:
    ends, weight = listed(directed)
    adj_t = make(ends.flip(0), weight, size=(N, N))  # PyG's adj_t is transposed: row i holds what leads to i
    torch.testing.assert_close(call(adj_t), call(ends, weight))
    with pytest.raises(ValueError, match="`adj_t` holds its weights itself; leave out `weight`"):
        call(adj_t, weight)


@every_layer
def test_pygs_edge_index_weights_in_a_column_and_arrays_are_taken(call: Callable[..., Tensor], directed: bool) -> None:
    ends, weight = listed(directed)
    expected = call(ends, weight)
    torch.testing.assert_close(call(EdgeIndex(ends, sparse_size=(N, N)), weight), expected)
    torch.testing.assert_close(call(ends, weight[:, None]), expected)
    torch.testing.assert_close(call(ends.numpy(), weight.numpy()), expected)
    if not directed:
        graph, folded = rw.from_edge_index(ends, weight, N)
        torch.testing.assert_close(call(graph, folded[:, None]), expected)


@every_layer
def test_a_sparse_tensor_of_torch_sparse_is_an_adj_t(
    call: Callable[..., Tensor], directed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_fake(monkeypatch)
    ends, weight = listed(directed)
    torch.testing.assert_close(call(FakeSparseTensor(ends[1], ends[0], weight, (N, N))), call(ends, weight))


def test_gradients_reach_the_values_of_adj_t() -> None:
    adj_t = to_torch_coo_tensor(BOTH, BOTH_WEIGHT, size=(N, N)).requires_grad_()
    slope = torch.autograd.grad(Propagation()(X, adj_t)[:, 0].sum(), adj_t)[0]
    leaf = BOTH_WEIGHT.clone().requires_grad_()
    expected = torch.autograd.grad(Propagation()(X, BOTH, leaf)[:, 0].sum(), leaf)[0]
    torch.testing.assert_close(slope.to_dense(), to_dense_adj(BOTH, None, expected, N)[0])


@every_layer
def test_an_adj_t_of_other_nodes_is_refused(call: Callable[..., Tensor], directed: bool) -> None:
    with pytest.raises(ValueError, match=r"`adj_t` must be \(N, N\) with N = 12; got \(13, 13\)"):
        call(to_torch_csr_tensor(BOTH, BOTH_WEIGHT, size=(N + 1, N + 1)))
    with pytest.raises(ValueError, match=r"`graph` must be a `Graph`, or PyG's edge_index .* got NoneType"):
        call(None, BOTH_WEIGHT)


def test_labels_without_weights_are_those_of_equal_weights() -> None:
    graph, ones = rw.from_edge_index(BOTH, num_nodes=N)
    expected = hitting_probabilities(rw.walk(graph, ones), SEEDS)
    adj_t = to_torch_csr_tensor(BOTH, size=(N, N))
    for answer in (
        HarmonicLabels()(BOTH, SEEDS),
        HarmonicLabels()(BOTH, seeds=SEEDS),
        HarmonicLabels()(BOTH, SEEDS.numpy()),
        HarmonicLabels()(BOTH.numpy(), SEEDS.numpy()),
        HarmonicLabels()(graph, SEEDS),
        HarmonicLabels()(adj_t, SEEDS),
    ):
        torch.testing.assert_close(answer, expected)
    image, seeds = torch.ones(1, 2, 3, 4), SEEDS.reshape(1, 3, 4)
    expected = HarmonicLabels()(image, seeds)
    torch.testing.assert_close(HarmonicLabels()(image, seeds=seeds), expected)
    torch.testing.assert_close(HarmonicLabels()(image.numpy(), seeds.numpy()), expected)
    torch.testing.assert_close(
        BoundaryLabels()(image.numpy()[:, :1], seeds.numpy()), BoundaryLabels()(image[:, :1], seeds)
    )


# --- edges that are not alike in both directions --------------------------------------------------------------------


def test_attention_gathers_as_pyg_does_with_the_switch_directed() -> None:
    attention = softmax(torch.randn(BOTH.shape[1], dtype=torch.float64), BOTH[1], num_nodes=N)
    expected = scatter(attention[:, None] * X[BOTH[0]], BOTH[1], dim_size=N, reduce="sum")
    torch.testing.assert_close(Propagation(None, 1, directed=True)(X, BOTH, attention), expected)
    with pytest.raises(ValueError, match="or make the layer with `directed=True`, as for attention weights and for"):
        Propagation(None, 1)(X, BOTH, attention)


def test_dropped_edges_gather_as_pyg_does_with_the_switch_directed() -> None:
    kept = dropout_edge(BOTH, p=0.4)[0]
    expected = SimpleConv("mean")(X, kept)
    torch.testing.assert_close(Propagation(None, 1, directed=True)(X, kept), expected)
    with pytest.raises(ValueError, match="make the layer with `directed=True`"):
        Propagation()(X, kept)
    with pytest.raises(ValueError, match=r"drop both directions of an edge at once \(`force_undirected=True`\)"):
        DiffusionDistance(4)(X, kept)
    alike = dropout_edge(BOTH, p=0.4, force_undirected=True)[0]
    torch.testing.assert_close(Propagation(None, 1)(X, alike), SimpleConv("mean")(X, alike))


# --- self loops -----------------------------------------------------------------------------------------------------

LOOPED = torch.cat([BOTH, torch.tensor([[2, 5], [2, 5]])], 1)
LOOPED_WEIGHT = torch.cat([BOTH_WEIGHT, torch.tensor([0.5, 3.0], dtype=torch.float64)])


@pytest.mark.parametrize("steps", [5, None], ids=["steps", "limit"])
@pytest.mark.parametrize("loops", [True, False], ids=["loops added", "loops as they are"])
def test_self_loops_count_as_in_appnp(steps: int | None, loops: bool) -> None:
    theirs = APPNP(steps or 2000, 0.1, add_self_loops=loops)(X, LOOPED, LOOPED_WEIGHT)
    ours = Propagation(0.9, steps, symmetric=True, self_loops=float(loops))(X, LOOPED, LOOPED_WEIGHT)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("steps", [2, None], ids=["steps", "limit"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_weights_of_self_loops_have_exact_gradients(steps: int | None, directed: bool) -> None:
    layer = Propagation(0.8, steps, directed=directed, self_loops=0.5)
    leaf = LOOPED_WEIGHT.clone().requires_grad_()

    def loss(weight: Tensor) -> Tensor:
        both = weight if directed else (weight + mirrored(weight)) / 2  # the two directions stay alike
        return layer(X, LOOPED, both).square().sum()

    assert torch.autograd.gradcheck(loss, leaf)
    assert float(torch.autograd.grad(loss(leaf), leaf)[0][-2:].abs().min()) > 0


def mirrored(weight: Tensor) -> Tensor:
    """The weight of the reverse of each entry."""
    matrix = weight.new_zeros(N, N).index_put((LOOPED[0], LOOPED[1]), weight)
    return matrix[LOOPED[1], LOOPED[0]]


def test_a_mean_over_neighbours_counts_self_loops_as_pyg_does() -> None:
    torch.testing.assert_close(Propagation(None, 1)(X, LOOPED), SimpleConv("mean")(X, LOOPED))


def test_a_graph_after_gcn_norm_is_a_weighted_graph_like_another() -> None:
    ends, weight = gcn_norm(BOTH, BOTH_WEIGHT, N)
    matrix = to_dense_adj(ends, None, weight, N)[0]
    shares = matrix / matrix.sum(1, keepdim=True)
    torch.testing.assert_close(Propagation(None, 2)(X, ends, weight), shares @ shares @ X)
    torch.testing.assert_close(HarmonicLabels()(ends, weight, SEEDS), HarmonicLabels()(*without_loops(ends, weight)))


def without_loops(ends: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    apart = ends[0] != ends[1]
    return ends[:, apart], weight[apart], SEEDS


def test_boundary_labels_pay_for_self_loops() -> None:
    boundary = X[:, 0].abs()
    graph, weight, loops = rw.from_edge_index(LOOPED, LOOPED_WEIGHT, N, self_loops=True)
    expected = boundary_probabilities(graph, boundary, SEEDS, weight=weight, stay=loops)
    answer = BoundaryLabels()(LOOPED, boundary, SEEDS, LOOPED_WEIGHT)
    torch.testing.assert_close(answer, expected)
    without = boundary_probabilities(graph, boundary, SEEDS, weight=weight)
    assert float((without - answer).abs().max()) > 1e-3


def test_distances_refuse_self_loops() -> None:
    with pytest.raises(ValueError, match=r"has no self loops .*remove_self_loops\(edge_index, edge_weight\)"):
        DiffusionDistance(4)(X, LOOPED)


@pytest.mark.parametrize("loops", [True, False], ids=["loops added", "no loops"])
@pytest.mark.parametrize("steps", [1, 7, None], ids=["one step", "steps", "limit"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "row"])
def test_a_node_alone_holds_what_it_holds_in_appnp(loops: bool, steps: int | None, symmetric: bool) -> None:
    """(1 − α) x without a self loop, x with one; the two normalisations agree there."""
    ends = BOTH[:, (BOTH != 4).all(0)]
    theirs = APPNP(steps or 2000, 0.1, add_self_loops=loops)(X, ends)[4]
    ours = Propagation(0.9, steps, symmetric=symmetric, self_loops=float(loops))(X, ends)[4]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(ours, X[4] if loops else 0.1 * X[4])
    kept = Propagation(0.9, average=False, symmetric=symmetric)(X, ends)[4]
    torch.testing.assert_close(kept, X[4])
    assert not Propagation(None, 1, symmetric=symmetric)(X, ends)[4].any()
