"""`graphrw train`: a network that sees edges, from a folder of examples."""

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Annotated

import torch
import typer
from torch import Tensor

from graphrw.cli import options as given
from graphrw.cli.bars import bar
from graphrw.cli.task import check_not_read
from graphrw.cli.training_folder import (
    Pair,
    as_examples,
    channels_of,
    digest_of,
    fitted_scale,
    pairs_in,
    read_pairs,
)
from graphrw.core.errors import Cancelled
from graphrw.core.progress import Listener
from graphrw.files import check_place
from graphrw.models import LearnedRandomWalker
from graphrw.models.examples import Piece, piece, step_loss, validation_pieces
from graphrw.models.saving import check_name
from graphrw.models.training import Schedule, fit


def train(
    *,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="With `images`, and in `labels` a label image of the same name for each: every number is a segment.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Where the weights go (safetensors), for `segment --model`."),
    ],
    steps: Annotated[int, typer.Option(help="How many pieces of images to learn from.", min=1, metavar="N")] = 1000,
    minutes: Annotated[
        float,
        typer.Option(
            help="Stop after so many minutes, if steps are left.", min=0, metavar="NUMBER", show_default=False
        ),
    ] = math.inf,
    crop: Annotated[int, typer.Option(help="The size of pieces, in pixels along each axis.", min=8, metavar="N")] = 128,
    width: Annotated[int, typer.Option(help="How many features the network has.", min=1, metavar="N")] = 32,
    stride: Annotated[
        int, typer.Option(help="Pixels for each node of the walk along each axis: 1, 2, 4.", min=1, metavar="N")
    ] = 2,
    learning_rate: Annotated[float, typer.Option(help="The largest step of Adam.", metavar="NUMBER")] = 1e-3,
    val: Annotated[
        float,
        typer.Option(help="The share of images kept to tell which weights are best.", min=0, max=0.9, metavar="SHARE"),
    ] = 0.2,
    ignore: Annotated[
        int | None,
        typer.Option(help="The label of pixels that are not known; negative ones never count.", metavar="LABEL"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all chance.", min=0, max=2**20, metavar="N")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run with the same -o and options was stopped.")
    ] = False,
    device: given.Device = "auto",
    quiet: given.Quiet = False,
) -> None:
    """Train a Learned Random Walker on images with known segments.

    It starts from one seed in each segment, as in the paper (Cerrone et al. 2019). Ctrl-C keeps what is learned so
    far, for --resume.

    For example: graphrw train examples -o weights.safetensors --minutes 30
    """
    where = given.device_of(device)
    check_place(check_name(out))
    checkpoint = _checkpoint(out, resume=resume)
    files = pairs_in(folder)
    check_not_read(out, chain(*files.values()))
    pairs = read_pairs(files, ignore=ignore)
    torch.manual_seed(seed)
    model = _model(pairs, width=width, stride=stride).to(where)
    kept = round(val * len(pairs)) if len(pairs) > 1 else 0
    examples = as_examples(pairs, model.input_scale)
    learn = partial(_loss, model, partial(piece, examples[kept:], crop=crop, stride=stride, seed=seed))
    judged = validation_pieces(examples[:kept], crop=crop, stride=stride, seed=seed)
    same = {"--crop": crop, "--width": width, "--stride": stride, "--val": val, "--ignore": ignore, "--seed": seed}
    with bar(quiet=quiet) as progress, _stopped_by_interrupt(progress) as listener:
        done = fit(
            model,
            learn,
            schedule=Schedule(steps, 60 * minutes, learning_rate),
            validate=partial(_mean_loss, model, judged) if judged else None,
            checkpoint=checkpoint,
            identity=same | {"--learning-rate": learning_rate, "the images and labels": digest_of(pairs)},
            progress=listener,
        )
    model.save(out)
    if not quiet:
        kind = "validation loss" if judged else "loss"
        typer.echo(f"{done.steps} steps on {len(pairs) - kept} images, {kind} {done.loss:.4f}, in `{out}`.", err=True)


def _checkpoint(out: Path, *, resume: bool) -> Path:
    """Where the state is kept; that it is there, or not, is what the user says."""
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    if checkpoint.exists() and not resume:
        raise ValueError(f"`{checkpoint}` is left from a run that was stopped: --resume goes on, or delete it.")
    if resume and not checkpoint.exists():
        raise ValueError(f"There is no `{checkpoint}` to go on from: only a run that was stopped leaves one.")
    return checkpoint


def _model(pairs: list[Pair], *, width: int, stride: int) -> LearnedRandomWalker:
    axes = pairs[0].segments.ndim
    return LearnedRandomWalker(channels_of(pairs[0]), width, stride=stride, axes=axes, input_scale=fitted_scale(pairs))


def _loss(model: LearnedRandomWalker, drawn: Callable[[int], Piece], step: int) -> Tensor:
    return step_loss(model, drawn(step))


def _mean_loss(model: LearnedRandomWalker, pieces: list[Piece]) -> Tensor:
    return torch.stack([step_loss(model, part, side=0) for part in pieces]).mean()


@contextmanager
def _stopped_by_interrupt(progress: Listener) -> Iterator[Listener]:
    """A listener that stops at the end of a step after Ctrl-C; a second one ends at once."""
    interrupted = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        signal.signal(signal.SIGINT, before)

    def listen(share: float, what: str) -> bool:
        progress(share, what)
        return not interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield listen
    except Cancelled as error:
        raise Cancelled(f"{error} --resume goes on from there.") from error
    finally:
        signal.signal(signal.SIGINT, before)
