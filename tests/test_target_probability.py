"""The probabilities of the labels that are right, without those of all others in memory."""

import pytest
import torch
from test_most_probable import seeded
from torch import Tensor

import graphrw as rw
from graphrw.functional import target_probability
from graphrw.testing import sample_graphs


def right_labels(nodes: int, num_labels: int) -> Tensor:
    target = torch.arange(nodes) % num_labels
    target[::5] = -1
    return target


def all_at_once(walk: rw.Walk, seeds: Tensor, target: Tensor) -> Tensor:
    z = rw.hitting_probabilities(walk, seeds)
    return torch.where(target >= 0, z.gather(1, target.clamp(min=0)[:, None]).squeeze(1), 0.0)


@pytest.mark.parametrize("name", ["grid", "directed", "batched"])
def test_it_is_what_all_probabilities_say_with_their_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphrw.functional.target.LABELS_AT_ONCE", 2)
    walk, seeds = seeded(sample_graphs()[name], 3)
    target = right_labels(walk.graph.num_nodes, 3)
    weight = walk.weight.clone().requires_grad_()
    killing = walk.killing.clone().requires_grad_()
    moves = rw.walk(walk.graph, weight, killing)
    found, expected = target_probability(moves, seeds, target), all_at_once(moves, seeds, target)
    torch.testing.assert_close(found, expected)
    chance = torch.rand(len(found), generator=torch.Generator().manual_seed(1), dtype=found.dtype)
    for one, other in zip(
        torch.autograd.grad((found * chance).sum(), (weight, killing)),
        torch.autograd.grad((expected * chance).sum(), (weight, killing)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_its_gradient_is_that_of_finite_differences() -> None:
    walk, seeds = seeded(rw.grid_graph((3, 3)), 3)
    target = right_labels(9, 3)

    def loss(weight: Tensor) -> Tensor:
        return target_probability(rw.walk(walk.graph, weight, 0.1), seeds, target).square().sum()

    assert torch.autograd.gradcheck(loss, walk.weight.clone().requires_grad_())


def test_no_solve_has_more_columns_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, seeds = seeded(rw.grid_graph((8, 8)), 40)
    weight = walk.weight.clone().requires_grad_()
    with rw.record_solves() as reports:
        target_probability(rw.walk(walk.graph, weight), seeds, torch.arange(64) % 40).square().sum().backward()
    assert max(report.num_columns for report in reports) == 16
    assert len(reports) == 9  # three blocks: forward, again in backward, and the adjoint


def test_a_target_beyond_the_labels_is_named() -> None:
    walk, seeds = seeded(rw.grid_graph((3, 3)), 3)
    with pytest.raises(ValueError, match="`target` must lie from −1 to 2"):
        target_probability(walk, seeds, torch.full((9,), 3))


@pytest.mark.parametrize("changed", ["weight", "seeds", "target"])
def test_what_is_changed_in_place_before_backward_changes_no_gradient(changed: str) -> None:
    walk, kept = seeded(rw.grid_graph((5, 5)), 2)
    slopes = []
    for change in (False, True):
        weight = torch.nn.Parameter(walk.weight.clone())
        seeds, target = kept.clone(), right_labels(25, 2)
        found = target_probability(rw.walk(walk.graph, weight, 0.1), seeds, target)
        if change:
            with torch.no_grad():  # as by a step of an optimiser, or a loader that fills its tensors again
                {"weight": weight, "seeds": seeds, "target": target}[changed].add_(1)
        found.square().sum().backward()
        slopes.append(weight.grad)
    torch.testing.assert_close(*slopes, rtol=0, atol=0)


def test_reverse_mode_of_torch_func_is_refused_in_words_and_forward_mode_is_right() -> None:
    walk, seeds = seeded(rw.grid_graph((3, 3)), 2)
    target = right_labels(9, 2)

    def found(weight: Tensor) -> Tensor:
        return target_probability(rw.walk(walk.graph, weight, 0.1), seeds, target)

    weight = walk.weight.detach()
    for transform in (torch.func.jacrev, torch.func.hessian):
        with pytest.raises(NotImplementedError, match="take `hitting_probabilities`"):
            transform(found)(weight)
    expected = torch.autograd.functional.jacobian(found, weight)
    direction = torch.linspace(-1, 1, len(weight), dtype=weight.dtype)
    _, slope = torch.func.jvp(found, (weight,), (direction,))
    torch.testing.assert_close(slope, expected @ direction)
