"""Training: it learns, can be stopped, and goes on as if nothing had happened."""

import contextlib
import itertools
import os
from pathlib import Path

import pytest
import torch

from graphrw.core.errors import Cancelled
from graphrw.models import LearnedRandomWalker
from graphrw.models.examples import Example, piece, step_loss, validation_pieces
from graphrw.models.training import Fit, Schedule, fit


def stripes(size: int = 24) -> Example:
    """A dark segment between two bright ones."""
    segments = (torch.arange(size) // 9).expand(size, size).contiguous()
    image = torch.where(segments == 1, -1.0, 1.0)[None]
    return Example("stripes", image + 0.1 * torch.randn(1, size, size), segments)


def model() -> LearnedRandomWalker:
    torch.manual_seed(0)
    return LearnedRandomWalker(1, width=4)


def trained(checkpoint: Path | None = None, stop_at: int | None = None, steps: int = 12) -> LearnedRandomWalker:
    """After some steps, or up to one."""
    torch.manual_seed(1)
    examples, learner = [stripes()], model()
    pieces = validation_pieces(examples, crop=16, stride=2)

    def loss(step: int) -> torch.Tensor:
        return step_loss(learner, piece(examples, step, crop=16, stride=2))

    def progress(share: float, what: str) -> bool:
        return stop_at is None or round(share * steps) < stop_at

    fit(
        learner,
        loss,
        schedule=Schedule(steps, validations=4),
        validate=lambda: step_loss(learner, pieces[0], side=0),
        checkpoint=checkpoint,
        progress=progress,
    )
    return learner


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    expected = trained().state_dict()
    path = tmp_path / "run.checkpoint"
    for stop in (2, 7):
        with pytest.raises(Cancelled, match=f"Stopped after {stop} of 12 steps"):
            trained(path, stop)
        assert os.listdir(tmp_path) == [path.name]
    found = trained(path).state_dict()
    assert os.listdir(tmp_path) == []
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_it_learns() -> None:
    torch.manual_seed(0)
    examples, learner = [stripes()], LearnedRandomWalker(1, width=16)
    judged = validation_pieces(examples, crop=24, stride=2)
    before = float(step_loss(learner, judged[0], side=0).detach())
    fit(
        learner,
        lambda step: step_loss(learner, piece(examples, step, crop=24, stride=2)),
        schedule=Schedule(200, learning_rate=3e-3),
    )
    assert float(step_loss(learner, judged[0], side=0).detach()) < before / 2
    assert not learner.training


def test_the_weights_that_validated_best_are_kept() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    losses = iter([3.0, 1.0, 2.0])
    seen: list[float] = []

    def validate() -> torch.Tensor:
        seen.append(float(layer.weight.detach()))
        return torch.tensor(next(losses))

    done = fit(layer, lambda step: layer.weight.sum(), schedule=Schedule(3, validations=3), validate=validate)
    assert done == Fit(3, 1.0)
    assert float(layer.weight.detach()) == seen[1]


def test_time_ends_a_run_after_a_step() -> None:
    layer = torch.nn.Linear(1, 1)
    assert fit(layer, lambda step: layer.weight.sum(), schedule=Schedule(1000, seconds=0)).steps == 1


def test_a_loss_that_is_no_number_is_an_error() -> None:
    layer = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="smaller learning rate"):
        fit(layer, lambda step: layer.weight.sum() * torch.nan)


