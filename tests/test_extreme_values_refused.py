"""Values that mean nothing, or that a type does not hold, are refused under the name of their own argument."""

import re
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.nn import GCNConv

import graphrw as rw
from graphrw import build, functional, losses, metrics, nn
from graphrw.build.knn import edge_length
from graphrw.convert import node_values

PATH = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3)
NAN, META = torch.full((3, 2), torch.nan), torch.empty(3, 2, device="meta")
EDGE, ENDS = torch.tensor([[0], [1]]), torch.tensor([0, 1])
BIG = 2**63 + 5

NOT_A_NUMBER: dict[str, tuple[str, Callable[[], Any]]] = {
    "EdgeWeightsMLP": ("x", lambda: nn.EdgeWeightsMLP(2)(NAN, PATH)),
    "EdgeWeightsMLP's attributes": ("edge_attr", lambda: nn.EdgeWeightsMLP(0, 1)(None, PATH, NAN[:2, :1])),
    "EdgeWeightsGaussian": ("x", lambda: nn.EdgeWeightsGaussian(2)(NAN, PATH)),
    "EdgeWeightsCNN": ("features", lambda: nn.EdgeWeightsCNN(2)(torch.full((1, 2, 4, 4), torch.nan))),
    "EdgeWeightsGNN": ("encoder(x, edge_index)", lambda: nn.EdgeWeightsGNN(GCNConv(2, 4))(NAN, PATH)),
    "FeatureAffinity": ("x", lambda: nn.FeatureAffinity(2)(NAN, PATH)),
    "DiffusionDistance": ("x", lambda: nn.DiffusionDistance(k=2)(NAN, PATH)),
    "Propagation": ("x", lambda: nn.Propagation()(NAN, PATH)),
    "Propagation's sources": ("x[0]", lambda: nn.Propagation()((NAN, NAN), EDGE)),
    "step": ("f", lambda: rw.step(rw.walk(PATH, torch.ones(2)), NAN)),
    "gaussian_affinity": ("features", lambda: build.gaussian_affinity(PATH, NAN, 1.0)),
    "l1_affinity": ("features", lambda: build.l1_affinity(PATH, NAN, 1.0)),
    "edge_length": ("points", lambda: edge_length(PATH, NAN)),
    "abstain": ("probability", lambda: functional.abstain(NAN, 0.5)),
    "class_maps": ("logits", lambda: functional.class_maps(NAN, torch.ones(2))),
    "region_pooling": ("x", lambda: functional.region_pooling(NAN, torch.ones(3, 3))),
    "interpolation": (
        "high",
        lambda: functional.attentional_interpolation(torch.zeros(1, 1, 1, 1), NAN[None, None], scale=1.0),
    ),
    "presence_loss": ("scores", lambda: losses.presence_loss(NAN, torch.ones(3, 2))),
    "affinity_loss": ("weight", lambda: losses.affinity_loss(NAN[0, :1], EDGE, ENDS)),
    "kernel_matching": ("similarity", lambda: losses.kernel_matching(NAN[:2], ENDS)),
}


