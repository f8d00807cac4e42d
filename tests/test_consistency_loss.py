"""Answers under dropout are to agree."""

import pytest
import torch

from graphrw.losses import consistency_loss


def test_it_is_the_distance_to_the_sharpened_mean() -> None:
    answers = torch.rand(3, 5, 4, dtype=torch.float64).softmax(2)
    target = answers.mean(0) ** 4
    target = target / target.sum(1, keepdim=True)
    expected = sum(float(((answers[s, i] - target[i]) ** 2).sum()) for s in range(3) for i in range(5)) / 15
    assert float(consistency_loss(answers, temperature=0.25)) == pytest.approx(expected)


def test_the_target_gets_no_gradient() -> None:
    answers = torch.tensor([[[0.8, 0.2]], [[0.6, 0.4]]], dtype=torch.float64, requires_grad=True)
    consistency_loss(answers, temperature=1.0).backward()
    torch.testing.assert_close(answers.grad, torch.tensor([[[0.1, -0.1]], [[-0.1, 0.1]]], dtype=torch.float64))


def test_agreeing_answers_that_are_sure_cost_nothing_and_unsure_ones_something() -> None:
    assert float(consistency_loss(torch.eye(3).expand(2, 3, 3))) == 0
    assert float(consistency_loss(torch.tensor([[[0.7, 0.3]]] * 2))) > 0


@pytest.mark.parametrize("shape", [(3, 4), (0, 3, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"`probability` must be \(S, N, L\), not empty"):
        consistency_loss(torch.zeros(shape))
