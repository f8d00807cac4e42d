"""Our layers among PyG's modules: reset, several kinds of nodes, explainers."""

import copy
from collections.abc import Callable

import pytest
import torch
from propagation_layers import alpha_of
from pyg_graphs import BOTH, ENDS, SEEDS, N, X, listed
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GCN, GCNConv, Linear, Sequential, SimpleConv, to_hetero
from torch_geometric.utils import (
    to_dense_adj,
    to_torch_csr_tensor,
    to_undirected,
)

import graphrw as rw
from graphrw import nn as layers
from graphrw.nn import BoundaryLabels, DiffusionDistance, EdgeWeightsGNN, HarmonicLabels, Propagation

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|invariant).*:UserWarning")  # of torch, inside PyG

# --- modules among PyG's --------------------------------------------------------------------------------------------

MODULES: dict[str, Callable[[], nn.Module]] = {
    "Propagation": lambda: Propagation(0.7, learn_alpha=True),
    "Propagation, fixed": Propagation,
    "HarmonicLabels": HarmonicLabels,
    "BoundaryLabels": BoundaryLabels,
    "DiffusionDistance": lambda: DiffusionDistance(3, mu=0.2, time=3.0, scale=2.0),
    "EdgeWeightsMLP": lambda: layers.EdgeWeightsMLP(3, 1),
    "EdgeWeightsCNN": lambda: layers.EdgeWeightsCNN(3),
    "EdgeWeightsGNN": lambda: EdgeWeightsGNN(GCN(3, 8, 2, 4)),
    "EdgeWeightsGaussian": lambda: layers.EdgeWeightsGaussian(3, beta=0.3),
    "FeatureAffinity": lambda: layers.FeatureAffinity(3, bias=True),
    "RegionPooling": layers.RegionPooling,
    "RegionClassifier": lambda: layers.RegionClassifier(3, 2),
    "AttentionalInterpolation": layers.AttentionalInterpolation,
    "CorrectAndSmooth": lambda: layers.CorrectAndSmooth(0.9, 0.8),
}


def test_every_layer_is_in_the_table() -> None:
    public = {getattr(layers, name) for name in layers.__all__}
    modules = {one for one in public if isinstance(one, type) and issubclass(one, nn.Module)}
    assert modules == {type(make()) for make in MODULES.values()}


@pytest.mark.parametrize("make", MODULES.values(), ids=list(MODULES))
def test_every_layer_can_be_reset_to_what_it_started_with(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    fresh = make()
    used = copy.deepcopy(fresh)
    with torch.no_grad():
        for parameter in used.parameters():
            parameter.add_(1.0)
    torch.manual_seed(0)
    used.reset_parameters()
    if isinstance(used, EdgeWeightsGNN):  # PyG's layers draw twice when they are made
        torch.manual_seed(0)
        fresh.reset_parameters()
    torch.testing.assert_close(used.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_a_sequential_of_pyg_resets_our_layers_too() -> None:
    model = Sequential(
        "x, ends", [(GCNConv(3, 4), "x, ends -> x"), (Propagation(0.7, learn_alpha=True), "x, ends -> x")]
    )
    with torch.no_grad():
        model[1].logit += 1
    model.reset_parameters()
    assert alpha_of(model[1]) == pytest.approx(0.7)


class Model(nn.Module):
    def __init__(self, alpha: float | None = 0.8, steps: int | None = None, directed: bool = True) -> None:
        super().__init__()
        self.first, self.walk, self.last = Linear(-1, 4), Propagation(alpha, steps, directed=directed), nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        answer: Tensor = self.last(self.walk(self.first(x).relu(), edge_index))
        return answer


def papers() -> HeteroData:
    data = HeteroData()
    generator = torch.Generator().manual_seed(0)
    data["author"].x, data["paper"].x = torch.rand(5, 3, generator=generator), torch.rand(4, 6, generator=generator)
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 4, 4], [0, 0, 1, 2, 1]])
    data["paper", "written_by", "author"].edge_index = torch.tensor([[0, 0, 1, 2, 1], [0, 1, 2, 4, 4]])
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    return data


