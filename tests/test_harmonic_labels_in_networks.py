"""`HarmonicLabels` as a module among others: plans, saving, determinism, mixed precision, PyG, and what it refuses."""

import copy
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.datasets import KarateClub
from torch_geometric.nn import GCNConv

from graphrw import Graph, SingularWalkError, grid_graph, losses, solvers
from graphrw.nn import HarmonicLabels

OPTIONS = {"exact": HarmonicLabels(), "sampled": HarmonicLabels(num_samples=5), "pruned": HarmonicLabels(prune=True)}
every_option = pytest.mark.parametrize("option", OPTIONS.values(), ids=list(OPTIONS))


def images(batch: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Weight images in [0.1, 1.1)."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 + torch.rand(batch, len(shape), *shape, generator=generator, dtype=torch.float64)


def markers(batch: int, shape: tuple[int, ...], seed: int = 1) -> Tensor:
    """One seed of each of three labels in each image."""
    generator = torch.Generator().manual_seed(seed)
    seeds = torch.full((batch, math.prod(shape)), -1)
    for row in seeds:
        row[torch.randperm(len(row), generator=generator)[:3]] = torch.arange(3)
    return seeds.reshape(batch, *shape)


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


# --- plans and state ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned(solvers.Dense):
    """Dense, and a note of every graph that it plans for."""

    log: tuple[list[Graph], ...] = ()

    __hash__ = object.__hash__

    def plan(self, graph: Graph) -> None:
        self.log[0].append(graph)
        super().plan(graph)


def test_batches_of_one_shape_share_one_graph_and_one_plan() -> None:
    planned: list[Graph] = []
    layer = HarmonicLabels(solver=Planned(log=(planned,)))
    for step in range(3):
        layer(images(2, (3, 4), step).requires_grad_(), markers(2, (3, 4), step)).sum().backward()
    assert len(planned) == 1
    for batch in (1, 2, 1):
        layer(images(batch, (3, 4)), markers(batch, (3, 4)))
    assert [graph.num_graphs for graph in planned] == [2, 1]


@every_option
def test_a_used_layer_has_no_state_and_can_be_copied_and_saved(option: HarmonicLabels) -> None:
    weight, seeds = images(2, (12, 13)), markers(2, (12, 13))  # too large for `Dense`: plans are compiled objects
    layer = copy.deepcopy(option)
    answer = layer(weight, seeds)
    assert list(layer.parameters()) == []
    assert layer.state_dict() == {}
    assert layer.load_state_dict({}).missing_keys == []
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(layer), torch.load(buffer, weights_only=False)):
        torch.testing.assert_close(other(weight, seeds), answer, rtol=0, atol=0)
        assert repr(other) == repr(layer)
    assert f"num_samples={option.num_samples}, prune={option.prune}, directed=False, solver=Auto(" in repr(layer)


@every_option
@pytest.mark.usefixtures("deterministic")
def test_under_deterministic_algorithms_gradients_repeat_to_the_bit(option: HarmonicLabels) -> None:
    slopes = []
    for _ in range(2):
        torch.manual_seed(0)
        weight = images(2, (12, 13)).requires_grad_()
        answer = option(weight, markers(2, (12, 13)))
        slopes.append(torch.autograd.grad(answer.square().sum(), weight)[0])
    assert torch.equal(*slopes)


# --- in front of and behind other layers ----------------------------------------------------------------------------