def test_a_checkpoint_from_when_validation_was_one_number_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    with pytest.raises(Cancelled):
        trained(path, 7)
    state = torch.load(path, weights_only=True)
    torch.save({**state, "best_loss": state["best_loss"][0]}, path)
    found, expected = trained(path).state_dict(), trained().state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    with pytest.raises(Cancelled):
        trained(path, 2)
    layer = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="no checkpoint of this model"):
        fit(layer, lambda step: layer.weight.sum(), checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no checkpoint of this model"):
        fit(layer, lambda step: layer.weight.sum(), checkpoint=path)


def test_a_checkpoint_of_another_run_says_what_was_different(tmp_path: Path) -> None:
    layer, path = torch.nn.Linear(1, 1), tmp_path / "run.checkpoint"
    for seed, error in ((3, Cancelled), (4, ValueError)):
        with pytest.raises(error, match=r"Stopped|`.*run.checkpoint` is of a run with a seed of 3; this one has 4\."):
            fit(
                layer,
                lambda step: layer.weight.sum(),
                checkpoint=path,
                identity={"a seed of": seed},
                progress=lambda share, what: False,
            )


def test_patience_ends_a_run_that_gets_no_better() -> None:
    layer = torch.nn.Linear(1, 1)
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.5])
    done = fit(
        layer,
        lambda step: layer.weight.sum(),
        schedule=Schedule(10, validations=10, patience=2),
        validate=lambda: torch.tensor(next(losses)),
    )
    assert done == Fit(4, 1.0)


@pytest.mark.parametrize("steps", [50, 300])
def test_as_many_validations_as_steps_are_one_after_each(steps: int) -> None:
    layer, after = torch.nn.Linear(1, 1), []
    done: list[int] = []

    def validate() -> torch.Tensor:
        after.append(len(done))
        return torch.tensor(1.0)

    def loss(step: int) -> torch.Tensor:
        done.append(step)
        return layer.weight.sum()

    fit(layer, loss, schedule=Schedule(steps, validations=steps), validate=validate)
    assert after == [*range(1, steps + 1)]


def test_of_several_validation_losses_the_first_that_differs_tells() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    losses = iter([[1.0, 5.0], [1.0, 4.0], [2.0, 0.0], [1.0, 4.0]])
    seen: list[float] = []

    def validate() -> torch.Tensor:
        seen.append(float(layer.weight.detach()))
        return torch.tensor(next(losses))

    done = fit(layer, lambda step: layer.weight.sum(), schedule=Schedule(4, validations=4), validate=validate)
    assert done == Fit(4, 1.0)
    assert float(layer.weight.detach()) == seen[1]


def test_a_validation_may_give_a_number_and_nan_is_none_of_the_best() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    losses = iter([float("nan"), 2.0, float("nan"), 3.0])
    schedule = Schedule(4, validations=4)
    assert fit(layer, lambda step: layer.weight.sum(), schedule=schedule, validate=lambda: next(losses)) == Fit(4, 2.0)


def test_an_optimizer_that_is_given_keeps_its_rates_and_goes_on(tmp_path: Path) -> None:
    target, path = torch.tensor([[1.0, -2.0]]), tmp_path / "run.checkpoint"

    def begun() -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(2, 1)
        groups = [{"params": [layer.weight], "weight_decay": 0.5}, {"params": [layer.bias], "lr": 0.3}]
        return layer, torch.optim.AdamW(groups, lr=0.1, weight_decay=0.0)

    def loss(layer: torch.nn.Linear) -> torch.Tensor:
        return (layer(target) - 3).square().sum()

    expected, optimizer = begun()
    for _ in range(20):
        optimizer.zero_grad()
        loss(expected).backward()
        optimizer.step()
    for stop in (8 / 20, 2.0):
        layer, optimizer = begun()
        with contextlib.suppress(Cancelled):
            fit(
                layer,
                lambda step, layer=layer: loss(layer),
                schedule=Schedule(20),
                optimizer=optimizer,
                checkpoint=path,
                progress=lambda share, what, stop=stop: share < stop,
            )
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(layer.state_dict()[name], value, rtol=0, atol=0)


def test_no_optimizer_goes_on_from_the_state_of_another(tmp_path: Path) -> None:
    layer, path = torch.nn.Linear(1, 1), tmp_path / "run.checkpoint"
    for optimizer, error in ((torch.optim.SGD(layer.parameters(), 0.1), Cancelled), (None, ValueError)):
        with pytest.raises(error, match=r"Stopped|is of a run with the optimizer SGD; this one has Adam\."):
            fit(
                layer,
                lambda step: layer.weight.sum(),
                optimizer=optimizer,
                checkpoint=path,
                progress=lambda share, what: share < 1e-3,
            )


