"""How far a prediction is from labels that a walk has propagated, and how sure the walk is of them."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.opaque import opaque
from graphrw.core.shares import SLACK, check_range
from graphrw.core.whole import check_flag, is_number
from graphrw.losses.checks import probabilities, safe_log

IMPOSSIBLE = -1e4  # what log 0 counts as in a prediction: −∞ times a probability of 0 would be NaN


@opaque
def propagation_loss(
    probability: Tensor,
    log_prediction: Tensor,
    alpha: float,
    *,
    entropy_weight: float = 1.0,
    detach_weight: bool = False,
) -> Tensor:
    """How far a prediction is from propagated labels: the mean of w(x) KL(P_x ‖ Q_x) + v H(P_x), w(x) = exp(−α H(P_x)).

    P is what the walk has propagated from the seeds, Q what a network predicts without them; KL draws them together
    and H, the entropy, draws P to decide. With α = 0 and v = 1 their sum is the cross entropy −Σ_l P log Q. With α > 0
    nodes of which the walk is unsure teach the network less.

    Source: P. Vernaza, M. Chandraker, Learning random-walk label propagation for weakly-supervised semantic
    segmentation, CVPR 2017, equation (11), there a sum, with v = 1; a mean does not grow with the image. As w is a
    function of P, it is differentiated too: where α w KL > 1, the loss falls as P becomes less sure. `detach_weight`
    holds w constant. Below the machine epsilon, log P ends as in `cross_entropy`; log 0 of a prediction counts as −10⁴.

    Args:
        probability: P, (N, L), (B, L, H, W) or (B, L, D, H, W), in [0, 1], with sum 1 along axis 1. Where something
            kills the walk, divide by the sum first.
        log_prediction: log Q, of the same shape: what `torch.log_softmax` along axis 1 returns.
        alpha: α ≥ 0, per nat.
        entropy_weight: v ≥ 0. Below 1 the walk is less driven to be sure; at 0 not at all.
        detach_weight: whether w is held constant in the derivative.

    Returns:
        A scalar. Gradients flow into both; `detach` the one that should not learn.

    Raises:
        ValueError: for wrong shapes or types, values out of range, or probabilities of either that do not sum to 1.

    >>> certain, undecided = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    >>> propagation_loss(certain, undecided.log(), alpha=1.0)
    tensor(0.6931)
    """
    probability = probabilities("probability", probability)
    log_prediction = as_floats("log_prediction", log_prediction, "floating point numbers")
    _check(probability, log_prediction)
    check_factor("alpha", alpha)
    check_factor("entropy_weight", entropy_weight)
    # Of what an inexact solve has left below 0, the tangent's product would be billions, and w infinite.
    entropy = -(probability * safe_log(probability.clamp(min=0))).sum(1)
    surprise = -(probability * log_prediction.clamp(min=IMPOSSIBLE)).sum(1)
    weight = torch.exp(-alpha * entropy)
    weight = weight.detach() if check_flag("detach_weight", detach_weight) else weight
    return (weight * (surprise - entropy) + entropy_weight * entropy).mean()


def _check(probability: Tensor, log_prediction: Tensor) -> None:
    if probability.ndim not in (2, 4, 5) or probability.shape != log_prediction.shape or probability.numel() == 0:
        raise ValueError(
            "`probability` and `log_prediction` must have one shape, (N, L), (B, L, H, W) or (B, L, D, H, W), L ≥ 1; "
            f"got {tuple(probability.shape)} and {tuple(log_prediction.shape)}."
        )
    check_range("probability", probability)
    total = probability.detach().sum(1)
    wrong = ~((total - 1).abs() <= SLACK)
    if bool(wrong.any()):
        raise ValueError(
            f"`probability` must sum to 1 along axis 1; got the sum {float(total[wrong][0])}. If something kills the "
            "walk, divide by the sum: `p / p.sum(1, keepdim=True)`."
        )
    total = log_prediction.detach().logsumexp(1).exp()
    wrong = ~((total - 1).abs() <= SLACK)
    if bool(wrong.any()):
        raise ValueError(
            "`log_prediction` must be logarithms of probabilities, with sum 1 along axis 1; got the sum "
            f"{float(total[wrong][0])}. Put `torch.log_softmax(logits, 1)` there."
        )


def check_factor(name: str, value: float) -> None:
    """Raise `ValueError` unless `value` is a number, finite and ≥ 0, as the weight of a term of a loss is."""
    if not (is_number(value) and 0 <= value < math.inf):
        raise ValueError(f"`{name}` must be finite and not negative; got {value!r}.")
