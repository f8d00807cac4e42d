"""`graphrw walk --engine petsc`: volumes in Zarr that several processes label together."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
import typer

from graphrw.cli.outputs import Outputs
from graphrw.cli.task import Inputs
from graphrw.distributed import Volume
from graphrw.functional import entropy
from graphrw.solvers import PETSc
from graphrw.solvers.iterative.petsc import petsc

SOLVER = PETSc(rtol=1e-12)  # within 1e-8 of the answer, where weights span ten decades


class Engine(StrEnum):
    """What solves."""

    EMBEDDED = "embedded"
    PETSC = "petsc"


def by_petsc(inputs: Inputs, outputs: Outputs, beta: float | None, *, quiet: bool) -> None:
    """What `mpirun` starts in each process.

    Raises:
        ValueError: for files that are not Zarr, or channels.
    """
    _check(inputs, outputs)
    with _ended_together(petsc().COMM_WORLD) as rank:
        volume = Volume(inputs.image, inputs.seeds, inputs.mask)
        spacing, beta = inputs.relative_spacing(volume.file), volume.beta if beta is None else beta
        volume = replace(volume, spacing=spacing, beta=beta)
        probability = volume.probabilities(SOLVER)
        kind = np.min_scalar_type(int(volume.ids.max()))
        if outputs.probabilities is not None:
            volume.write(outputs.probabilities, probability.float().numpy())
        if outputs.entropy is not None:
            volume.write(outputs.entropy, entropy(probability, dim=1).float().numpy())
        volume.write(outputs.labels, volume.answer(probability).numpy().astype(kind))
        if rank == 0 and not quiet:
            typer.echo(outputs.told(volume.ids.numpy(), volume.file.shape), err=True)


def _check(inputs: Inputs, outputs: Outputs) -> None:
    outputs.check(inputs)
    if inputs.are_strokes or inputs.channel_axis is not None:
        raise ValueError("--engine petsc takes a label image as SEEDS, and images without channels.")
    for path in (*(path.resolve() for path in inputs.paths), *outputs.paths):
        if ".zarr" not in "".join(part[-5:] for part in path.parts):
            raise ValueError(f"`{path}`: --engine petsc reads and writes Zarr alone, block by block.")


@contextmanager
def _ended_together(comm: Any) -> Iterator[int]:
    """Which process this is. Where one fails, all end: the others would wait for it."""
    try:
        yield comm.rank
    except Exception as error:
        if comm.size == 1:
            raise
        traceback.print_exc()
        print(f"Error: {error}", file=sys.stderr, flush=True)
        comm.tompi4py().Abort(1)