@pytest.mark.parametrize(("name", "call"), NOT_A_NUMBER.values(), ids=NOT_A_NUMBER.keys())
def test_nan_is_refused_under_the_name_of_its_argument(name: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=rf"^`{re.escape(name)}` must be finite; got nan"):
        call()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: losses.cross_entropy(NAN, torch.zeros(3, dtype=torch.int64)), "probability"),
        (lambda: losses.edge_side_loss(NAN[0, :1], EDGE, ENDS), "weight"),
        (lambda: losses.segment_matching(NAN[:1], ENDS, ENDS[:1]), "rows"),
        (lambda: functional.entropy(NAN), "probability"),
    ],
)
def test_nan_among_probabilities_is_not_taken_for_a_logit(call: Callable[[], Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name}` must lie in .*got nan. If a network made them, its training has"):
        call()


def test_a_distance_that_is_nan_is_no_infinite_one() -> None:
    with pytest.raises(ValueError, match=r"`distance` holds NaN"):
        functional.diffusion_similarity(torch.tensor([torch.nan, 1.0]), 1.0)
    with pytest.raises(ValueError, match=r"`scale` must be finite and not negative; got -1"):
        functional.diffusion_similarity(torch.tensor([1.0]), -1.0)


def test_features_whose_products_are_not_held_are_named() -> None:
    with pytest.raises(ValueError, match=r"Scores of edges, from products of features of this size, are more than"):
        nn.EdgeWeightsMLP(2)(torch.full((3, 2), 1e30), PATH)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rw.Graph(torch.empty(2, 1, dtype=torch.int64, device="meta"), 2),
        lambda: build.gaussian_affinity(PATH, META, 1.0),
        lambda: functional.entropy(META),
        lambda: functional.renumber_labels(torch.empty(3, dtype=torch.int64, device="meta")),
        lambda: losses.cross_entropy(META, torch.zeros(3, dtype=torch.int64)),
        lambda: losses.cross_entropy(NAN, torch.empty(3, dtype=torch.int64, device="meta")),
        lambda: metrics.mean_iou(*torch.empty(2, 3, dtype=torch.int64, device="meta")),
        lambda: build.superpixel_graph(torch.empty(3, 2, dtype=torch.int64, device="meta")),
        lambda: rw.knn_graph(META, 1),
        lambda: rw.mesh_graph(torch.empty(3, 3, device="meta"), torch.empty(1, 3, dtype=torch.int64, device="meta")),
        lambda: nn.EdgeWeightsMLP(2)(META, PATH),
        lambda: functional.region_pooling(META, torch.ones(3, 3)),
        lambda: functional.pagerank(rw.walk(PATH, torch.ones(2)), start=META),
    ],
)
def test_tensors_without_values_are_refused_where_values_are_needed(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"on the `meta` device, which holds shapes alone"):
        call()


@pytest.mark.parametrize("dtype", [int, torch.int64, torch.float16])
def test_weights_from_networkx_are_not_cut_to_whole_numbers(dtype: Any) -> None:
    network = nx.Graph([("a", "b", {"weight": 2.5})])
    for convert in (lambda: rw.from_networkx(network, dtype=dtype), lambda: node_values(network, {"a": 2.5}, 0, dtype)):
        with pytest.raises(ValueError, match=r"`dtype` must be torch.float32 or torch.float64"):
            convert()


def test_numbers_that_a_type_makes_0_or_infinite_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1e-50, which is 0.0 in torch.float32"):
        rw.from_networkx(nx.Graph([(0, 1, {"weight": 1e-50})]))
    with pytest.raises(ValueError, match=r"`values` holds 1e-50, which is 0.0 in torch.float32"):
        node_values(nx.path_graph(2), {0: 1e-50})
    with pytest.raises(ValueError, match=r"`killing` holds 1e-50, which is 0.0 in torch.float32"):
        rw.walk(PATH, torch.ones(2), killing=1e-50)
    with pytest.raises(ValueError, match=r"`killing` holds 1e\+300, which is inf in torch.float32"):
        rw.walk(PATH, torch.ones(2), killing=torch.full((3,), 1e300, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"`self_loops` holds 1e-50, which is 0.0 in torch.float32"):
        rw.step(rw.walk(PATH, torch.ones(2)), torch.ones(3), self_loops=1e-50)
    assert float(rw.walk(PATH, torch.ones(2).double(), killing=1e-50).killing[0]) == 1e-50
    with pytest.raises(ValueError, match=r"`fill` is 0.5, which torch.int64 makes 0"):
        build.project_regions(torch.tensor([3]), torch.zeros(1, 1, dtype=torch.int64), fill=0.5)


def test_entries_whose_sum_is_not_held_are_refused_and_their_mean_is() -> None:
    index, large = torch.tensor([[0, 1], [1, 0]]), torch.full((2,), 3e38)
    torch.testing.assert_close(rw.from_edge_index(index, large)[1], large[:1])
    with pytest.raises(ValueError, match=r"Sums of the entries of `edge_weight` .* are more than torch.float32 holds"):
        rw.from_edge_index(index.repeat(1, 2), large.repeat(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda labels: rw.random_walker(np.zeros(labels.shape), labels),
        lambda labels: rw.models.LearnedRandomWalker(1).predict(np.zeros(labels.shape), labels),
        lambda labels: functional.renumber_labels(labels, unlabelled=0),
        lambda labels: build.superpixel_graph(torch.from_numpy(labels)),
        lambda labels: metrics.variation_of_information(torch.from_numpy(labels), torch.from_numpy(labels)),
    ],
)
def test_labels_that_int64_does_not_hold_are_refused(call: Callable[[Any], Any]) -> None:
    labels = np.array([[BIG, 0], [0, 1]], dtype=np.uint64)
    with pytest.raises(ValueError, match=rf"holds {BIG}, which is more than int64 does"):
        call(labels)


@pytest.mark.parametrize("wrong", [2.5, 3.0, True, "3", None])
def test_numbers_of_nodes_are_whole(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"`num_nodes` must be a whole number from 0; got"):
        rw.Graph(EDGE, wrong)
    assert type(rw.Graph(EDGE, np.int32(3)).num_nodes) is int


def test_edges_of_any_number_of_nodes_are_compared_right() -> None:
    many = 2**62
    rw.Graph(torch.tensor([[0, 4], [1, 1]]), many)  # whose keys 4 · 2⁶² + 1 and 1 would be one
    rw.Graph(torch.tensor([[0, many - 1], [1, many - 2]]), many)
    with pytest.raises(ValueError, match=rf"1 edges more than once \(first: {many - 2} and {many - 1}\)"):
        rw.Graph(torch.tensor([[0, many - 1, many - 2], [1, many - 2, many - 1]]), many)
    with pytest.raises(ValueError, match=rf"1 self loops \(first: node {many - 1}\)"):
        rw.Graph(torch.tensor([[many - 1], [many - 1]]), many)
    with pytest.raises(ValueError, match=r"`edge_index` would have 1099511627777 nodes, more than 3037000499"):
        nn.EdgeWeightsMLP(0, 1)(None, torch.tensor([[0, 2**40], [2**40, 0]]), torch.ones(2, 1))


def test_what_has_no_channel_no_length_or_a_side_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`features` must be .*; got \(3, 0\)"):
        build.gaussian_affinity(PATH, torch.zeros(3, 0), 1.0)
    with pytest.raises(ValueError, match=r"`length` must be .* finite; got inf"):
        build.gaussian_affinity(PATH, torch.zeros(3), 1.0, torch.tensor([torch.inf, 1]))
    model, seeds = rw.models.LearnedRandomWalker(1), torch.tensor([0] + [-1] * 254 + [1]).view(1, 16, 16)
    with pytest.raises(ValueError, match=r"`seeds` must be a torch tensor \(1, 16, 16\)"):
        model(torch.zeros(1, 1, 16, 16), seeds[:, 1:])
    with pytest.raises(ValueError, match=r"`side` must be finite and not negative; got -1"):
        model.loss(torch.zeros(1, 1, 16, 16), seeds, seeds.clamp(min=0), side=-1)
    with pytest.raises(ValueError, match=r"channel"):
        model.predict(np.zeros((16, 16, 0)), seeds[0].numpy() + 1, channel_axis=-1)


@pytest.mark.parametrize("k", [5, 10])
def test_the_advice_for_equal_samples_can_be_followed(k: int) -> None:
    points, labels = np.repeat(np.eye(4), 12, 0), [0, 1] + [-1] * 46
    with pytest.raises(ValueError, match=r"Up to 12 samples are equal: take `n_neighbors` from 12, keep one .*`beta`"):
        rw.estimators.RandomWalkClassifier(n_neighbors=k).fit(points, labels)
    for classifier in (
        rw.estimators.RandomWalkClassifier(n_neighbors=12),
        rw.estimators.RandomWalkClassifier(n_neighbors=47, beta=1.0),
    ):
        classifier.unreachable = [0.5, 0.5]
        assert set(classifier.fit(points, labels).transduction_.tolist()) <= {0, 1}


def test_a_tolerance_beyond_the_image_takes_all_of_it() -> None:
    labels = torch.tensor([[0, 0, 1, 1]])
    assert metrics.trimap_error(labels, labels, 1e200) == 0
