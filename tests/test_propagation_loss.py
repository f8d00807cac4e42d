"""The loss of RAWKS against torch's own divergence, closed forms and finite differences; abstention."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from graphrw.functional import entropy
from graphrw.functional.uncertainty import abstain
from graphrw.losses.propagation import propagation_loss

SHAPES = {"nodes": (12, 4), "image": (2, 4, 3, 5), "volume": (2, 4, 2, 3, 2)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


def assignment(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).softmax(1)


# --- values ---------------------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("alpha", [0.0, 0.7, 3.0])
def test_it_is_the_weighted_divergence_plus_the_entropy(shape, alpha):
    probability, prediction = assignment(shape), assignment(shape, 1)
    divergence = functional.kl_div(prediction.log(), probability, reduction="none").sum(1)
    uncertainty = entropy(probability)
    expected = (torch.exp(-alpha * uncertainty) * divergence + uncertainty).mean()
    torch.testing.assert_close(propagation_loss(probability, prediction.log(), alpha), expected)
    torch.testing.assert_close(propagation_loss(probability, prediction.log(), alpha, detach_weight=True), expected)


@every_shape
def test_the_entropy_counts_with_its_weight(shape):
    probability, prediction = assignment(shape), assignment(shape, 1)
    losses = [
        float(propagation_loss(probability, prediction.log(), 2.0, entropy_weight=weight)) for weight in (0.0, 1.0, 2.5)
    ]
    uncertainty = float(entropy(probability).mean())
    assert losses[1] == float(propagation_loss(probability, prediction.log(), 2.0))
    assert losses == pytest.approx([losses[0], losses[0] + uncertainty, losses[0] + 2.5 * uncertainty])


@every_shape
def test_without_uncertainty_weights_it_is_the_cross_entropy(shape):
    probability, scores = assignment(shape), 3 * assignment(shape, 1)
    expected = functional.cross_entropy(scores, probability)
    if len(shape) > 2:
        expected = functional.cross_entropy(scores, probability, reduction="none").mean()
    torch.testing.assert_close(propagation_loss(probability, scores.log_softmax(1), alpha=0.0), expected)


def test_seeds_cost_what_the_prediction_gives_them_and_agreement_costs_the_entropy():
    certain = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    prediction = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)
    for alpha in (0.0, 5.0):  # no entropy: the weight is 1
        assert float(propagation_loss(certain, prediction.log(), alpha)) == pytest.approx(-math.log(0.2))
        loss = float(propagation_loss(prediction, prediction.log(), alpha))
        assert loss == pytest.approx(float(entropy(prediction)))


# --- derivatives ----------------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("detach_weight", [False, True])
def test_derivatives_are_those_of_finite_differences(shape, detach_weight):
    scores, logits = torch.randn(2, *shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def call(scores: Tensor, logits: Tensor) -> Tensor:
        probability = scores.softmax(1)
        if not detach_weight:
            return propagation_loss(probability, logits.log_softmax(1), 1.5)
        weight = torch.exp(-1.5 * entropy(scores.detach().softmax(1)))
        divergence = functional.kl_div(logits.log_softmax(1), probability, reduction="none").sum(1)
        return (weight * divergence + entropy(probability)).mean()

    leaves = (scores.requires_grad_(), logits.requires_grad_())
    slopes = torch.autograd.grad(
        propagation_loss(scores.softmax(1), logits.log_softmax(1), 1.5, detach_weight=detach_weight), leaves
    )
    torch.testing.assert_close(slopes, torch.autograd.grad(call(*leaves), leaves))
    if not detach_weight:
        assert torch.autograd.gradcheck(call, leaves, fast_mode=True)
        assert torch.autograd.gradgradcheck(call, leaves, fast_mode=True)


def test_holding_the_weight_constant_changes_the_gradient_of_the_walk_only():
    slopes = {}
    for held in (False, True):
        scores, logits = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(3)).unbind()
        leaves = (scores.requires_grad_(), logits.requires_grad_())
        loss = propagation_loss(scores.softmax(1), logits.log_softmax(1), 2.0, detach_weight=held)
        slopes[held] = torch.autograd.grad(loss, leaves)
    assert not torch.allclose(slopes[False][0], slopes[True][0])
    torch.testing.assert_close(slopes[False][1], slopes[True][1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_where_probabilities_are_zero(dtype):
    probability = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], dtype=dtype).requires_grad_()
    for logits in ([0.0, -math.inf, 1.0], [-math.inf, 0.0, 0.0], [0.0, 900.0, -900.0]):
        leaf = torch.tensor([logits, logits], dtype=dtype)
        finite = leaf.isfinite()
        leaf = leaf.nan_to_num(neginf=-1.0).requires_grad_()
        log_prediction = torch.where(finite, leaf, -math.inf).log_softmax(1)
        loss = propagation_loss(probability, log_prediction, alpha=1.0)
        slopes = torch.autograd.grad(loss, (probability, leaf))
        assert math.isfinite(float(loss.detach()))
        assert all(bool(torch.isfinite(slope).all()) for slope in slopes)


# --- abstention -----------------------------------------------------------------------------------------------------


def test_the_least_certain_nodes_abstain():
    probability = assignment((50, 3))
    labels = abstain(probability, 0.06)
    silent = labels < 0
    assert int(silent.sum()) == 3
    confidence = probability.max(1).values
    assert confidence[silent].max() < confidence[~silent].min()
    assert torch.equal(labels[~silent], probability.argmax(1)[~silent])


def test_all_or_none_can_abstain_on_images_and_on_other_axes():
    probability = assignment((2, 3, 4, 5))
    assert torch.equal(abstain(probability, 0.0), probability.argmax(1))
    assert bool((abstain(probability, 1.0) == -1).all())
    assert torch.equal(abstain(probability.movedim(1, 0), 0.3, dim=0), abstain(probability, 0.3))
    assert abstain(probability, 0.3).shape == (2, 4, 5)


def test_of_equally_certain_nodes_later_ones_abstain():
    assert abstain(torch.tensor([[0.5, 0.5]] * 4), 0.5).tolist() == [0, 0, -1, -1]


# --- errors ---------------------------------------------------------------------------------------------------------

P, Q = assignment((4, 3)), assignment((4, 3), 1)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "shapes": (
        lambda: propagation_loss(P, Q[:, :2].log(), 1.0),
        r"must have one shape, \(N, L\).*; got \(4, 3\) and \(4, 2\)",
    ),
    "dimensions": (lambda: propagation_loss(P[0], Q[0].log(), 1.0), r"must have one shape.*; got \(3,\) and \(3,\)"),
    "no node": (lambda: propagation_loss(P[:0], Q[:0].log(), 1.0), r"must have one shape.*; got \(0, 3\)"),
    "range": (lambda: propagation_loss(5 * P, Q.log(), 1.0), r"`probability` must lie in \[0, 1\]; got"),
    "sums": (
        lambda: propagation_loss(0.9 * P, Q.log(), 1.0),
        r"`probability` must sum to 1 .*; got the sum 0\.9.*divide",
    ),
    "NaN": (lambda: propagation_loss(P, Q.log() * math.nan, 1.0), "`log_prediction` must be logarithms .* sum nan"),
    "probabilities": (lambda: propagation_loss(P, Q, 1.0), r"got the sum \d.*Put `torch.log_softmax\(logits, 1\)`"),
    "integers": (
        lambda: propagation_loss(P, Q.log().long(), 1.0),
        "`log_prediction` must be floating point numbers; got torch.int64",
    ),
    "alpha": (lambda: propagation_loss(P, Q.log(), -0.5), r"`alpha` must be finite and not negative; got -0\.5"),
    "entropy weight": (
        lambda: propagation_loss(P, Q.log(), 1.0, entropy_weight=math.inf),
        "`entropy_weight` must be finite and not negative; got inf",
    ),
    "fraction": (lambda: abstain(P, 1.5), r"`fraction` must lie in \[0, 1\]; got 1\.5"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
