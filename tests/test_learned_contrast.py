"""The exponent of learned weights, and membrane that no walk shall enter."""

from pathlib import Path

import pytest
import torch
from small_pictures import halves, image, two_seeds

from graphrw.losses import cross_entropy, weight_side_loss
from graphrw.models import LearnedRandomWalker


def test_the_walk_has_powers_of_the_weights_that_the_side_loss_sees() -> None:
    model = LearnedRandomWalker(1, 4, stride=1, contrast=3.0)
    picture, target = image(9, 10), halves(9, 10)
    affinity = model.edge_affinities(picture)
    torch.testing.assert_close(model.edge_weights(picture), affinity**3, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(model.edge_loss(picture, target), weight_side_loss(affinity, target))


def test_the_exponent_learns_with_the_walk_alone() -> None:
    model = LearnedRandomWalker(1, 4, contrast=1.0)
    picture, target, seeds = image(12, 12), halves(12, 12), two_seeds(12, 12)
    model.edge_loss(picture, target).backward()
    assert model.log_contrast.grad is None
    model.loss(picture, seeds, target, side=0).backward()
    assert float(model.log_contrast.grad.abs()) > 0


def test_the_exponent_is_saved_with_the_model(tmp_path: Path) -> None:
    model = LearnedRandomWalker(1, 4, contrast=2.0)
    model.log_contrast.data += 0.5
    model.save(tmp_path / "model")
    loaded = LearnedRandomWalker.load(tmp_path / "model")
    picture = image(8, 8)
    torch.testing.assert_close(loaded.edge_weights(picture), model.edge_weights(picture))


@pytest.mark.parametrize("contrast", [0.0, -1.0, float("inf")])
def test_an_exponent_must_be_positive(contrast: float) -> None:
    with pytest.raises(ValueError, match="`contrast` must be positive"):
        LearnedRandomWalker(1, 4, contrast=contrast)


def test_labels_of_membrane_do_not_count_and_its_edges_are_closed() -> None:
    model = LearnedRandomWalker(1, 4, stride=1)
    picture, target, seeds = image(9, 10), halves(9, 10), two_seeds(9, 10)
    target[..., 4:6] = -2
    ignored = torch.where(target == -2, -1, target)
    walked = cross_entropy(model(picture, seeds), ignored)
    torch.testing.assert_close(model.loss(picture, seeds, target, side=0, closed_index=-2), walked)
    closed = weight_side_loss(model.edge_affinities(picture), target, closed_index=-2)
    torch.testing.assert_close(model.loss(picture, seeds, target, side=0.5, closed_index=-2), walked + 0.5 * closed)