@pytest.mark.parametrize(("alpha", "steps"), [(0.8, None), (0.8, 3), (None, 1)])
def test_a_model_becomes_one_of_several_kinds_of_nodes(alpha: float | None, steps: int | None) -> None:
    data = papers()
    model = to_hetero(Model(alpha, steps), data.metadata())
    answer = model(data.x_dict, data.edge_index_dict)
    hidden = {kind: model.first[kind](x).relu() for kind, x in data.x_dict.items()}
    gathered = {kind: torch.zeros(len(x), 4) for kind, x in data.x_dict.items()}
    for (source, name, target), ends in data.edge_index_dict.items():
        if source == target:
            told = Propagation(alpha, steps, directed=True)(hidden[source], ends)
        else:  # no walk goes on from a source: one step, and the restart
            told = SimpleConv("mean")((hidden[source], hidden[target]), ends)
            told = told if alpha is None else alpha * (1 - alpha) * told + (1 - alpha) * hidden[target]
            if steps is not None and alpha is not None:
                told = stepwise(hidden[source], hidden[target], ends, alpha, steps)
        gathered[target] = gathered[target] + told
        assert f"{source}__{name}__{target}" in model.walk
    for kind, x in gathered.items():
        torch.testing.assert_close(answer[kind], model.last[kind](x))
    sum(values.sum() for values in answer.values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def stepwise(sources: Tensor, targets: Tensor, ends: Tensor, alpha: float, steps: int) -> Tensor:
    """ŷ ← αAŷ + (1 − α) f, one by one; sources gather nothing."""
    y = sources, targets
    for _ in range(steps):
        y = (1 - alpha) * sources, alpha * SimpleConv("mean")(y, ends) + (1 - alpha) * targets
    return y[1]


def test_sources_and_targets_may_come_with_weights_or_as_adj_t() -> None:
    x = torch.rand(5, 2, dtype=torch.float64), torch.rand(3, 2, dtype=torch.float64)
    ends, weight = torch.tensor([[0, 1, 4, 4], [0, 0, 1, 2]]), torch.tensor([1.0, 3.0, 2.0, 2.0], dtype=torch.float64)
    layer = Propagation(None, 1)
    answer = layer(x, ends, weight)
    torch.testing.assert_close(answer, torch.stack([0.25 * x[0][0] + 0.75 * x[0][1], x[0][4], x[0][4]]))
    torch.testing.assert_close(layer(x, ends, weight[:, None]), answer)
    torch.testing.assert_close(layer(x, to_torch_csr_tensor(ends.flip(0), weight, size=(3, 5))), answer)


PAIR = torch.rand(5, 2), torch.rand(3, 2)
UNFIT = {
    "symmetric": (lambda: Propagation(symmetric=True)(PAIR, ENDS), "`symmetric` needs nodes of one kind"),
    "no targets": (lambda: Propagation()((PAIR[0], None), ENDS), r"features of sources \(S, K\) and of targets"),
    "channels": (lambda: Propagation()((PAIR[0], PAIR[1][:, :1]), ENDS), r"of as many channels; got \(5, 2\) and"),
    "graph": (lambda: Propagation()(PAIR, rw.grid_graph((2, 4))), "where `x` holds both; got a `Graph`"),
    "source": (lambda: Propagation()(PAIR, torch.tensor([[5], [0]])), "names source 5, but `x` has 5 of them"),
    "target": (lambda: Propagation()(PAIR, torch.tensor([[0], [-1]])), "names target -1, but `x` has 3 of them"),
    "adj_t": (lambda: Propagation()(PAIR, torch.eye(5).to_sparse()), r"`adj_t` must be \(T, S\) = \(3, 5\) as `x`"),
}


@pytest.mark.parametrize(("call", "message"), UNFIT.values(), ids=list(UNFIT))
def test_sources_and_targets_that_do_not_fit_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# --- explainers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("sigmoid", [False, True], ids=["factors", "logits"])
def test_a_mask_of_pygs_explainers_multiplies_the_weights(directed: bool, sigmoid: bool) -> None:
    """In an undirected graph the two directions of an edge count with the mean of their masks."""
    ends, weight = listed(directed)
    layer = Propagation(directed=directed)
    mask = torch.rand(ends.shape[1], dtype=torch.float64).requires_grad_()
    set_masks(layer, mask, ends, apply_sigmoid=sigmoid)
    answer = layer(X, ends, weight)
    slope = torch.autograd.grad(answer[:, 0].square().sum(), mask)[0]
    clear_masks(layer)
    factor = mask.detach().sigmoid() if sigmoid else mask.detach()
    if not directed:
        matrix = to_dense_adj(ends, None, factor, N)[0]
        factor = ((matrix + matrix.T) / 2)[ends[0], ends[1]]
    torch.testing.assert_close(answer, layer(X, ends, weight * factor))
    assert float(slope.abs().min()) > 0
    torch.testing.assert_close(layer(X, ends, weight), Propagation(directed=directed)(X, ends, weight))


def test_an_explainer_finds_the_edges_that_a_node_hears_through() -> None:
    """All in its component and no other: the limit of a walk reaches through all of it."""
    torch.manual_seed(0)
    ends = to_undirected(torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]]))
    model, x = Model(directed=False), torch.eye(6)
    model(x, ends)
    explainer = Explainer(
        model,
        GNNExplainer(epochs=60, edge_size=0.0, edge_ent=0.0),
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )
    found = explainer(x, ends, index=0)
    assert torch.equal(found.edge_mask > 0, ends[0] < 3)
    assert torch.equal(found.node_mask.any(1), torch.arange(6) < 3)
    assert not model.walk.explain


def test_masks_of_a_graph_that_is_no_edge_index_are_refused() -> None:
    layer, graph = Propagation(), rw.grid_graph((3, 4))
    set_masks(layer, torch.ones(graph.num_edges), graph.edges)
    with pytest.raises(ValueError, match="PyG's explainers mask the edges of an edge_index; got a `Graph`"):
        layer(X, graph)


def test_an_explainer_masks_the_encoder_of_edge_weights() -> None:
    """`HarmonicLabels` sends no messages, but the network that makes its weights does."""

    class Labels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.edges, self.walk = EdgeWeightsGNN(GCNConv(3, 4)), HarmonicLabels()

        def forward(self, x: Tensor, ends: Tensor) -> Tensor:
            answer: Tensor = self.walk(ends, self.edges(x, ends), SEEDS)
            return answer

    explainer = Explainer(
        Labels().double(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "probs"},
    )
    assert explainer(X, BOTH).edge_mask.shape == (BOTH.shape[1],)
