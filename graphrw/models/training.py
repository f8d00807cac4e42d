"""Training that can be stopped, and goes on where it was."""

import math
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphrw.core.errors import Cancelled
from graphrw.core.progress import Listener
from graphrw.core.whole import check_positive, check_whole
from graphrw.files.replacing import replacing

KEEP_EVERY = 60.0  # seconds between checkpoints
SHORTEST = 1e-9  # seconds; to divide by
NEARLY = 1e-9  # of a validation: 29 / 50 * 50 is less than 29


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how.

    Args:
        steps: at most, ≥ 1.
        seconds: at most, > 0, in all of a run that was stopped and went on.
        clock: what tells seconds; `time.process_time` counts those of the processor, whatever else runs.
        learning_rate: the largest, > 0; it grows to that in the first tenth of the run, and falls to 0 like a cosine.
        weight_decay: Adam's, ≥ 0.
        validations: how often to validate, ≥ 1; the weights of the best are kept.
        patience: after how many validations in a row without a better one to end, ≥ 1; None: never.
        clip: the largest norm of a step's gradient, > 0: longer ones are shortened to it.

    Raises:
        ValueError: for values out of range.
    """

    steps: int = 1000
    seconds: float = math.inf
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, kw_only=True)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    validations: int = 10
    patience: int | None = None
    clip: float = math.inf

    def __post_init__(self) -> None:
        check_whole("steps", self.steps, 1)
        check_whole("validations", self.validations, 1)
        check_positive("learning_rate", self.learning_rate)
        if self.patience is not None:
            check_whole("patience", self.patience, 1)
        if self.clip != math.inf:
            check_positive("clip", self.clip)


@dataclass(frozen=True)
class Fit:
    """How a training has ended."""

    steps: int
    loss: float  # the best validation's, or without one the mean of the last tenth's


def fit(
    model: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    schedule: Schedule = Schedule(),
    optimizer: torch.optim.Optimizer | None = None,
    validate: Callable[[], Tensor | float] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, float | str | None] | None = None,
    progress: Listener | None = None,
) -> Fit:
    """Train `model`, in place; it ends in evaluation mode, with the weights that validated best.

    A run that goes on from a checkpoint ends with the same weights as one that was never stopped, if `loss` takes all
    its chance from the number of the step, and `schedule` sets no time: how fast a machine is has no part in the rest.

    Args:
        model: what is trained.
        loss: the loss of a step, from its number.
        schedule: how long, and how.
        optimizer: of parameters of the model, with its own rates and decay in place of those of `schedule`. None: Adam.
        validate: the loss that tells which weights are best, called without gradients; of several numbers, (K,), the
            first that differs tells, and NaN is the worst. None: the last weights are.
        checkpoint: a file from which to go on, if it is there, and in which to keep the state every minute; it is gone
            when all is done.
        identity: what else makes the run what it is, by name, such as a seed: one that had another does not go on here.
        progress: told how far it has come; if it returns false, the state is kept and the run ends.

    Raises:
        Cancelled: if `progress` says so.
        ValueError: if the checkpoint is of another model, optimizer or identity, or the loss is no number any more.

    >>> model = nn.Linear(1, 1)
    >>> fit(model, lambda step: (model(torch.ones(1, 1)) - 3).square().sum(), schedule=Schedule(200, learning_rate=0.1))
    Fit(steps=200, loss=...)
    """
    run = _Run(model, schedule, optimizer, dict(identity or {}))
    if checkpoint is not None and checkpoint.exists():
        run.restore(checkpoint)
    kept = time.monotonic()
    model.train()
    while not run.is_done:
        if progress is not None and progress(run.share, run.told) is False:
            if checkpoint is not None:
                run.keep(checkpoint)
            raise Cancelled(f"Stopped after {run.step} of {schedule.steps} steps.")
        due = run.due
        run.go(loss)
        if validate is not None and run.due > due:
            run.judge(validate)
        if checkpoint is not None and time.monotonic() - kept > KEEP_EVERY:
            run.keep(checkpoint)
            kept = time.monotonic()
    if validate is not None and not run.best:  # too little time for one
        run.judge(validate)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return run.end()


class _Run:
    """All that changes while a model is trained."""

    def __init__(
        self,
        model: nn.Module,
        schedule: Schedule,
        optimizer: torch.optim.Optimizer | None,
        identity: dict[str, float | str | None],
    ) -> None:
        self.model, self.schedule, self.step = model, schedule, 0
        self.losses: list[float] = []
        self.best: dict[str, Tensor] = {}
        self.best_losses: tuple[float, ...] = (math.inf,)
        self.worse = 0  # validations since the best
        self.before, self.began = 0.0, schedule.clock()  # seconds before this part of the run, and when it began
        self.has_own_rates = optimizer is not None
        self.optimizer = optimizer or torch.optim.Adam(model.parameters(), 1.0, weight_decay=schedule.weight_decay)
        self.identity = identity | {"the optimizer": type(self.optimizer).__name__}

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1, of the steps or of the time."""
        steps, seconds = self.step / self.schedule.steps, self.seconds / max(self.schedule.seconds, SHORTEST)
        return min(1.0, max(steps, seconds)) if self.losses else 0.0  # one step at least

    @property
    def due(self) -> int:
        """How many validations by now."""
        return math.floor(self.share * self.schedule.validations + NEARLY)

    @property
    def seconds(self) -> float:
        """So far, those before a checkpoint included."""
        return self.before + self.schedule.clock() - self.began

    @property
    def is_done(self) -> bool:
        patience = self.schedule.patience
        return self.share >= 1 or (patience is not None and self.worse >= patience)

    @property
    def told(self) -> str:
        """How it goes, in words."""
        best = f", validation {self.best_losses[0]:.4f}" if self.best else ""
        return f"loss {self._recent():.4f}{best}" if self.losses else "first step"

    def go(self, loss: Callable[[int], Tensor]) -> None:
        """One step."""
        for group in () if self.has_own_rates else self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate * _rate(self.share)
        self.optimizer.zero_grad()
        value = loss(self.step)
        if not math.isfinite(float(value.detach())):
            raise ValueError(f"The loss of step {self.step} is {float(value.detach())}. Take a smaller learning rate.")
        value.backward()
        nn.utils.clip_grad_norm_(self._trained, self.schedule.clip)
        self.optimizer.step()
        self.losses.append(float(value.detach()))
        self.step += 1

    def judge(self, validate: Callable[[], Tensor | float]) -> None:
        """Keep the weights if they are the best so far."""
        self.model.eval()
        with torch.no_grad():
            found = torch.as_tensor(validate()).flatten().tolist()
        losses = tuple(math.inf if math.isnan(each) else each for each in found)  # less than NaN is nothing
        self.model.train()
        self.worse += 1
        if losses < self.best_losses or not self.best:
            self.best_losses, self.worse = losses, 0
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def end(self) -> Fit:
        """Take the best weights."""
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.eval()
        return Fit(self.step, self.best_losses[0] if self.best else self._recent())

    def keep(self, path: Path) -> None:
        """Write all of it, in one go."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }
        state |= {"step": self.step, "losses": self.losses, "best_loss": self.best_losses}
        state |= {"worse": self.worse, "seconds": self.seconds, "identity": self.identity}
        with replacing(path) as unfinished:
            try:
                torch.save(state, unfinished)
            except RuntimeError as error:  # what torch says of a full disk
                raise OSError(f"`{path}` could not be written: {error}") from error

    def restore(self, path: Path) -> None:
        """Read what `keep` has written."""
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            self._check_identity(state.get("identity", {}), path)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.losses = state["step"], state["losses"]
            best = torch.as_tensor(state["best_loss"], dtype=torch.float64)  # a single number in older files
            self.best_losses = tuple(best.flatten().tolist())
            self.best, self.worse, self.before = state["best"], state["worse"], state["seconds"]
        except (RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(f"`{path}` is no checkpoint of this model: delete it to begin anew. ({error})") from error

    def _check_identity(self, before: dict[str, float | str | None], path: Path) -> None:
        for name, value in before.items():
            if value != self.identity.get(name):
                raise ValueError(
                    f"`{path}` is of a run with {name} {value}; this one has {self.identity.get(name)}. Give what it "
                    "had, or delete the file to begin anew."
                )

    @property
    def _trained(self) -> list[Tensor]:
        """What a step changes: no others have their gradients set back, and would add to the norm of this step's."""
        return [each for group in self.optimizer.param_groups for each in group["params"]]

    def _recent(self) -> float:
        recent = self.losses[-max(1, len(self.losses) // 10) :]
        return sum(recent) / len(recent)


def _rate(share: float) -> float:
    return min(1.0, 10 * share + 0.01) * (1 + math.cos(math.pi * share)) / 2
