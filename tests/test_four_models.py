"""The four systems ready to train, one by one: shapes, starts, losses, and what they refuse."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy import ndimage
from skimage import data
from small_pictures import halves, image, losses_of, two_seeds
from torch import Tensor, nn

from graphrw import losses
from graphrw.models import NDD, RAWKS, RWN, LearnedRandomWalker, Trunk
from graphrw.models.seeds import coarse_seeds


@pytest.mark.parametrize(("axes", "shape"), [(2, (9, 11)), (3, (5, 8, 9))])
def test_the_learned_random_walker_answers_at_the_images_resolution(axes: int, shape: tuple[int, ...]) -> None:
    probability = LearnedRandomWalker(1, 8, axes=axes)(image(*shape), two_seeds(*shape))
    assert probability.shape == (1, 2, *shape)
    torch.testing.assert_close(probability.sum(1), torch.ones(1, *shape))


def test_the_side_loss_is_added_as_often_as_asked() -> None:
    model, arguments = LearnedRandomWalker(1, 8, stride=1), (image(8, 8), two_seeds(8, 8), halves(8, 8))
    weight = model.edge_weights(arguments[0])
    expected = model.loss(*arguments, side=0.0) + 3 * losses.weight_side_loss(weight, arguments[2])
    torch.testing.assert_close(model.loss(*arguments, side=3.0), expected)


@pytest.mark.parametrize("fit", [losses.mean_squared_error, losses.dice])
def test_probabilities_may_be_fitted_by_another_loss(fit: Callable[..., Tensor]) -> None:
    model, arguments = LearnedRandomWalker(1, 8, stride=1), (image(8, 8), two_seeds(8, 8), halves(8, 8))
    expected = fit(model(*arguments[:2]), arguments[2])
    torch.testing.assert_close(model.loss(*arguments, fit=fit, side=0.0), expected)


@pytest.mark.parametrize("side", [-1.0, math.nan, math.inf])
def test_a_side_loss_that_would_be_taken_away_is_refused(side: float) -> None:
    with pytest.raises(ValueError, match="`side`"):
        LearnedRandomWalker(1, 8).loss(image(8, 8), two_seeds(8, 8), halves(8, 8), side=side)
    with pytest.raises(ValueError, match="`side`"):
        RWN(1, 2, 8, training_radius=2.0).loss(image(8, 8), halves(8, 8), side=side)


def test_without_a_side_loss_no_edge_has_to_have_two_targets() -> None:
    target = torch.full((1, 8, 8), -1)
    target[0, 1, 1], target[0, 6, 6] = 0, 1
    walker, rwn = LearnedRandomWalker(1, 8), RWN(1, 2, 8, radius=2.0, training_radius=2.0)
    with pytest.raises(ValueError, match="No pair is left to score"):
        rwn.loss(image(8, 8), target)
    assert bool(walker.loss(image(8, 8), two_seeds(8, 8), target, side=0.0).isfinite())
    assert bool(rwn.loss(image(8, 8), target, side=0.0).isfinite())


@pytest.mark.parametrize("make", [lambda: LearnedRandomWalker(1, 8), lambda: RAWKS(1, 2, 8, stride=2)])
def test_seeds_of_another_size_are_refused_though_their_cells_would_fit(make) -> None:
    model = make()
    call = model if isinstance(model, LearnedRandomWalker) else model.propagate
    with pytest.raises(
        ValueError, match=r"`seeds` must be a torch tensor \(1, 16, 16\), one for each pixel of `image`"
    ):
        call(image(16, 16), two_seeds(16, 15))


def test_coarse_seeds_keep_the_seed_of_each_block() -> None:
    seeds = torch.full((1, 3, 4), -1)
    seeds[0, 0, 1], seeds[0, 2, 3] = 0, 4
    assert coarse_seeds(seeds, 2).tolist() == [[[0, -1], [-1, 4]]]


def test_a_label_that_coarse_seeds_would_lose_is_named() -> None:
    seeds = torch.tensor([[[0, 1], [-1, -1]]])
    with pytest.raises(ValueError, match=r"At stride 2 image 0 loses label 0: .* Move a seed, or use a smaller"):
        coarse_seeds(seeds, 2)


def test_rawks_spreads_seeds_that_keep_their_labels() -> None:
    model, seeds = RAWKS(1, 3, 8), two_seeds(10, 12)
    spread = model.propagate(image(10, 12), seeds)
    assert spread.shape == (1, 3, 10, 12)
    assert torch.equal(spread.argmax(1)[seeds >= 0], seeds[seeds >= 0])
    assert not spread[:, 2].any()


def adam(model: nn.Module, loss, steps: int = 20) -> None:
    """So many steps at the rate that most people begin with."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def photograph(*corner: int, size: tuple[int, int]) -> Tensor:
    """A part of a photograph of an astronaut, (1, 3, H, W) in [0, 1]."""
    rows, columns = (slice(low, low + step) for low, step in zip(corner, size, strict=True))
    return torch.from_numpy(data.astronaut()[rows, columns] / 255).movedim(-1, 0)[None].float()