def test_long_gradients_are_shortened() -> None:
    layer = torch.nn.Linear(1, 1)
    fit(layer, lambda step: 1e6 * layer.weight.sum(), schedule=Schedule(1, clip=0.5))
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[0.5]]))


def test_of_some_parameters_the_gradient_alone_is_shortened() -> None:
    held, layer = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    pair, before = torch.nn.Sequential(held, layer), float(layer.weight.detach())
    optimizer = torch.optim.SGD(layer.parameters(), 0.25)
    schedule = Schedule(2, clip=1.0)
    fit(pair, lambda step: (1e6 * held.weight + layer.weight).sum(), schedule=schedule, optimizer=optimizer)
    assert float(layer.weight.detach()) == pytest.approx(before - 0.5, abs=1e-4)


def test_time_before_a_checkpoint_counts(tmp_path: Path) -> None:
    clock = itertools.count(0.0)
    layer, path = torch.nn.Linear(1, 1), tmp_path / "run.checkpoint"
    schedule = Schedule(10**6, seconds=200, clock=lambda: next(clock))

    def steps(stop_at: float) -> int:
        done = []

        def loss(step: int) -> torch.Tensor:
            done.append(step)
            return layer.weight.sum()

        try:
            fit(layer, loss, schedule=schedule, checkpoint=path, progress=lambda share, what: share < stop_at)
        except Cancelled:
            return len(done)
        return len(done)

    whole = steps(2.0)
    parts = [steps(0.5), steps(2.0)]
    assert sum(parts) == pytest.approx(whole, abs=2)
    assert min(parts) > whole / 3


@pytest.mark.parametrize(
    "options", [{"patience": 0}, {"clip": 0.0}, {"steps": 0}, {"validations": 0}, {"learning_rate": 0.0}]
)
def test_a_schedule_out_of_range_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Schedule(**options)


def test_a_piece_has_one_seed_in_each_segment_that_counts() -> None:
    for step in range(20):
        part = piece([stripes()], step, crop=17, stride=2)
        ids = part.seeds[part.seeds >= 0]
        assert ids.tolist() == list(dict.fromkeys(ids.tolist()))
        assert sorted(ids.tolist()) == list(range(len(ids)))
        assert torch.equal(part.target[part.seeds >= 0], ids)
        assert set(part.target.unique().tolist()) - {-1} == set(ids.tolist())
        assert part.image.shape[2:] == part.target.shape[1:]


def test_pieces_hang_on_their_number_and_seed_alone() -> None:
    torch.manual_seed(0)
    example = stripes()
    first = piece([example], 5, crop=12, stride=2, seed=3)
    torch.manual_seed(9)
    assert torch.equal(first.image, piece([example], 5, crop=12, stride=2, seed=3).image)
    others = [piece([example], 5, crop=12, stride=2, seed=4), piece([example], 6, crop=12, stride=2, seed=3)]
    assert not any(torch.equal(first.image, other.image) for other in others)


def test_volumes_are_turned_too() -> None:
    segments = (torch.arange(12) // 6).expand(8, 12, 12).contiguous()
    part = piece([Example("volume", torch.zeros(1, 8, 12, 12), segments)], 0, crop=12, stride=2)
    assert part.target.shape == (1, 8, 12, 12)


def test_labels_without_two_segments_are_refused_by_name() -> None:
    lonely = Example("lonely.png", torch.zeros(1, 8, 8), torch.zeros(8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"no two segments in `lonely\.png`.*look at the labels"):
        piece([lonely], 0, crop=8, stride=2)


def test_a_crop_that_holds_no_two_segments_is_refused_by_name() -> None:
    halves = Example("halves.png", torch.zeros(1, 8, 8), torch.arange(8).expand(8, 8) // 4)
    with pytest.raises(ValueError, match=r"No part of 2 pixels .* in `halves\.png`: make `crop` larger"):
        piece([halves], 0, crop=2, stride=2)
