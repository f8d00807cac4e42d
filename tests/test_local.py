"""Steps and losses among all pixels within a radius, beside the same from lists of edges."""

import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw.build import l1_affinity
from graphrw.functional import local_affinity_loss, local_step

CASES = [((9,), 3.0), ((13, 30), 4.5), ((6, 5), 40.0), ((4, 6, 40), 2.3), ((1, 7), 2.0), ((20, 1), 3.0), ((3, 47), 1.0)]


def problem(shape: tuple[int, ...], images: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values, features and coefficients that need gradients, and labels, some of which do not count."""
    torch.manual_seed(0)
    f, features = (torch.randn(images, size, *shape, dtype=torch.float64, requires_grad=True) for size in (4, 3))
    beta = torch.rand(3, dtype=torch.float64, requires_grad=True)
    return f, features, beta, torch.randint(-1, 3, (images, *shape))


def listed(features: Tensor, beta: Tensor, radius: float) -> tuple[rw.Graph, Tensor]:
    """All edges of the images, and their weights."""
    graph = rw.Graph.batch([rw.grid_graph(tuple(features.shape[2:]), radius=radius)] * len(features))
    return graph, l1_affinity(graph, features.movedim(1, -1).flatten(0, -2), beta)


@pytest.mark.parametrize(("shape", "radius"), CASES)
def test_a_local_step_and_its_gradients_are_those_of_a_list_of_edges(shape: tuple[int, ...], radius: float) -> None:
    f, features, beta, _ = problem(shape)
    graph, weight = listed(features, beta, radius)
    rows = f.movedim(1, -1)
    expected = rw.step(rw.walk(graph, weight), rows.flatten(0, -2)).view(rows.shape).movedim(-1, 1)
    found = local_step(f, features, beta, radius)
    torch.testing.assert_close(found, expected)
    upon, inputs = torch.randn_like(found), (f, features, beta)
    torch.testing.assert_close(torch.autograd.grad(found, inputs, upon), torch.autograd.grad(expected, inputs, upon))


@pytest.mark.parametrize(("shape", "radius"), CASES)
def test_the_balanced_loss_is_the_mean_of_both_kinds_of_edges(shape: tuple[int, ...], radius: float) -> None:
    _, features, beta, target = problem(shape)
    graph, weight = listed(features, beta, radius)
    tail, head = target.flatten()[graph.edges]
    counts = (tail >= 0) & (head >= 0)
    same, other = weight[counts & (tail == head)], weight[counts & (tail != head)]
    expected = (1 - same).square().mean() / 2 + other.square().mean() / 2
    found = local_affinity_loss(features, beta, target, radius)
    torch.testing.assert_close(found, expected)
    inputs = (features, beta)
    torch.testing.assert_close(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs))


def test_derivatives_of_local_steps_are_those_of_differences() -> None:
    f, features, beta, target = problem((3, 9), images=1)
    assert torch.autograd.gradcheck(lambda *inputs: local_step(*inputs, 2.0), (f, features, beta))
    assert torch.autograd.gradcheck(lambda *inputs: local_affinity_loss(*inputs, target, 2.0), (features, beta))


def test_blocks_in_parts_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    f, features, beta, target = problem((13, 30))
    whole = local_step(f, features, beta, 4.5), local_affinity_loss(features, beta, target, 4.5)
    monkeypatch.setattr("graphrw.functional.bands.AT_ONCE", 300)
    monkeypatch.setattr("graphrw.functional.bands.FEW", 0)
    torch.testing.assert_close(
        (local_step(f, features, beta, 4.5), local_affinity_loss(features, beta, target, 4.5)), whole
    )


def test_a_step_in_float32_keeps_its_type() -> None:
    f, features, beta, _ = problem((5, 8))
    assert local_step(f.float(), features.float(), beta.float(), 2.0).dtype == torch.float32
    assert local_step(f.float(), features, beta, 2.0).dtype == torch.float64


def test_pixels_without_neighbours_gather_nothing() -> None:
    assert local_step(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), 1.0, 2.0).item() == 0
    far = torch.tensor([[[0.0, 1e6, 0.0]]])  # every weight underflows
    assert local_step(torch.ones(1, 1, 3), far, 1.0, 1.0).tolist() == [[[0.0, 0.0, 0.0]]]


def test_a_loss_with_pairs_of_one_kind_is_the_mean_of_these() -> None:
    features = torch.arange(3.0)[None, None]
    loss = local_affinity_loss(features, 1.0, torch.tensor([[2, 2, 2]]), 1.0)
    torch.testing.assert_close(loss, (1 - torch.exp(torch.tensor(-1.0))).square())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": torch.zeros(1, 1, 5, 5)}, "`f` and `features` must have the same pixels"),
        ({"features": torch.zeros(2, 2)}, "`features` must be"),
        ({"beta": -1.0}, "`beta` must be finite and not negative"),
        ({"beta": torch.ones(3)}, "one for each channel"),
        ({"radius": 0.5}, "`radius` must be finite"),
        ({"f": torch.full((1, 1, 4, 4), torch.nan)}, "`f` must be finite"),
    ],
)
def test_what_does_not_fit_a_local_step_is_named(change: dict[str, object], message: str) -> None:
    arguments = {"f": torch.zeros(1, 1, 4, 4), "features": torch.zeros(1, 1, 4, 4), "beta": 1.0, "radius": 2.0}
    with pytest.raises(ValueError, match=message):
        local_step(**{**arguments, **change})


def test_a_loss_of_no_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="No pair is left to score"):
        local_affinity_loss(torch.zeros(1, 1, 2, 2), 1.0, torch.tensor([[[0, -1], [-1, -1]]]), 1.0)
