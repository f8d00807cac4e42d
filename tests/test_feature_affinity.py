"""`FeatureAffinity` and its loss against the plain formula, finite differences, and a bound on memory."""

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from graphrw import Graph, grid_graph, to_edge_index
from graphrw.build import affinity
from graphrw.losses import affinity_loss
from graphrw.nn.feature_affinity import FeatureAffinity
from graphrw.nn.propagation import Propagation
from graphrw.testing import sample_graphs

GRAPHS = {**sample_graphs(), "window": grid_graph((5, 4), radius=2.5)}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
with_and_without_bias = pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trained(channels: int, bias: bool = False) -> FeatureAffinity:
    """A layer in float64 with parameters of either sign."""
    layer = FeatureAffinity(channels, bias).double()
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters()):
            parameter.copy_(uniform(*parameter.shape, seed=seed + 7) * 2 - 1)
    return layer


def formula(layer: FeatureAffinity, features: Tensor, edges: Tensor) -> Tensor:
    difference = (features[edges[0]] - features[edges[1]]).abs()
    offset = 0.0 if layer.offset is None else layer.offset**2
    return torch.exp(-(difference * layer.root**2).sum(1) - offset)


@pytest.fixture(params=[False, True], ids=["whole", "in blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two and of seven edges of three channels, or all in one."""
    if request.param:
        monkeypatch.setattr(affinity, "AT_ONCE", 6)
        monkeypatch.setattr(affinity, "KEPT", 21)


# --- values ---------------------------------------------------------------------------------------------------------


@every_graph
@with_and_without_bias
@pytest.mark.usefixtures("blocks")
def test_weights_and_gradients_are_those_of_the_formula(graph: Graph, bias: bool) -> None:
    layer, features = trained(3, bias), uniform(graph.num_nodes, 3).requires_grad_()
    weight, expected = layer(features, graph), formula(layer, features, graph.edges)
    torch.testing.assert_close(weight, expected)
    leaves = (features, *layer.parameters())
    slopes = [
        torch.autograd.grad(w.square().sum(), leaves, allow_unused=graph.num_edges == 0) for w in (weight, expected)
    ]
    torch.testing.assert_close(*slopes)


def test_images_are_read_pixel_by_pixel() -> None:
    layer, images = trained(3), uniform(2, 3, 5, 4)
    graph = grid_graph((5, 4), radius=2.5)
    rows = [image.reshape(3, -1).T for image in images]
    expected = torch.cat([layer(row, graph) for row in rows])
    torch.testing.assert_close(layer(images, Graph.batch([graph, graph])), expected)
    volume = uniform(1, 3, 2, 3, 4)
    expected = layer(volume[0].reshape(3, -1).T, grid_graph((2, 3, 4)))
    torch.testing.assert_close(layer(volume, grid_graph((2, 3, 4))), expected)


def test_an_edge_index_gets_equal_weights_both_ways() -> None:
    layer, features, graph = trained(3), uniform(20, 3), grid_graph((5, 4))
    edge_index, both = to_edge_index(graph, layer(features, graph))
    assert torch.equal(layer(features, edge_index), both)


@with_and_without_bias
def test_weights_lie_in_the_unit_interval_and_start_near_a_plain_walk(bias: bool) -> None:
    graph = grid_graph((8, 8), radius=3)
    fresh = FeatureAffinity(131, bias)(torch.rand(1, 131, 8, 8), graph).detach()
    assert float(fresh.min()) > 0.8
    assert float(fresh.max()) <= 1
    wild = trained(3, bias)(100 * uniform(64, 3), graph).detach()
    assert float(wild.min()) >= 0
    assert float(wild.max()) <= 1


def test_the_paper_has_131_parameters() -> None:
    assert sum(parameter.numel() for parameter in FeatureAffinity(3 + 64 + 64).parameters()) == 131


# --- derivatives ----------------------------------------------------------------------------------------------------


@with_and_without_bias
@pytest.mark.usefixtures("blocks")
def test_derivatives_of_both_orders_are_those_of_finite_differences(bias: bool) -> None:
    forward = not hasattr(torch.utils.checkpoint, "_NoopSaveInputs")  # with it, torch's checkpoint had no forward mode
    layer, graph = trained(3, bias), grid_graph((3, 3), radius=2)
    names = [name for name, _ in layer.named_parameters()]

    def run(features: Tensor, *parameters: Tensor) -> Tensor:
        state = dict(zip(names, parameters, strict=True))
        weight: Tensor = torch.func.functional_call(layer, state, (features, graph))
        return weight

    leaves = (uniform(9, 3).requires_grad_(), *(p.detach().clone().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(run, leaves, check_forward_ad=forward, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


def test_transforms_of_torch_func_reach_the_features() -> None:
    layer, features, graph = trained(3), uniform(9, 3), grid_graph((3, 3))
    jacobian = torch.func.jacrev(lambda x: layer(x, graph))(features)
    expected = torch.autograd.functional.jacobian(lambda x: layer(x, graph), features)
    torch.testing.assert_close(jacobian.detach(), expected)


# --- memory ---------------------------------------------------------------------------------------------------------


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.size = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        sizes = [leaf.untyped_storage().nbytes() for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        self.size = max([self.size, *sizes])
        return out


def test_the_differences_of_all_pairs_and_channels_are_never_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "AT_ONCE", 2**13)
    monkeypatch.setattr(affinity, "KEPT", 2**16)
    graph, layer = grid_graph((16, 16), radius=8), FeatureAffinity(32)
    features, target = torch.rand(256, 32, requires_grad=True), torch.randint(0, 3, (256,))
    kept: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with Largest() as largest:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = affinity_loss(layer(features, graph), graph.edges, target)
        loss.backward()
    stores = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in kept}
    differences, per_edge, per_node = 4 * 32 * graph.num_edges, 8 * graph.num_edges, 4 * features.numel()
    assert sum(stores.values()) < 5 * per_edge + 5 * per_node < differences
    assert largest.size <= max(2 * per_edge, per_node, 4 * 2**13, 8 * 2**16 // 32)


# --- a module among others ------------------------------------------------------------------------------------------


def test_half_precision_is_widened() -> None:
    layer, graph, images = FeatureAffinity(3), grid_graph((5, 4)), torch.rand(1, 3, 5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        weight = layer(images.bfloat16(), graph)
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, layer(images.bfloat16().float(), graph))
    assert layer.half()(images.half(), graph).dtype == torch.float32


@with_and_without_bias
def test_a_layer_can_be_saved_and_loaded(bias: bool) -> None:
    layer, graph, features = trained(3, bias), grid_graph((5, 4)), uniform(20, 3)
    expected = layer(features, graph)
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    fresh = FeatureAffinity(3, bias).double()
    fresh.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), torch.load(buffer, weights_only=False), fresh):
        torch.testing.assert_close(other(features, graph), expected, rtol=0, atol=0)
    assert repr(layer) == f"FeatureAffinity(in_channels=3, bias={bias})"


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by the compiler, which looks at it
def test_a_layer_can_be_compiled() -> None:
    layer, graph = FeatureAffinity(3), grid_graph((5, 4), radius=2.5)
    images = torch.rand(1, 3, 5, 4, requires_grad=True)
    compiled = torch.compile(layer, backend="aot_eager")
    slopes = [torch.autograd.grad(run(images, graph).square().sum(), images)[0] for run in (layer, compiled)]
    torch.testing.assert_close(*slopes)


def scene() -> tuple[Tensor, Tensor]:
    """An image (1, 4, 12, 12) whose second channel alone tells its two classes apart, and their labels."""
    target = (torch.arange(12)[:, None] + torch.arange(12) > 11).long()
    images = uniform(1, 4, 12, 12).float()
    images[0, 1] = 0.2 * images[0, 1] + target
    return images, target.flatten()


def test_regression_finds_the_channel_that_tells_classes_apart() -> None:
    (images, target), graph, layer = scene(), grid_graph((12, 12), radius=3), FeatureAffinity(4)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(40):
        loss = affinity_loss(layer(images, graph), graph.edges, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    slope = layer.root.detach().square()
    assert float(loss.detach()) < 0.1
    assert float(slope[1]) > 10 * float(slope[[0, 2, 3]].max())


def test_affinity_features_and_alpha_train_through_the_walk() -> None:
    torch.manual_seed(0)
    (images, target), graph = scene(), grid_graph((12, 12), radius=3)
    features, affinity, spread = nn.Conv2d(4, 5, 3, padding=1), FeatureAffinity(5), Propagation(learn_alpha=True)
    prediction = nn.functional.one_hot(target).float() + torch.randn(144, 2)
    modules = nn.ModuleList([features, affinity, spread])
    optimiser = torch.optim.Adam(modules.parameters(), lr=0.05)
    history = []
    for _ in range(8):
        answer = spread(prediction, graph, affinity(features(images), graph))
        loss = nn.functional.cross_entropy(answer, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert history[-1] < history[0]
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in modules.parameters())


# --- the loss -------------------------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_squared_error_to_same_label() -> None:
    graph, weight = GRAPHS["window"], uniform(GRAPHS["window"].num_edges)
    target = torch.randint(-1, 3, (20,), generator=torch.Generator().manual_seed(0))
    for ignore_index in (-1, 2):
        errors = []
        for (i, j), w in zip(graph.edges.T.tolist(), weight.tolist(), strict=True):
            if target[i] != ignore_index and target[j] != ignore_index:
                errors.append((w - float(target[i] == target[j])) ** 2)
        loss = affinity_loss(weight, graph.edges, target, ignore_index=ignore_index)
        assert 0 < len(errors) < graph.num_edges
        assert float(loss) == pytest.approx(sum(errors) / len(errors))


def test_the_loss_has_exact_derivatives_and_none_where_an_end_is_ignored() -> None:
    edges, target = torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([5, 5, -1, 6])
    weight = torch.tensor([0.25, math.inf, 0.9], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(affinity_loss(weight, edges, target), weight)
    assert slope.tolist() == [2 * (0.25 - 1), 0.0, 0.0]
    graph = GRAPHS["window"]
    leaf, labels = uniform(graph.num_edges).requires_grad_(), torch.arange(20) % 3
    assert torch.autograd.gradcheck(affinity_loss, (leaf, graph.edges, labels))
    assert torch.autograd.gradgradcheck(affinity_loss, (leaf, graph.edges, labels))


# --- errors ---------------------------------------------------------------------------------------------------------

LAYER, EDGES, LABELS = FeatureAffinity(3), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1, 1])
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no channel": (lambda: FeatureAffinity(0), "`in_channels` must be a whole number from 1; got 0"),
    "channels": (
        lambda: LAYER(torch.rand(3, 2), EDGES),
        r"`x` must be .* with C = 3; got \(3, 2\) torch.float32",
    ),
    "one image": (lambda: LAYER(torch.rand(3, 5, 4), EDGES), r"\(B, C, H, W\) .*; got \(3, 5, 4\)"),
    "whole numbers": (lambda: LAYER(torch.ones(3, 3, dtype=torch.int64), EDGES), "floats .* torch.int64"),
    "nodes": (lambda: LAYER(torch.rand(3, 3), grid_graph((2, 2))), "`x` has 3 rows, but `graph` has 4"),
    "edge_index": (lambda: LAYER(torch.rand(3, 3), EDGES.T[:1]), r"must have shape \(2, M\); got \(1, 2\)"),
    "high node": (lambda: LAYER(torch.rand(2, 3), EDGES), "`edge_index` names node 2, but .* there are 2"),
    "low node": (lambda: LAYER(torch.rand(3, 3), -EDGES), "`edge_index` names node -1, but .* there are 3"),
    "loss: shapes": (lambda: affinity_loss(torch.rand(3), EDGES, LABELS), r"\(E,\), \(2, E\) and \(N,\); got \(3,\)"),
    "loss: labels": (lambda: affinity_loss(torch.rand(2), EDGES, LABELS.float()), "int64 labels; got torch.float32"),
    "loss: integers": (lambda: affinity_loss(EDGES[0], EDGES, LABELS), "`weight` must be .* floating .* torch.int64"),
    "loss: nodes": (lambda: affinity_loss(torch.rand(2), EDGES, LABELS[:2]), "names node 2, but `target` has 2 nodes"),
    "loss: low node": (lambda: affinity_loss(torch.rand(2), -EDGES, LABELS), "names node -1, but `target` has 3 nodes"),
    "loss: nothing": (
        lambda: affinity_loss(torch.rand(2), EDGES, 0 * LABELS - 1),
        r"No edge is left to score: of 2, all have an end with target -1 \(`ignore_index`\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
