"""Regional feature pooling and the weakly supervised head: formulas, memory, PyG, learning, and what they refuse."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch_geometric.nn import GCNConv, Sequential

from graphrw.functional import region_pooling
from graphrw.functional.pooling import Rows
from graphrw.losses import presence_loss
from graphrw.nn import RegionClassifier, RegionPooling


def points(nodes: int = 9, width: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(nodes, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(z: Tensor) -> Rows:
    """The rows of exp(−|z_i − z_j|²), as a function of nodes."""

    def rows(nodes: Tensor) -> Tensor:
        similarity: Tensor = torch.exp(-(z[nodes, None] - z).square().sum(2))
        return similarity

    return rows


def blocks() -> Tensor:
    matrix: Tensor = torch.block_diag(*(torch.ones(size, size) for size in (2, 4, 3)))
    return matrix.double()


# --- pooling --------------------------------------------------------------------------------------------------------


def test_pooling_is_the_weighted_mean_of_each_row() -> None:
    x, similarity = points(), gaussian(points(seed=1))(torch.arange(9))
    expected = torch.stack([(row[:, None] * x).sum(0) / row.sum() for row in similarity])
    torch.testing.assert_close(region_pooling(x, similarity), expected)


def test_similarities_up_to_the_threshold_do_not_count() -> None:
    x, similarity = points(), gaussian(points(seed=1))(torch.arange(9))
    kept = similarity * (similarity > 0.3)
    assert not torch.equal(kept, similarity)
    torch.testing.assert_close(region_pooling(x, similarity, threshold=0.3), region_pooling(x, kept))


@pytest.mark.parametrize("rows_at_once", [1, 4, 9, 1000])
def test_rows_made_a_few_at_a_time_give_the_same(rows_at_once: int) -> None:
    x, rows = points(), gaussian(points(seed=1))
    expected = region_pooling(x, rows(torch.arange(9)), threshold=0.1)
    torch.testing.assert_close(region_pooling(x, rows, threshold=0.1, rows_at_once=rows_at_once), expected)


def test_nodes_of_one_region_get_its_mean() -> None:
    x = points()
    pooled = region_pooling(x, blocks())
    torch.testing.assert_close(pooled, torch.cat([part.mean(0).expand_as(part) for part in x.split([2, 4, 3])]))
    torch.testing.assert_close(region_pooling(pooled, blocks()), pooled)


def test_pooling_commutes_with_a_renumbering_of_nodes() -> None:
    x, similarity = points(), gaussian(points(seed=1))(torch.arange(9))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        region_pooling(x[order], similarity[order][:, order]), region_pooling(x, similarity)[order]
    )


def test_pooling_has_exact_derivatives_in_both_forms() -> None:
    x, z = points(5, 2).requires_grad_(), points(5, 2, seed=1).requires_grad_()
    similarity = gaussian(z.detach())(torch.arange(5)).requires_grad_()
    assert torch.autograd.gradcheck(region_pooling, (x, similarity))
    assert torch.autograd.gradgradcheck(region_pooling, (x, similarity))
    assert torch.autograd.gradcheck(lambda x, z: region_pooling(x, gaussian(z), rows_at_once=2), (x, z))


def test_rows_are_made_again_in_backward_instead_of_being_kept() -> None:
    x, z = points(60).requires_grad_(), points(60, seed=1).requires_grad_()
    made, kept = [], []

    def rows(nodes: Tensor) -> Tensor:
        made.append(len(nodes))
        return gaussian(z)(nodes)

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        pooled = region_pooling(x, rows, rows_at_once=20)
    assert made == [20, 20, 20]
    assert sum(kept) < 60 * 20
    pooled.sum().backward()
    assert len(made) == 6


def test_pooling_stands_between_convolutions_of_pyg() -> None:
    torch.manual_seed(0)
    ring = torch.arange(9)
    edge_index = torch.cat([torch.stack([ring, (ring + 1) % 9]), torch.stack([(ring + 1) % 9, ring])], 1)
    network = Sequential(
        "x, e, k",
        [(GCNConv(3, 4), "x, e -> x"), (RegionPooling(), "x, k -> x"), (GCNConv(4, 2), "x, e -> x")],
    )
    x, similarity = points().float(), blocks().float().requires_grad_()
    first, last = network[0], network[2]
    expected = last(region_pooling(first(x, edge_index), similarity), edge_index)
    found = network(x, edge_index, similarity)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    assert similarity.grad is not None
    assert bool((similarity.grad != 0).any())


def test_half_precision_is_widened_and_double_follows_the_features() -> None:
    assert region_pooling(points().half(), blocks().bfloat16()).dtype == torch.float32
    assert region_pooling(points().float(), blocks()).dtype == torch.float32


# --- the weakly supervised head -------------------------------------------------------------------------------------


def test_the_head_is_its_equations_image_by_image() -> None:
    torch.manual_seed(0)
    layer = RegionClassifier(3, 4, threshold=0.1, sharpness=3.0).double()
    x, similarity = points(), gaussian(points(seed=1))(torch.arange(9)) * blocks()
    batch = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1, 1])
    found = layer(x, similarity, batch)
    for image in range(2):
        nodes = batch == image
        pooled = region_pooling(x[nodes], similarity[nodes][:, nodes], threshold=0.1)
        logits = pooled @ layer.classifier.weight.T + layer.classifier.bias
        maps = logits.softmax(1)
        attention = (3.0 * maps).softmax(0)
        torch.testing.assert_close(found.maps[nodes], maps)
        classified = (attention.T @ pooled * layer.classifier.weight).sum(1) + layer.classifier.bias
        torch.testing.assert_close(found.scores[image], classified)
        alone = layer(x[nodes], similarity[nodes][:, nodes])
        torch.testing.assert_close(alone.scores[0], found.scores[image])


def test_the_loss_is_the_binary_cross_entropy_of_each_class() -> None:
    scores, present = points(2, 4), torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0]])
    expected = binary_cross_entropy_with_logits(scores, present.double())
    torch.testing.assert_close(presence_loss(scores, present), expected)
    torch.testing.assert_close(presence_loss(scores, present.bool()), expected)


def test_the_head_has_exact_derivatives() -> None:
    torch.manual_seed(0)
    layer = RegionClassifier(2, 3).double()
    batch, present = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([[1, 0, 1], [0, 1, 1]])
    x = points(5, 2).requires_grad_()
    similarity = gaussian(points(5, 2, seed=1))(torch.arange(5)).requires_grad_()

    def loss(x: Tensor, similarity: Tensor, *_: Tensor) -> Tensor:
        return presence_loss(layer(x, similarity, batch).scores, present)

    assert torch.autograd.gradcheck(loss, (x, similarity, *layer.parameters()))


def test_trained_on_classes_of_images_it_shows_where_they_are() -> None:
    """Each image holds background (class 0) and one of two things, on a region of its own with noisy features."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    images, nodes = 12, 10
    thing = torch.arange(images) % 2 + 1
    inside = torch.arange(nodes) < 4
    truth = torch.where(inside, thing[:, None], 0).flatten()
    x = torch.nn.functional.one_hot(truth, 3) + 0.4 * torch.randn(images * nodes, 3, generator=generator)
    region = 2 * torch.arange(images).repeat_interleave(nodes) + inside.repeat(images)
    similarity = (region[:, None] == region).float()
    batch = torch.arange(images).repeat_interleave(nodes)
    present = torch.stack([torch.ones(images), thing == 1, thing == 2], 1)
    layer = RegionClassifier(3, 3)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        presence_loss(layer(x, similarity, batch).scores, present).backward()
        optimiser.step()
    found = layer(x, similarity, batch)
    assert torch.equal((found.scores > 0).float(), present)
    things = truth > 0
    right = found.maps[:, 1:].argmax(1)[things] + 1 == truth[things]
    assert float(right.float().mean()) > 0.95
    active = torch.where(things, found.maps.gather(1, truth[:, None]).squeeze(1), torch.nan)
    elsewhere = found.maps.gather(1, thing.repeat_interleave(nodes)[:, None]).squeeze(1)[~things]
    assert active[things].mean() > elsewhere.mean() + 0.3


