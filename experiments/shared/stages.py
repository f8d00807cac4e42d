"""Trainings in stages, each of which can be stopped, and is done once."""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

from experiments.shared.command import Training, device_of
from experiments.shared.results import options_of
from graphrw.cli.bars import bar
from graphrw.core.errors import Cancelled
from graphrw.core.progress import Listener
from graphrw.files.replacing import replacing
from graphrw.models.training import Schedule, fit

LOG_EVERY = 30.0  # seconds


def stage(
    name: str,
    model: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    command: Training,
    schedule: Schedule,
    validate: Callable[[], Tensor] | None = None,
    heard: Callable[[float], None] = lambda share: None,
) -> None:
    """Train `model` as `fit` does, with all that belongs to it in the folder `command.out`.

    There are then `NAME.pt`, the weights, `NAME.json`, the options, and `log.txt`. If `NAME.pt` is there already, the
    stage is done and its weights are read; a checkpoint, as Ctrl-C or a signal leaves it, is gone on from. `heard` is
    told before each step which share of the stage is done, of its steps or of its time.
    """
    out = command.out
    if out is None:
        raise SystemExit("Where do checkpoints and weights go? Give --out DIR, outside the repository.")
    out.mkdir(parents=True, exist_ok=True)
    done = out / f"{name}.pt"
    if not done.exists():
        options = json.dumps(options_of(command), indent=1, ensure_ascii=False)
        (out / f"{name}.json").write_text(options + "\n", encoding="utf-8")
        with bar(quiet=False) as progress, _stopped_by_signals(progress, out / "log.txt", name, heard) as listener:
            began = time.process_time()
            checkpoint = out / f"{name}.checkpoint"
            found = fit(model, loss, schedule=schedule, validate=validate, checkpoint=checkpoint, progress=listener)
        seconds = f"{time.process_time() - began:.0f} s of the processor"
        _log(out / "log.txt", f"{name}: done on {device_of(command)}, {found}, {seconds}")
        with replacing(done) as unfinished:
            torch.save({key: value.cpu() for key, value in model.state_dict().items()}, unfinished)
    model.load_state_dict(torch.load(done, map_location="cpu", weights_only=True))
    model.eval()


def schedule_of(minutes: float, **options: float) -> Schedule:
    """So many minutes of the processor, at most, so that other work does no harm; steps without an end."""
    seconds = 60 * minutes if minutes < math.inf else math.inf
    return Schedule(10**9, seconds, clock=time.process_time, **options)  # type: ignore[arg-type]


@contextmanager
def _stopped_by_signals(progress: Listener, log: Path, name: str, heard: Callable[[float], None]) -> Iterator[Listener]:
    """A listener that writes a log, and stops at the end of a step after Ctrl-C or a request to end."""
    asked: list[int] = []
    told = [0.0]

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(number, before[number])

    def listen(share: float, what: str) -> bool:
        heard(share)
        progress(share, f"{name}: {what}")
        if time.monotonic() - told[0] > LOG_EVERY:
            told[0] = time.monotonic()
            _log(log, f"{name}: {share:.3f} {what}")
        return not asked

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield listen
    except Cancelled as error:
        raise SystemExit(f"{error} The same command goes on from there.") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
