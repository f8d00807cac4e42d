"""The side losses against torch's own, a loop over pixels, derivatives, and what they refuse."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from graphrw import losses


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def edge_images(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Weights and a target of three labels, in part not labelled, for a batch of this shape."""
    generator = torch.Generator().manual_seed(7)
    weight = torch.rand((shape[0], len(shape) - 1, *shape[1:]), generator=generator, dtype=torch.float64)
    return 0.05 + 0.9 * weight, torch.randint(-1, 3, shape, generator=generator)


def listed(weight: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same as a list of edges, by a loop over pixels."""
    values, edges = [], []
    index = torch.arange(target.numel()).reshape(target.shape)
    for pixel in torch.cartesian_prod(*(torch.arange(extent) for extent in target.shape)).tolist():
        for axis in range(1, target.ndim):
            beside = list(pixel)
            beside[axis] += 1
            if beside[axis] < target.shape[axis]:
                values.append(weight[(pixel[0], axis - 1, *pixel[1:])])
                edges.append([int(index[tuple(pixel)]), int(index[tuple(beside)])])
    return torch.stack(values), torch.tensor(edges).T, target.flatten()


every_image = pytest.mark.parametrize("shape", [(2, 3, 4), (2, 2, 3, 4), (2, 1, 9)], ids=["image", "volume", "row"])


@every_image
def test_the_side_loss_is_torchs_binary_cross_entropy_of_same_label(shape: tuple[int, ...]) -> None:
    weight, target = edge_images(shape)
    values, (tail, head), label = listed(weight, target)
    counts = (label[tail] != -1) & (label[head] != -1)
    same = (label[tail] == label[head]).double()
    assert 0 < int(same[counts].sum()) < int(counts.sum())
    expected = functional.binary_cross_entropy(values[counts], same[counts])
    torch.testing.assert_close(losses.weight_side_loss(weight, target), expected)


@every_image
def test_the_side_loss_of_an_image_is_that_of_its_grid(shape: tuple[int, ...]) -> None:
    weight, target = edge_images(shape)
    for ignore_index in (-1, 2):
        expected = losses.edge_side_loss(*listed(weight, target), ignore_index=ignore_index)
        actual = losses.weight_side_loss(weight, target, ignore_index=ignore_index)
        torch.testing.assert_close(actual, expected)


def test_weights_behind_the_last_pixel_do_not_count_whatever_they_are() -> None:
    weight, target = edge_images((2, 3, 4))
    expected = losses.weight_side_loss(weight, target)
    weight[:, 0, -1], weight[:, 1, :, -1] = 17.0, math.nan
    weight.requires_grad_()
    loss = losses.weight_side_loss(weight, target)
    (gradient,) = torch.autograd.grad(loss, weight)
    assert loss == expected
    assert bool((gradient[:, 0, -1] == 0).all())
    assert bool((gradient[:, 1, :, -1] == 0).all())


def test_edges_with_an_ignored_end_do_not_count() -> None:
    edges, target = torch.tensor([[0, 1, 2, 0], [1, 2, 3, 3]]), torch.tensor([5, 5, -1, 6])
    loss = losses.edge_side_loss(numbers(0.25, 0.1, 0.9, 0.5), edges, target)
    assert float(loss) == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_every_edge_of_a_closed_node_is_cut_also_between_two_of_them() -> None:
    edges, target = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]), torch.tensor([5, 5, 0, 0, -1])
    weight = numbers(0.9, 0.8, 0.6, 0.5)
    loss = losses.edge_side_loss(weight, edges, target, closed_index=0)
    assert float(loss) == pytest.approx(-(math.log(0.9) + math.log(0.2) + math.log(0.4)) / 3)
    assert float(losses.edge_side_loss(weight, edges, target)) < float(loss)


@every_image
def test_closed_pixels_of_an_image_are_those_of_its_grid(shape: tuple[int, ...]) -> None:
    weight, target = edge_images(shape)
    expected = losses.edge_side_loss(*listed(weight, target), closed_index=2)
    torch.testing.assert_close(losses.weight_side_loss(weight, target, closed_index=2), expected)


def test_a_target_that_cuts_no_counted_edge_is_warned_of_at_the_line_that_gave_it() -> None:
    weight, target = torch.ones(1, 2, 3, 3), torch.tensor([[[4, 4, -1], [4, 4, -1], [-1, -1, 9]]])
    with pytest.warns(
        UserWarning, match=r"None of the 4 edges that count is cut: .* pass that as `closed_index`"
    ) as got:
        assert float(losses.weight_side_loss(weight, target)) == 0
    assert [warning.filename for warning in got] == [__file__]
    membrane = torch.where(target == -1, 0, target)
    assert float(losses.weight_side_loss(weight, membrane, closed_index=0)) > 1


def test_one_id_for_what_is_ignored_and_what_is_closed_is_refused() -> None:
    weight, target = edge_images((1, 3, 3))
    with pytest.raises(ValueError, match="`ignore_index` and `closed_index` must differ; got -1 for both"):
        losses.weight_side_loss(weight, target, closed_index=-1)


def test_right_weights_lose_nothing_and_wrong_ones_a_finite_amount() -> None:
    edges, target = torch.tensor([[0, 1], [1, 2]]), torch.tensor([3, 3, 8])
    assert losses.edge_side_loss(numbers(1, 0), edges, target) == 0
    wrong = numbers(0, 1).requires_grad_()
    loss = losses.edge_side_loss(wrong, edges, target)
    (gradient,) = torch.autograd.grad(loss, wrong)
    epsilon = torch.finfo(torch.float64).eps
    assert float(loss.detach()) == pytest.approx(1 - math.log(epsilon))
    assert gradient.tolist() == [-0.5 / epsilon, 0.5 / epsilon]


@every_image
def test_side_losses_have_exact_derivatives_of_both_orders(shape: tuple[int, ...]) -> None:
    weight, target = edge_images(shape)
    weight.requires_grad_()
    assert torch.autograd.gradcheck(losses.weight_side_loss, (weight, target))
    assert torch.autograd.gradgradcheck(losses.weight_side_loss, (weight, target))


def test_edge_side_loss_has_an_exact_derivative() -> None:
    values, edges, target = listed(*edge_images((2, 3, 4)))
    assert torch.autograd.gradcheck(losses.edge_side_loss, (values.requires_grad_(), edges, target))


@pytest.mark.parametrize(
    ("shape", "target_shape"),
    [((1, 3, 4, 4), (1, 4, 4)), ((1, 2, 4, 4), (4, 4)), ((1, 2, 2, 4, 4), (1, 2, 4, 4)), ((4, 4), (4, 4))],
)
def test_weight_images_that_do_not_fit_the_target_are_refused(
    shape: tuple[int, ...], target_shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"`weight` must have shape \(B, 2, H, W\) .* got \(.*\) with \(.*\)\."):
        losses.weight_side_loss(torch.ones(shape), torch.zeros(target_shape, dtype=torch.int64))


@pytest.mark.parametrize(
    ("weight", "edges", "target"),
    [
        (torch.ones(2), torch.zeros(2, 3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)),
        (torch.ones(3, 1), torch.zeros(2, 3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)),
        (torch.ones(3), torch.zeros(2, 3, dtype=torch.int64), torch.zeros(3, 1, dtype=torch.int64)),
        (torch.ones(3), torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64)),
    ],
)
def test_edges_that_do_not_fit_weights_and_target_are_refused(weight: Tensor, edges: Tensor, target: Tensor) -> None:
    with pytest.raises(ValueError, match=r"shapes \(E,\), \(2, E\) and \(N,\); got"):
        losses.edge_side_loss(weight, edges, target)


@pytest.mark.parametrize("node", [3, -1])
def test_edges_that_name_unknown_nodes_are_refused(node: int) -> None:
    with pytest.raises(ValueError, match=f"`edges` names node {node}, but `target` has 3 nodes"):
        losses.edge_side_loss(torch.ones(1), torch.tensor([[0], [node]]), torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize("value", [1.001, -0.001, math.nan])
def test_edge_weights_outside_the_unit_interval_are_refused(value: float) -> None:
    weight, target = edge_images((2, 3, 4))
    weight[:, :, 1, 1], target[:] = value, 0
    with pytest.raises(ValueError, match=f"`weight` must lie in .*got {value}"):
        losses.weight_side_loss(weight, target)


def test_integer_edge_weights_are_refused() -> None:
    edges, target = torch.tensor([[0], [1]]), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"`weight` must be floating point numbers .* got torch.int64"):
        losses.edge_side_loss(torch.ones(1, dtype=torch.int64), edges, target)


def test_side_losses_without_any_labelled_edge_are_refused() -> None:
    target = torch.tensor([[[0, -1], [-1, 0]]])
    with pytest.raises(ValueError, match=r"No edge is left to score: of 4, all have an end with target -1"):
        losses.weight_side_loss(torch.ones(1, 2, 2, 2), target)
    with pytest.raises(ValueError, match="No edge is left to score: of 0"):
        losses.edge_side_loss(torch.ones(0), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0]))


def test_side_losses_refuse_targets_of_another_type_or_without_pixels() -> None:
    with pytest.raises(ValueError, match=r"int64 labels; got torch\.float32"):
        losses.weight_side_loss(torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match=r"nothing to score: `target` has shape \(1, 0, 2\)"):
        losses.weight_side_loss(torch.ones(1, 2, 0, 2), torch.zeros(1, 0, 2, dtype=torch.int64))