# --- what they refuse -----------------------------------------------------------------------------------------------


def test_features_that_are_no_matrix_of_floats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`x` must be \(N, F\) floats; got \(9,\) torch\.float32"):
        region_pooling(torch.ones(9), blocks())
    with pytest.raises(ValueError, match=r"`x` must be \(N, F\) floats; got torch\.int64"):
        region_pooling(torch.ones(9, 3).long(), blocks())


def test_similarities_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(9, 9\) for these nodes; got \(9, 8\)"):
        region_pooling(points(), blocks()[:, 1:])
    with pytest.raises(ValueError, match=r"must be \(4, 9\) for these nodes; got \(9, 9\)"):
        region_pooling(points(), lambda nodes: blocks(), rows_at_once=4)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_impossible_similarities_are_refused(value: float) -> None:
    similarity = blocks()
    similarity[3, 5] = value
    with pytest.raises(ValueError, match=f"`similarity` must be finite and not negative; got {value}"):
        region_pooling(points(), similarity)


def test_a_node_that_is_similar_to_none_is_named() -> None:
    similarity = 0.5 * blocks()
    similarity[4, 4:] = similarity[7] = 0
    similarity[4] = 0
    with pytest.raises(ValueError, match=r"Node 4 is similar to no node.*`threshold`=0\.0; 2 such nodes"):
        region_pooling(points(), similarity)
    with pytest.raises(ValueError, match=r"Node 0 is similar to no node.*`threshold`=0\.5; 9 such nodes"):
        region_pooling(points(), 0.5 * blocks(), threshold=0.5)


def test_no_rows_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="`rows_at_once` must be a whole number from 1; got 0"):
        region_pooling(points(), gaussian(points()), rows_at_once=0)


def test_a_head_of_one_class_or_without_sharpness_is_refused() -> None:
    with pytest.raises(ValueError, match="`num_classes` must be a whole number from 2, background included; got 1"):
        RegionClassifier(3, 1)
    for sharpness in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match=f"`sharpness` must be positive and finite; got {sharpness}"):
            RegionClassifier(3, 2, sharpness=sharpness)


def test_batches_that_do_not_fit_are_refused() -> None:
    layer = RegionClassifier(3, 2).double()
    with pytest.raises(ValueError, match=r"`batch` must be \(9,\) int64; got \(8,\) torch\.int64"):
        layer(points(), blocks(), torch.zeros(8, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"got \(9,\) torch\.float32"):
        layer(points(), blocks(), torch.zeros(9))
    with pytest.raises(ValueError, match=r"an image ≥ 0 for each node; got -1"):
        layer(points(), blocks(), torch.full((9,), -1))
    with pytest.raises(ValueError, match=r"Image 1 of `batch` has no node\. Number images without gaps"):
        layer(points(), blocks(), torch.tensor([0, 0, 0, 0, 2, 2, 2, 2, 2]))


def test_classes_that_are_neither_there_nor_not_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape of `scores`, \(1, 2\); got \(2,\)"):
        presence_loss(torch.zeros(1, 2), torch.ones(2))
    with pytest.raises(ValueError, match=r"`present` must be 0 or 1 for each class; got 0\.5"):
        presence_loss(torch.zeros(1, 2), torch.tensor([[0.5, 1.0]]))
