"""Label losses against torch's own where they coincide, closed forms, derivatives, and what they refuse."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import graphrw as rw
from graphrw import losses

Loss = Callable[..., Tensor]
SHAPES = {"nodes": (12, 4), "image": (2, 4, 3, 5), "volume": (2, 4, 2, 3, 2)}

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
SOFT = losses.soft_variation_of_information  # which does not care how labels are called
OF_PIXELS = [losses.cross_entropy, losses.mean_squared_error]  # means over pixels, not over images
every_loss = pytest.mark.parametrize("loss", [*OF_PIXELS, losses.dice, SOFT])
every_ignore = pytest.mark.parametrize("ignore_index", [-1, 255])


def assignment(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).softmax(1)


def labels(shape: tuple[int, ...], ignore_index: int = -1, seed: int = 1) -> Tensor:
    """Targets for an assignment of this shape, of which about a third is not labelled."""
    generator = torch.Generator().manual_seed(seed)
    pixels = (shape[0], *shape[2:])
    target = torch.randint(0, shape[1], pixels, generator=generator)
    return target.masked_fill(torch.rand(pixels, generator=generator) < 0.3, ignore_index)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@every_shape
@every_ignore
def test_cross_entropy_is_torchs_nll_loss_of_the_logarithm(shape: tuple[int, ...], ignore_index: int) -> None:
    probability, target = assignment(shape), labels(shape, ignore_index)
    expected = functional.nll_loss(probability.log(), target, ignore_index=ignore_index)
    torch.testing.assert_close(losses.cross_entropy(probability, target, ignore_index=ignore_index), expected)


@every_shape
def test_pixel_weights_average_as_torchs_class_weights_do(shape: tuple[int, ...]) -> None:
    probability, target = assignment(shape), labels(shape)
    per_class = numbers(0.5, 0.0, 2.0, 1.0)
    expected = functional.nll_loss(probability.log(), target, weight=per_class, ignore_index=-1)
    weight = per_class[target]
    torch.testing.assert_close(losses.cross_entropy(probability, target, weight=weight), expected)
    torch.testing.assert_close(losses.cross_entropy(probability, target, weight=7 * weight), expected)


@every_shape
def test_mean_squared_error_is_torchs_summed_over_labels(shape: tuple[int, ...]) -> None:
    probability, target = assignment(shape), labels(shape).clamp(min=0)
    one_hot = functional.one_hot(target, shape[1]).movedim(-1, 1).double()
    expected = functional.mse_loss(probability, one_hot) * shape[1]
    torch.testing.assert_close(losses.mean_squared_error(probability, target), expected)


@every_shape
@every_ignore
def test_dice_is_its_formula_image_by_image(shape: tuple[int, ...], ignore_index: int) -> None:
    probability, target = assignment(shape), labels(shape, ignore_index)
    images = [(probability.T, target)] if len(shape) == 2 else list(zip(probability, target, strict=True))
    scores = []
    for z, t in images:
        each = []
        for label in set(t[t != ignore_index].tolist()):
            p, y = z[label][t != ignore_index], (t == label)[t != ignore_index].double()
            each.append(2 * p.dot(y) / (p.dot(p) + y.dot(y)))
        scores.append(torch.stack(each).mean())
    expected = 1 - torch.stack(scores).mean()
    torch.testing.assert_close(losses.dice(probability, target, ignore_index=ignore_index), expected)


@every_loss
@every_shape
def test_pixels_that_are_ignored_have_no_say(loss: Loss, shape: tuple[int, ...]) -> None:
    probability, target = assignment(shape).requires_grad_(), labels(shape)
    other = torch.where((target >= 0).unsqueeze(1), probability.detach(), assignment(shape, seed=5))
    assert not torch.equal(other, probability)
    assert loss(other, target) == loss(probability, target)
    (gradient,) = torch.autograd.grad(loss(probability, target), probability)
    assert bool((gradient.movedim(1, -1)[target == -1] == 0).all())
    assert bool((gradient.movedim(1, -1)[target != -1] != 0).any(1).all())


@every_loss
def test_ignored_nodes_might_as_well_be_absent(loss: Loss) -> None:
    probability, target = assignment(SHAPES["nodes"]), labels(SHAPES["nodes"])
    torch.testing.assert_close(loss(probability, target), loss(probability[target >= 0], target[target >= 0]))


@every_loss
def test_columns_that_an_image_does_not_use_change_nothing(loss: Loss) -> None:
    wide, narrow = assignment((1, 5, 4, 4), seed=2), assignment((1, 3, 4, 4), seed=3)
    wide_target, narrow_target = labels((1, 5, 4, 4), seed=4), labels((1, 3, 4, 4), seed=5)
    padded = functional.pad(narrow, (0, 0, 0, 0, 0, 2)).requires_grad_()
    torch.testing.assert_close(loss(padded, narrow_target), loss(narrow, narrow_target))
    batch, target = torch.cat([wide, padded]), torch.cat([wide_target, narrow_target])
    parts = torch.stack([loss(wide, wide_target), loss(narrow, narrow_target)])
    share = numbers(0.5, 0.5)
    if loss in OF_PIXELS:
        share = torch.stack([(wide_target >= 0).sum(), (narrow_target >= 0).sum()]).double()
    torch.testing.assert_close(loss(batch, target), share.dot(parts) / share.sum())
    (gradient,) = torch.autograd.grad(loss(batch, target), padded)
    assert bool((gradient[:, 3:] == 0).all() if loss is not SOFT else gradient.isfinite().all())


@every_loss
def test_an_image_without_any_label_leaves_the_others_as_they_are(loss: Loss) -> None:
    probability, target = assignment(SHAPES["image"]), labels(SHAPES["image"])
    target[1] = -1
    torch.testing.assert_close(loss(probability, target), loss(probability[:1], target[:1]))


@every_loss
@every_shape
def test_the_truth_itself_loses_nothing(loss: Loss, shape: tuple[int, ...]) -> None:
    target = labels(shape)
    probability = functional.one_hot(target.clamp(min=0), shape[1]).movedim(-1, 1).double()
    assert loss(probability, target) == 0


@pytest.mark.parametrize("loss", [*OF_PIXELS, losses.dice])
def test_a_confident_mistake_loses_most(loss: Loss) -> None:
    mistake, doubt = numbers(1, 0, 1, 0).reshape(2, 2), numbers(0.5, 0.5, 0.5, 0.5).reshape(2, 2)
    target = torch.ones(2, dtype=torch.int64)
    assert loss(mistake, target) > loss(doubt, target) > 0


def test_a_confident_mistake_scores_two_in_squares_and_one_in_dice() -> None:
    probability, target = numbers(1, 0).reshape(1, 2), torch.tensor([1])
    assert losses.mean_squared_error(probability, target) == 2
    assert losses.dice(probability, target) == 1


@every_ignore
def test_the_soft_variation_of_information_is_the_metric_where_labels_are_sure(ignore_index: int) -> None:
    found, target = torch.randint(5, (6, 7), generator=torch.Generator().manual_seed(0)), labels((1, 5, 6, 7))[0]
    target = torch.where(target == -1, ignore_index, target)
    probability = functional.one_hot(found, 5).movedim(-1, 0)[None].double()
    expected = rw.metrics.variation_of_information(found, target, ignore_index=ignore_index).total
    assert float(SOFT(probability, target[None], ignore_index=ignore_index)) == pytest.approx(expected)
    renamed = probability[:, [3, 1, 4, 0, 2]]
    torch.testing.assert_close(
        SOFT(renamed, target[None], ignore_index=ignore_index),
        SOFT(probability, target[None], ignore_index=ignore_index),
    )


def test_in_bits_doubt_everywhere_is_dearer_than_one_leak_and_in_squares_it_is_not() -> None:
    target = torch.arange(4).repeat_interleave(25)
    right = functional.one_hot(target, 4).double()
    leak, doubt = right.clone(), 0.85 * right + 0.05
    leak[:15] = right[-1]
    assert SOFT(leak, target) < SOFT(doubt, target)
    assert losses.mean_squared_error(leak, target) > losses.mean_squared_error(doubt, target)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, -1e-9, 1e-30])
def test_cross_entropy_stays_finite_and_pulls_upwards_where_the_probability_vanishes(
    kind: torch.dtype, value: float
) -> None:
    epsilon = torch.finfo(kind).eps
    probability = torch.tensor([[value, 1.0]], dtype=kind, requires_grad=True)
    loss = losses.cross_entropy(probability, torch.tensor([0]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(epsilon) + 1 - value / epsilon)
    assert probability.grad is not None
    assert probability.grad.tolist() == [[-1 / epsilon, 0.0]]


def test_the_logarithm_goes_over_into_its_tangent_smoothly() -> None:
    epsilon = torch.finfo(torch.float64).eps
    probability = torch.tensor([[1 - 1e-6], [1 + 1e-6]], dtype=torch.float64) * epsilon
    probability.requires_grad_()
    values = [losses.cross_entropy(row.unsqueeze(0), torch.tensor([0])) for row in probability]
    slopes = torch.autograd.grad(values[0] + values[1], probability)[0] * epsilon
    torch.testing.assert_close(values[0] - values[1], torch.tensor(2e-6, dtype=torch.float64), rtol=1e-3, atol=0)
    torch.testing.assert_close(slopes, torch.full_like(slopes, -1), rtol=2e-6, atol=0)


@every_loss
@every_shape
def test_label_losses_have_exact_derivatives_of_both_orders(loss: Loss, shape: tuple[int, ...]) -> None:
    probability, target = assignment(shape).requires_grad_(), labels(shape)
    assert torch.autograd.gradcheck(loss, (probability, target))
    assert torch.autograd.gradgradcheck(loss, (probability, target))


def test_pixel_weights_have_exact_derivatives_too() -> None:
    probability, target = assignment(SHAPES["image"]).requires_grad_(), labels(SHAPES["image"])
    weight = torch.rand(target.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
    weight.requires_grad_()

    def loss(probability: Tensor, weight: Tensor) -> Tensor:
        return losses.cross_entropy(probability, target, weight=weight)

    assert torch.autograd.gradcheck(loss, (probability, weight))


@every_loss
def test_label_losses_serve_function_transforms(loss: Loss) -> None:
    probability, target = assignment(SHAPES["image"]), labels(SHAPES["image"])
    leaf = probability.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf, target), leaf)
    torch.testing.assert_close(torch.func.grad(loss)(probability, target), expected)
    torch.testing.assert_close(torch.func.jacrev(loss)(probability, target), expected)


@every_loss
def test_label_losses_keep_single_precision(loss: Loss) -> None:
    probability, target = assignment(SHAPES["image"]), labels(SHAPES["image"])
    single = loss(probability.float(), target)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), loss(probability, target), rtol=1e-5, atol=1e-6)
    gradient, exact = (torch.func.grad(loss)(z, target) for z in (probability.float(), probability))
    torch.testing.assert_close(gradient.double(), exact, rtol=1e-4, atol=1e-6)


@every_loss
def test_the_slack_of_an_inexact_solve_is_no_error(loss: Loss) -> None:
    probability = numbers(1.0005, -0.0005).reshape(1, 2)
    assert bool(loss(probability, torch.tensor([0])).isfinite())


@every_loss
@pytest.mark.parametrize(
    ("shape", "target_shape"),
    [((4,), (4,)), ((4, 2), (3,)), ((3, 4, 4), (4, 4)), ((2, 3, 4, 4), (2, 3, 4)), ((4, 0), (4,))],
)
def test_shapes_that_do_not_belong_together_are_refused(
    loss: Loss, shape: tuple[int, ...], target_shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"`target` that without L; got \([0-9, ]+\) and \([0-9, ]+\)\."):
        loss(torch.zeros(shape), torch.zeros(target_shape, dtype=torch.int64))


@every_loss
@pytest.mark.parametrize("value", [4, -2, 10**9])
def test_targets_out_of_range_are_named(loss: Loss, value: int) -> None:
    probability, target = assignment(SHAPES["image"]), labels(SHAPES["image"])
    target[0, 1, 2] = value
    expected = rf"lie in \[0, 4\).* or be -1 \(`ignore_index`\); got {value} \(pixels out of range: 1\)"
    with pytest.raises(ValueError, match=expected):
        loss(probability, target)


@every_loss
def test_targets_without_any_label_are_refused(loss: Loss) -> None:
    target = torch.full((12,), 255)
    with pytest.raises(ValueError, match="No pixel is left to score: all 12 have target 255"):
        loss(assignment(SHAPES["nodes"]), target, ignore_index=255)


@every_loss
def test_targets_of_another_type_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"int64 labels; got torch.int32. Convert it with `.long\(\)`"):
        loss(assignment(SHAPES["nodes"]), labels(SHAPES["nodes"]).int())


@every_loss
def test_targets_without_pixels_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"nothing to score: `target` has shape \(0,\)"):
        loss(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))


@every_loss
@pytest.mark.parametrize("value", [-3.0, 1.5, math.inf, math.nan])
def test_logits_are_refused(loss: Loss, value: float) -> None:
    probability = assignment(SHAPES["nodes"])
    probability[3, 1] = value
    cure = (
        "If a network made them, its training has diverged" if math.isnan(value) else "Logits and scores need a sigmoid"
    )
    with pytest.raises(ValueError, match=f"`probability` must lie in .*got {value}. {cure}"):
        loss(probability, labels(SHAPES["nodes"]))


@every_loss
def test_integer_probabilities_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"`probability` must be floating point numbers .* got torch.int64"):
        loss(torch.ones(12, 4, dtype=torch.int64), labels(SHAPES["nodes"]))


def test_pixel_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"target's shape \(12,\), one per pixel; got \(4,\)"):
        losses.cross_entropy(assignment(SHAPES["nodes"]), labels(SHAPES["nodes"]), weight=torch.ones(4))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_pixel_weights_that_are_no_weights_are_refused(value: float) -> None:
    target = labels(SHAPES["nodes"])
    weight = torch.where(target >= 0, value, 1.0)
    with pytest.raises(ValueError, match=f"`weight` must be finite and not negative; got {value}"):
        losses.cross_entropy(assignment(SHAPES["nodes"]), target, weight=weight)


def test_pixel_weights_that_are_all_zero_are_refused() -> None:
    target = labels(SHAPES["nodes"])
    with pytest.raises(ValueError, match="`weight` is 0 on every labelled pixel"):
        losses.cross_entropy(assignment(SHAPES["nodes"]), target, weight=(target < 0).double())
