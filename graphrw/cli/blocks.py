"""`graphrw walk --blocks`: volumes larger than memory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from graphrw.cli.answers import Options
from graphrw.cli.bars import bar
from graphrw.cli.outputs import Outputs
from graphrw.cli.task import Inputs, size
from graphrw.files import open_in_parts
from graphrw.segmentation import random_walker_blocks
from graphrw.segmentation.inputs import relative


@dataclass(frozen=True, eq=False)
class Masked:
    """Labels that are −1 where a mask is 0, a part at a time."""

    labels: Any
    mask: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> "np.dtype[np.int64]":
        return np.dtype(np.int64)

    def __getitem__(self, region: Any) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = np.asarray(self.labels[region]).astype(np.int64)
        return np.where(self.mask[region] != 0, labels, -1)


def by_blocks(inputs: Inputs, outputs: Outputs, options: Options, *, quiet: bool) -> None:
    """Label a Zarr into a Zarr; `options` are keywords of `random_walker_blocks`.

    Raises:
        ValueError: for other formats, strokes, or an entropy, which is not written.
    """
    if outputs.entropy is not None:
        raise ValueError("--blocks writes labels and probabilities; leave --entropy out.")
    outputs.check(inputs)
    labels = _labels(inputs)
    with _in_words_of_the_command(inputs), bar(quiet=quiet) as progress:
        report = random_walker_blocks(
            inputs.image,
            labels,
            outputs.labels,
            spacing=_spacing(inputs, len(labels.shape)),
            channel_axis=inputs.channel_axis,
            probabilities=outputs.probabilities,
            outside=0,
            progress=progress,
            **options,
        )
    if not quiet:
        told = f"{len(report.label_ids)} labels on {size(labels.shape)} pixels"
        typer.echo(f"{told}, {report.iterations} iterations to {report.relative_residual:.0e}.", err=True)


@contextmanager
def _in_words_of_the_command(inputs: Inputs) -> Iterator[None]:
    """Errors name files and options, and not the arguments of `random_walker_blocks`."""
    words = {
        "`image`": f"`{inputs.image}`",
        "`labels`": f"`{inputs.seeds}`",
        "`channel_axis=": "`--channel-axis ",
        "`channel_axis`": "`--channel-axis`",
        "`data_range`": "`--data-range`",
        "`spacing`": "`--spacing`",
    }
    try:
        yield
    except ValueError as error:
        told = str(error)
        for argument, word in words.items():
            told = told.replace(argument, word)
        raise ValueError(told) from error
    except shutil.Error as error:  # for each part of a Zarr that could not be moved to another disk
        source, _, why = error.args[0][0]
        raise OSError(f"`{source}` could not be put in its place: {why}") from error


def _spacing(inputs: Inputs, axes: int) -> tuple[float, ...] | None:
    """What --spacing asks for, in units of the smallest; None: what the file says."""
    if inputs.spacing is None:
        return None
    return relative(inputs.spacing) if len(inputs.spacing) > 1 else (1.0,) * axes


def _labels(inputs: Inputs) -> Any:
    """Of the seeds; −1 outside the mask."""
    labels = open_in_parts(inputs.seeds).values
    if inputs.mask is None:
        return labels
    mask = open_in_parts(inputs.mask).values
    if mask.shape != labels.shape:
        raise ValueError(f"`{inputs.mask}` is {size(mask.shape)}, but `{inputs.seeds}` is {size(labels.shape)}.")
    return Masked(labels, mask)