def test_autocast_leaves_the_walk_in_the_precision_of_its_weights() -> None:
    weight, seeds = images(2, (4, 5)).float(), markers(2, (4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        answer = HarmonicLabels()(weight, seeds)
    torch.testing.assert_close(answer, HarmonicLabels()(weight, seeds), rtol=0, atol=0)


def test_weights_of_a_convolution_under_autocast_are_widened() -> None:
    torch.manual_seed(0)
    convolution, seeds = nn.Conv2d(1, 2, 3, padding=1), markers(2, (4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        weight = convolution(torch.rand(2, 1, 4, 5)).sigmoid()
        answer = HarmonicLabels()(weight, seeds)
    assert weight.dtype == torch.bfloat16
    torch.testing.assert_close(answer, HarmonicLabels()(weight.float(), seeds))
    answer[:, 0].sum().backward()
    assert convolution.weight.grad is not None
    assert bool((convolution.weight.grad != 0).any())


@pytest.mark.parametrize(
    "loss",
    [
        losses.cross_entropy,
        losses.mean_squared_error,
        losses.dice,
        lambda answer, target: functional.cross_entropy(answer.log(), target),
        pytest.param(
            lambda answer, target: functional.nll_loss(answer.log(), target),
        ),
    ],
    ids=["cross_entropy", "mean_squared_error", "dice", "torch's cross_entropy", "torch's nll_loss"],
)
def test_every_loss_can_follow(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    shape = (4, 5)
    weight, seeds = images(2, shape).requires_grad_(), markers(2, shape)
    target = torch.where(seeds < 0, 0, seeds)
    loss(HarmonicLabels()(weight, seeds), target).backward()
    assert weight.grad is not None
    assert bool(torch.isfinite(weight.grad).all())
    assert bool((weight.grad != 0).any())


class EdgeLearner(nn.Module):
    """A GCN, a symmetric head for edge weights, and the walk: label propagation with learned edges."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.embed = GCNConv(num_features, 8)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1), nn.Softplus())
        self.propagate = HarmonicLabels()

    def forward(self, x: Tensor, edge_index: Tensor, seeds: Tensor) -> Tensor:
        features = self.embed(x, edge_index)
        weight = self.head(features[edge_index[0]] * features[edge_index[1]]).squeeze(1)
        labels: Tensor = self.propagate(edge_index, weight + 1e-3, seeds)
        return labels


def test_a_graph_network_learns_the_weights_of_the_karate_club() -> None:
    torch.manual_seed(0)
    data = KarateClub()[0]
    seeds = torch.where(data.train_mask, data.y, -1)
    model = EdgeLearner(data.num_features)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    history = []
    for _ in range(6):
        loss = losses.cross_entropy(model(data.x, data.edge_index, seeds), data.y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert history == sorted(history, reverse=True)
    assert history[-1] < 0.9 * history[0]
    slopes = [parameter.grad for parameter in model.embed.parameters()]
    assert all(slope is not None and bool(slope.any()) for slope in slopes)


# --- errors ---------------------------------------------------------------------------------------------------------

WEIGHT, SEEDS, LAYER = images(2, (4, 5)), markers(2, (4, 5)), HarmonicLabels()
NO_SEED = torch.stack([SEEDS[0], torch.full((4, 5), -1)])
ONE_WAY = grid_graph((4, 5)).edges
REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no sample": (
        lambda: HarmonicLabels(num_samples=0),
        ValueError,
        "`num_samples` must be .* from 1; got 0",
    ),
    "one image": (
        lambda: LAYER(WEIGHT[0], SEEDS[0]),
        ValueError,
        r"`weight` must be \(B, 2, H, W\) or \(B, 3, D, H, W\); got \(2, 4, 5\)",
    ),
    "no label": (lambda: HarmonicLabels(num_labels=0), ValueError, "`num_labels` must be a whole number from 1.*got 0"),
    "a number": (lambda: LAYER(torch.tensor(1.0), SEEDS), ValueError, r"`weight` must be \(B, 2, H, W\).*; got \(\)"),
    "no distribution": (
        lambda: HarmonicLabels(unreachable=torch.tensor([0.5, 0.6])),
        ValueError,
        r"`unreachable` must be a distribution \(≥ 0, sum 1\); got \[0.5",
    ),
    "a prior that is nan": (
        lambda: HarmonicLabels(unreachable=torch.tensor([0.5, torch.nan])),
        ValueError,
        "`unreachable` must be a distribution",
    ),
    "a prior of other labels": (
        lambda: HarmonicLabels(num_labels=3, unreachable=torch.ones(2) / 2),
        ValueError,
        r"`unreachable` must be \(3,\), a share for each label; got \(2,\)",
    ),
    "channels": (lambda: LAYER(WEIGHT[:, :1], SEEDS), ValueError, r"must be \(B, 2, H, W\).*; got \(2, 1, 4, 5\)"),
    "seeds' shape": (
        lambda: LAYER(WEIGHT, SEEDS[:, 1:]),
        ValueError,
        r"`seeds` must be \(2, 4, 5\) as `weight` asks; got \(2, 3, 5\)",
    ),
    "seeds' type": (lambda: LAYER(WEIGHT, SEEDS.int()), ValueError, r"int64 labels; got \(2, 4, 5\) torch.int32"),
    "negative weight": (lambda: LAYER(-WEIGHT, SEEDS), ValueError, "`weight` must be finite and not negative; got -"),
    "NaN": (lambda: LAYER(WEIGHT * torch.nan, SEEDS), ValueError, "`weight` must be finite and not negative; got nan"),
    "an image without seed": (
        lambda: LAYER(WEIGHT, NO_SEED),
        SingularWalkError,
        r"leaves 20 of 40 nodes \(first: 20, in graph 1 of the batch\) in components without any seed",
    ),
    "no seed at all": (lambda: LAYER(WEIGHT, 0 * SEEDS - 1), ValueError, "`seeds` are all −1"),
    "seeds left out": (
        lambda: LAYER(grid_graph((2, 2)), torch.ones(4)),
        ValueError,
        "`HarmonicLabels` needs `seeds`, int64 labels and −1 where there is none; got none",
    ),
    "seeds of another graph": (
        lambda: LAYER(grid_graph((2, 2)), torch.ones(4), torch.zeros(3, dtype=torch.int64)),
        ValueError,
        r"`seeds` must be \(4,\) int64; got \(3,\)",
    ),
    "weights of another graph": (
        lambda: LAYER(grid_graph((2, 2)), torch.ones(5), torch.zeros(4, dtype=torch.int64)),
        ValueError,
        r"`weight` must have shape \(E,\) = \(4,\); got \(5,\)",
    ),
    "an edge listed one way": (
        lambda: LAYER(ONE_WAY, torch.ones(31), SEEDS[0].flatten()),
        ValueError,
        r"0 → 5 the weight 1.0 but 5 → 0 no entry",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
