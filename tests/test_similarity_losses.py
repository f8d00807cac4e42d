"""The losses on similarities against their formulas, derivatives, and what they refuse."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from graphrw.losses.similarity import kernel_matching, segment_matching

ANNOTATORS = torch.tensor([[4, 4, 4, 0, 0, 9], [1, 1, 2, 2, 2, 2], [0, -1, 0, 1, -1, 1]])


def kernel(nodes: int, seed: int = 0) -> Tensor:
    points = torch.randn(nodes, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.exp(-torch.cdist(points, points))


def truth(labels: Tensor) -> Tensor:
    return (labels[:, None] == labels).double()


def chosen_rows() -> tuple[Tensor, Tensor]:
    """Three rows of a similarity of six pixels, and the pixels they belong to."""
    pixels = torch.tensor([2, 5, 1])
    return kernel(6)[pixels], pixels


# --- kernel matching ------------------------------------------------------------------------------------------------


def test_kernel_matching_is_one_minus_torchs_cosine_similarity() -> None:
    labels, similarity = ANNOTATORS[0], kernel(6)
    cosine = functional.cosine_similarity(similarity.flatten(), truth(labels).flatten(), dim=0)
    torch.testing.assert_close(kernel_matching(similarity, labels), 1 - cosine)


def test_annotators_are_averaged() -> None:
    similarity = kernel(6)
    each = torch.stack([kernel_matching(similarity, labels) for labels in ANNOTATORS])
    assert len(each.unique()) == 3
    torch.testing.assert_close(kernel_matching(similarity, ANNOTATORS), each.mean())


def test_nodes_that_an_annotator_did_not_label_might_as_well_be_absent() -> None:
    similarity, labels = kernel(6), ANNOTATORS[2]
    seen = labels >= 0
    expected = kernel_matching(similarity[seen][:, seen], labels[seen])
    torch.testing.assert_close(kernel_matching(similarity, labels), expected)
    torch.testing.assert_close(kernel_matching(similarity, labels + 256, ignore_index=255), expected)


def test_annotators_who_labelled_nothing_do_not_count() -> None:
    padded = torch.cat([ANNOTATORS, torch.full((4, 6), -1)])
    assert kernel_matching(kernel(6), padded) == kernel_matching(kernel(6), ANNOTATORS)


def test_the_true_kernel_loses_nothing_at_any_scale() -> None:
    for scale in (0.01, 1.0, 50.0):
        similarity = scale * truth(ANNOTATORS[0])
        torch.testing.assert_close(kernel_matching(similarity, ANNOTATORS[0]), similarity.new_tensor(0.0))


def test_similarities_between_segments_alone_lose_one() -> None:
    assert kernel_matching(1 - truth(ANNOTATORS[0]), ANNOTATORS[0]) == 1


def test_the_names_of_segments_do_not_matter() -> None:
    renamed = torch.tensor([70, 3, 2, 0, 11, 5, 6, 8, 9, 1])[ANNOTATORS[:2]]
    assert kernel_matching(kernel(6), renamed) == kernel_matching(kernel(6), ANNOTATORS[:2])


def test_all_alike_and_two_halves_are_an_eighth_of_a_turn_apart() -> None:
    loss = kernel_matching(torch.ones(8, 8, dtype=torch.float64), torch.tensor([0] * 4 + [1] * 4))
    assert float(loss) == pytest.approx(1 - math.cos(math.pi / 4), rel=1e-12)


def test_kernel_matching_has_exact_derivatives_of_both_orders() -> None:
    similarity = kernel(6).requires_grad_()
    assert torch.autograd.gradcheck(lambda k: kernel_matching(k, ANNOTATORS), similarity)
    assert torch.autograd.gradgradcheck(lambda k: kernel_matching(k, ANNOTATORS), similarity)


def test_pairs_that_do_not_count_have_no_gradient_even_where_they_are_huge() -> None:
    similarity = kernel(6)
    similarity[1] = similarity[:, 1] = 1e300
    similarity.requires_grad_()
    kernel_matching(similarity, ANNOTATORS[2]).backward()
    assert similarity.grad is not None
    assert bool((similarity.grad[[1, 4]] == 0).all())
    assert bool((similarity.grad[:, [1, 4]] == 0).all())
    assert bool(similarity.grad[0, [0, 2, 3, 5]].abs().min() > 0)


def test_a_descent_on_kernel_matching_finds_the_segments() -> None:
    points = kernel(6)[:, :3].clone().requires_grad_()
    optimiser = torch.optim.Adam([points], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = kernel_matching(torch.exp(-torch.cdist(points, points).square()), ANNOTATORS[0])
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.01


# --- segment matching -----------------------------------------------------------------------------------------------


def test_segment_matching_is_torchs_l1_loss_to_the_masks() -> None:
    rows, pixels = chosen_rows()
    masks = truth(ANNOTATORS[1])[pixels]
    torch.testing.assert_close(segment_matching(rows, ANNOTATORS[1], pixels), functional.l1_loss(rows, masks))


def test_rows_of_pixels_without_a_label_do_not_count() -> None:
    rows, pixels = chosen_rows()  # of which the last is not labelled by the third annotator
    labels, seen = ANNOTATORS[2], ANNOTATORS[2] >= 0
    expected = functional.l1_loss(rows[:2, seen], truth(labels)[pixels[:2]][:, seen])
    torch.testing.assert_close(segment_matching(rows, labels, pixels), expected)


def test_annotators_of_rows_are_averaged_too() -> None:
    rows, pixels = chosen_rows()
    each = torch.stack([segment_matching(rows, labels, pixels) for labels in ANNOTATORS])
    torch.testing.assert_close(segment_matching(rows, ANNOTATORS, pixels), each.mean())


def test_the_masks_themselves_lose_nothing_and_their_negatives_everything() -> None:
    _, pixels = chosen_rows()
    masks = truth(ANNOTATORS[0])[pixels]
    assert segment_matching(masks, ANNOTATORS[0], pixels) == 0
    assert segment_matching(1 - masks, ANNOTATORS[0], pixels) == 1


def test_segment_matching_has_exact_derivatives() -> None:
    rows, pixels = chosen_rows()
    rows = (0.1 + 0.8 * rows).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: segment_matching(r, ANNOTATORS, pixels), rows)


def test_both_losses_serve_function_transforms() -> None:
    rows, pixels = chosen_rows()
    losses: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [
        (lambda k: kernel_matching(k, ANNOTATORS), kernel(6)),
        (lambda r: segment_matching(r, ANNOTATORS, pixels), rows),
    ]
    for loss, given in losses:
        leaf = given.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(leaf), leaf)
        torch.testing.assert_close(torch.func.grad(loss)(given), expected)


def test_both_losses_keep_single_precision() -> None:
    rows, pixels = chosen_rows()
    for single, double in (
        (kernel_matching(kernel(6).float(), ANNOTATORS), kernel_matching(kernel(6), ANNOTATORS)),
        (segment_matching(rows.float(), ANNOTATORS, pixels), segment_matching(rows, ANNOTATORS, pixels)),
    ):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-6)


# --- what they refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "target"), [((6, 5), (6,)), ((5, 5), (6,)), ((6,), (6,)), ((6, 6), (1, 1, 6)), ((6, 6), (6, 3))]
)
def test_kernels_and_labels_that_do_not_belong_together_are_refused(
    shape: tuple[int, ...], target: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, N\), and `target` \(N,\) or \(A, N\); got \([0-9, ]+\) and \("):
        kernel_matching(torch.ones(shape), torch.zeros(target, dtype=torch.int64))


def test_integer_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`similarity` must be floating point numbers; got torch\.int64"):
        kernel_matching(torch.ones(6, 6, dtype=torch.int64), ANNOTATORS)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_kernels_that_are_not_finite_are_refused(value: float) -> None:
    similarity = kernel(6)
    similarity[2, 3] = value
    with pytest.raises(ValueError, match=f"`similarity` must be finite; got {value}"):
        kernel_matching(similarity, ANNOTATORS)


def test_a_kernel_of_zeros_is_refused() -> None:
    with pytest.raises(ValueError, match="`similarity` is 0 between all labelled nodes"):
        kernel_matching(torch.zeros(6, 6), ANNOTATORS)


def test_nothing_labelled_is_refused() -> None:
    rows, pixels = chosen_rows()
    with pytest.raises(ValueError, match=r"No node is left to score: all 6 have target -1 \(`ignore_index`\)"):
        kernel_matching(kernel(6), torch.full((3, 6), -1))
    with pytest.raises(
        ValueError, match=r"No row is left to score: the pixels of all 3 have target 2 .* Draw `pixels`"
    ):
        segment_matching(rows, torch.tensor([1, 2, 2, 1, 1, 2]), pixels, ignore_index=2)


def test_labels_of_another_type_are_refused() -> None:
    rows, pixels = chosen_rows()
    with pytest.raises(ValueError, match=r"int64 labels; got torch\.int32"):
        kernel_matching(kernel(6), ANNOTATORS.int())
    with pytest.raises(ValueError, match=r"int64 labels; got torch\.int32"):
        segment_matching(rows, ANNOTATORS.int(), pixels)


@pytest.mark.parametrize(
    ("rows", "target", "pixels"), [((3, 6), (5,), 3), ((3, 6), (6,), 2), ((6,), (6,), 6), ((3, 6), (2, 2, 6), 3)]
)
def test_rows_and_labels_that_do_not_belong_together_are_refused(
    rows: tuple[int, ...], target: tuple[int, ...], pixels: int
) -> None:
    with pytest.raises(ValueError, match=r"shapes \(R, N\), \(N,\) or \(A, N\), and \(R,\); got"):
        segment_matching(torch.ones(rows), torch.zeros(target, dtype=torch.int64), torch.arange(pixels))


@pytest.mark.parametrize("pixel", [6, -1])
def test_pixels_out_of_range_are_named(pixel: int) -> None:
    rows, _ = chosen_rows()
    with pytest.raises(ValueError, match=rf"`pixels` must lie in \[0, 6\).* got {pixel}\."):
        segment_matching(rows, ANNOTATORS, torch.tensor([0, pixel, 1]))


def test_pixels_that_are_no_indices_are_refused() -> None:
    rows, pixels = chosen_rows()
    with pytest.raises(ValueError, match=r"`pixels` must be int64 indices, at least one; got 3 of torch\.float32"):
        segment_matching(rows, ANNOTATORS, pixels.float())
    with pytest.raises(ValueError, match=r"at least one; got 0 of torch\.int64"):
        segment_matching(rows[:0], ANNOTATORS, pixels[:0])


@pytest.mark.parametrize("value", [-0.5, 1.5, math.nan])
def test_rows_out_of_range_are_refused(value: float) -> None:
    rows, pixels = chosen_rows()
    rows[1, 4] = value
    with pytest.raises(ValueError, match=rf"`rows` must lie in \[0, 1\]; got {value}"):
        segment_matching(rows, ANNOTATORS, pixels)