def test_rawks_starts_with_boundaries_that_do_not_kill_at_once_and_that_move() -> None:
    """A walk lives for some 20 steps at first. With a bias of −6 and no gain, scores had moved by 1e-4 after 20."""
    head, seeds = photograph(40, 160, size=(128, 128)), torch.full((1, 128, 128), -1)
    seeds[0, 40:90, 64], seeds[0, 10:120, 4], seeds[0, 4, 10:110] = 1, 0, 0
    model = RAWKS(3, 2, 8, stride=2)
    before = model.boundary(head).detach()
    assert before.shape == (1, 1, 64, 64)
    assert 0.02 < float(before.mean()) < 0.2
    adam(model, lambda: model.loss(head, seeds))
    assert float((model.boundary(head).detach() - before).abs().mean()) > 0.004


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_rawks_walks_at_its_stride_and_answers_at_that_of_the_image(stride: int) -> None:
    model, picture, seeds = RAWKS(1, 3, 8, stride=stride), image(18, 23), two_seeds(18, 23)
    assert model.boundary(picture).shape == (1, 1, -(-18 // stride), -(-23 // stride))
    assert model(picture).shape == (1, 3, 18, 23)
    spread = model.propagate(picture, seeds)
    assert spread.shape == (1, 3, 18, 23)
    torch.testing.assert_close(spread.sum(1), torch.ones(1, 18, 23))
    assert losses_of(model, lambda: model.loss(picture, seeds), steps=1)[0] > 0


def test_rawks_learns_boundaries_and_classes_apart_unless_a_trunk_is_shared() -> None:
    model, picture, seeds = RAWKS(1, 2, 8), image(12, 12), two_seeds(12, 12)
    before = model.boundary(picture).detach()
    optimiser = torch.optim.SGD([*model.trunk.parameters(), *model.classes.parameters()], lr=0.1)
    model.loss(picture, seeds).backward()
    optimiser.step()
    assert torch.equal(model.boundary(picture).detach(), before)
    shared = Trunk(1, 8)
    assert RAWKS(1, 2, trunk=shared, boundary_trunk=shared).boundary_trunk is shared


def test_the_loss_of_rawks_is_the_papers_and_a_cross_entropy_at_the_seeds() -> None:
    model, picture, seeds = RAWKS(1, 2, 8, stride=2), image(12, 12), two_seeds(12, 12)
    log_q = model.classes(model.trunk(picture)).log_softmax(1)
    p = model.walk(model.boundary(picture), coarse_seeds(seeds, 2))
    paper = losses.propagation_loss(p, log_q, 2.0, entropy_weight=0.3, detach_weight=True)
    loss = model.loss(picture, seeds, alpha=2.0, entropy_weight=0.3, seed_weight=0.0)
    torch.testing.assert_close(loss, paper)
    at_seeds = nn.functional.nll_loss(log_q, coarse_seeds(seeds, 2), ignore_index=-1)
    loss = model.loss(picture, seeds, alpha=2.0, entropy_weight=0.3, seed_weight=0.5)
    torch.testing.assert_close(loss, paper + at_seeds / 2)


def test_labels_that_stay_teach_the_classes_and_leave_the_walls_alone() -> None:
    model, picture, seeds = RAWKS(1, 2, 8, stride=2), image(12, 12), two_seeds(12, 12)
    before = model.propagate(picture, seeds).detach()
    first = float(model.label_loss(picture, before).detach())
    adam(model, lambda: model.label_loss(picture, model.propagate(picture, seeds)))
    assert torch.equal(model.propagate(picture, seeds), before)
    assert float(model.label_loss(picture, before).detach()) < first


def test_the_walls_of_rawks_have_a_height_that_nothing_passes_and_no_more() -> None:
    model, picture = RAWKS(1, 2, 8), image(12, 12)
    with torch.no_grad():
        model.edges.bias.fill_(1e4)
    assert float(model.boundary(picture).detach().min()) == 20.0


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_rwn_takes_scores_at_a_stride_and_walks_on_pixels(stride: int) -> None:
    model, picture = RWN(1, 2, 8, stride=stride, radius=2.0, training_radius=3.0), image(18, 23)
    assert model.scores(picture).shape == model(picture).shape == (1, 2, 18, 23)
    graph, weight = model.affinities(picture)
    assert graph.num_nodes == 18 * 23
    assert weight.shape == (graph.num_edges,)
    assert model.early_features(picture).shape == (1, 33, 18, 23)


def test_the_loss_of_affinities_does_not_see_the_contrast_of_the_walk() -> None:
    """The walk has w^p; what w is asked to be, 1 within a class and 0 across, says nothing of p."""
    model, plain = RWN(1, 2, 8, radius=2.0, training_radius=2.0), RWN(1, 2, 8, radius=2.0, contrast=None)
    plain.load_state_dict(model.state_dict(), strict=False)
    picture, target = image(9, 11), halves(9, 11)
    assert float(model.contrast.detach()) == pytest.approx(8)
    torch.testing.assert_close(model.affinities(picture)[1], plain.affinities(picture)[1] ** 8, atol=1e-5, rtol=1e-4)
    (both, fit), p = (model.loss(picture, target, side=side) for side in (1.0, 0.0)), model.log_contrast
    torch.testing.assert_close(*(torch.autograd.grad(loss, p)[0] for loss in (both, fit)))


def test_rwn_draws_coarse_scores_to_the_edges_of_the_image() -> None:
    """What the walk is for: scores at a stride of 8 know the halves, affinities their border."""
    torch.manual_seed(0)
    shape = (24, 28)  # the border is in the middle of a block of 8
    model, target = RWN(1, 2, 8, radius=3.0, training_radius=3.0), halves(*shape)
    losses_of(model, lambda: model.loss(image(*shape), target), steps=60)
    model.eval()
    pictures = [image(*shape) for _ in range(4)]
    before, after = (
        sum(float(losses.cross_entropy(torch.softmax(f(p), 1), target).detach()) for p in pictures)
        for f in (model.scores, model)
    )
    assert after < before


def test_ndd_starts_with_similarities_that_differ_and_that_move() -> None:
    """As K was, 0.996 on average, neither loss nor gradient told a start from any other."""
    picture = photograph(0, 100, size=(160, 240))
    model = NDD(3, 16, k=30)
    similarity = model(picture).detach()
    assert 0.2 < float(similarity.mean()) < 0.7
    target = halves(1, 20, 30)
    before = {name: float(getattr(model, name).detach()) for name in ("mu", "time", "scale")}
    adam(model, lambda: model.loss(picture, target))
    moved = {name: abs(math.log(float(getattr(model, name).detach()) / start)) for name, start in before.items()}
    assert min(moved.values()) > 0.02
    assert max(moved.values()) > 0.1


def test_segments_of_ndd_hang_together_from_cell_to_cell() -> None:
    segments = NDD(1, 8, k=8, stride=2, radius=3.0).segment(image(24, 24), [12, 6])[0]
    for level in segments.numpy():
        for label in range(level.max() + 1):
            assert ndimage.label(level == label)[1] == 1


def test_rwn_walks_one_step_in_training_and_to_the_limit_in_evaluation() -> None:
    model = RWN(1, 2, 8, stride=1, alpha=0.95, radius=1.0, training_radius=1.0)
    picture = image(8, 8)
    f = model.scores(picture)
    smoothness = [float(y.detach().diff().abs().mean()) for y in (f, model.train()(picture), model.eval()(picture))]
    assert smoothness[0] > smoothness[1] > smoothness[2]


def test_rwn_learns_through_the_limit_that_predicts_unless_one_step_is_asked() -> None:
    model, picture = RWN(1, 2, 8, radius=2.0), image(8, 8)
    torch.testing.assert_close(model.train()(picture), model.eval()(picture))


def test_the_similarity_of_ndd_is_one_on_its_diagonal_and_symmetric() -> None:
    similarity = NDD(1, 8, k=6, stride=2, radius=2.0)(image(8, 10))
    assert similarity.shape == (1, 20, 20)
    torch.testing.assert_close(similarity, similarity.transpose(1, 2))
    torch.testing.assert_close(similarity.diagonal(dim1=1, dim2=2), torch.ones(1, 20))
    assert float(similarity.detach().amin()) >= 0


def test_ndd_takes_features_that_are_there_already() -> None:
    model, picture = NDD(1, 8, k=6, stride=2, radius=2.0), image(8, 10)
    features = model.trunk(picture)
    torch.testing.assert_close(model.similarity(features), model(picture))
    apart = torch.cdist(model.map(features), model.map(features)).square()
    torch.testing.assert_close(model.similarity(features), torch.exp(-model.scale / 20 * apart), atol=1e-4, rtol=1e-4)


def test_segmentations_by_ndd_are_nested() -> None:
    fine, coarse = NDD(1, 8, k=8, stride=2, radius=2.0).segment(image(16, 16), [6, 2])[0].flatten(1)
    assert (int(fine.max()) + 1, int(coarse.max()) + 1) == (6, 2)
    assert all(len(coarse[fine == label].unique()) == 1 for label in range(6))


def test_ndd_takes_volumes() -> None:
    model, volume = NDD(1, 8, k=4, stride=2, radius=1.0, axes=3), image(4, 6, 8)
    assert model(volume).shape == (1, 24, 24)
    assert model.segment(volume, [3]).shape == (1, 1, 2, 3, 4)
    assert bool(model.loss(volume, halves(1, 2, 3, 4)).isfinite())


def test_an_image_with_fewer_cells_than_eigenpairs_is_refused() -> None:
    model, message = (
        NDD(1, 8, k=50, stride=8),
        r"An image of \(32, 40\) pixels has 20 cells at stride 8, too few for k = 50",
    )
    for call in (lambda: model(image(32, 40)), lambda: model.segment(image(32, 40), [2])):
        with pytest.raises(ValueError, match=message):
            call()


def test_labels_beyond_those_of_a_segmenter_are_named_at_every_stride() -> None:
    model, seeds = RAWKS(3, 3, 4, stride=2), torch.full((1, 8, 8), 255)
    seeds[0, 0, 0] = 1
    with pytest.raises(ValueError, match="`seeds` holds label 255, but labels run from 0 to 2; −1 is for pixels"):
        model.propagate(torch.rand(1, 3, 8, 8), seeds)


def test_channels_that_nobody_told_of_are_named() -> None:
    with pytest.raises(ValueError, match="If its last axis holds channels, say `channel_axis=-1`"):
        RWN(3, 2, 4).as_input(torch.zeros(8, 9, 3).numpy())


def test_a_target_of_another_shape_is_named_as_a_segmenter_has_it() -> None:
    with pytest.raises(ValueError, match=r"`target` must be \(1, 8, 8\).* it is `target\[None\]`"):
        RWN(3, 2, 4, stride=2).loss(torch.rand(1, 3, 8, 8), torch.zeros(8, 8, dtype=torch.int64))


def test_an_image_without_scribbles_is_named_unless_walkers_end_in_guesses() -> None:
    model, seeds = RAWKS(3, 2, 4), torch.full((2, 8, 8), -1)
    seeds[0, 0, 0], seeds[0, 7, 7] = 0, 1
    with pytest.raises(ValueError, match="none for image 1 of the batch"):
        model.propagate(torch.rand(2, 3, 8, 8), seeds)
    assert model.propagate(torch.rand(2, 3, 8, 8), seeds, guess_rate=0.1).shape == (2, 2, 8, 8)
