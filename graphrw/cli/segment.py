"""`graphrw segment` and `graphrw walk`: images and volumes from seeds."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from graphrw.cli import options as given
from graphrw.cli.answers import Answer, Options, by_model, by_session, by_walker, opened, task_for
from graphrw.cli.bars import bar
from graphrw.cli.blocks import by_blocks
from graphrw.cli.engine import Engine, by_petsc
from graphrw.cli.outputs import Outputs
from graphrw.cli.room import require_room_for_volume
from graphrw.cli.task import Inputs
from graphrw.models import LearnedRandomWalker, pretrained_names

Label = Callable[..., Answer]  # of a `Task` and what is wanted


def segment(
    *,
    image: given.Image,
    seeds: given.Seeds,
    out: given.Out,
    probabilities: given.Probabilities = None,
    entropy: given.Entropy = None,
    mask: given.Mask = None,
    spacing: given.Spacing = None,
    channel_axis: given.ChannelAxis = None,
    n_segments: Annotated[
        int | None,
        typer.Option(
            help="About how many superpixels: one for 50 pixels by default, from 400 to 50000.", min=1, metavar="N"
        ),
    ] = None,
    compactness: Annotated[
        float | None,
        typer.Option(
            help="The larger, the more are superpixels like squares, and the less along edges: 10 by default."
        ),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(
            help="The larger, the harder edges are to cross: 1 by default, which suits every image.",
            min=0,
            metavar="NUMBER",
        ),
    ] = None,
    colours: Annotated[
        bool | None,
        typer.Option("--colours/--no-colours", help="Whether the colours of seeds count wherever they occur."),
    ] = None,
    band: Annotated[
        int | None,
        typer.Option(
            help="How far from borders, in pixels, each pixel is decided by itself: 4 by default.",
            min=0,
            metavar="NUMBER",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Edges from a trained network, and a walk over pixels: a file of `graphrw train`, or the name of "
            "weights that come with graphrw (`graphrw info` lists them).",
            metavar="FILE|NAME",
        ),
    ] = None,
    device: given.Device = "auto",
    quiet: given.Quiet = False,
) -> None:
    """Label an image or a volume from seeds: the recommended way.

    By superpixels, the colours of the seeds, and borders drawn pixel by pixel; or, with --model, by edges that a
    network has learned to see. The spacing, and the place in space that NIfTI, NRRD and OME-Zarr tell of, are kept.

    For example: graphrw segment photo.jpg scribbles.png -o labels.png
    """
    inputs = Inputs(image, seeds, mask, given.spacing_of(spacing), channel_axis)
    outputs = Outputs(out, probabilities, entropy)
    options = _given(
        {"n_segments": n_segments, "compactness": compactness, "beta": beta, "colour_model": colours, "band": band}
    )
    where = given.device_of(device)
    if model is None:
        _by_session(inputs, outputs, {"superpixels": True, **options}, quiet=quiet)
    elif options:
        raise typer.BadParameter("--model brings edges of its own: superpixels, colours, beta and band are not for it.")
    else:
        if inputs.spacing is not None:
            raise ValueError("--model knows no --spacing: edges are what it has learned.")
        network = _network(model).to(where)
        _at_once(inputs, outputs, "--model", partial(by_model, model=network), quiet=quiet)


def walk(
    *,
    image: given.Image,
    seeds: given.Seeds,
    out: given.Out,
    probabilities: given.Probabilities = None,
    entropy: given.Entropy = None,
    mask: given.Mask = None,
    spacing: given.Spacing = None,
    channel_axis: given.ChannelAxis = None,
    beta: Annotated[
        float | None,
        typer.Option(help="The larger, the harder edges are to cross: 130 by default.", min=0, metavar="NUMBER"),
    ] = None,
    data_range: given.DataRange = None,
    device: given.WalkDevice = "cpu",
    blocks: Annotated[
        int | None,
        typer.Option(
            help="For volumes larger than memory: from Zarr to Zarr, in blocks of so many voxels along each axis, such "
            "as 64, with the same answer. A run that was killed goes on when it is started again.",
            min=8,
            metavar="VOXELS",
        ),
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the unfinished run of --blocks: FILE.unfinished by default.", metavar="FOLDER"
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="petsc: volumes in Zarr, block by block in the processes that `mpirun -n 4 graphrw walk …` starts."
        ),
    ] = Engine.EMBEDDED,
    quiet: given.Quiet = False,
) -> None:
    """Label an image or a volume from seeds by the plain walk over pixels: scikit-image's `random_walker`.

    Whole numbers are divided by the most that their type holds, as scikit-image does, unless --data-range says by what.
    The spacing, and the place in space that NIfTI, NRRD and OME-Zarr tell of, are kept.

    For example: graphrw walk volume.nii.gz seeds.nii.gz -o labels.nii.gz --beta 500
    """
    inputs = Inputs(image, seeds, mask, given.spacing_of(spacing), channel_axis, data_range)
    outputs, options, where = Outputs(out, probabilities, entropy), _given({"beta": beta}), given.device_of(device)
    if blocks is not None:
        if where.type != "cpu" or engine is Engine.PETSC:
            raise typer.BadParameter("--blocks walks by itself, on the CPU: leave --device and --engine out.")
        more = {"block": blocks, "scratch": scratch, "data_range": data_range}
        by_blocks(inputs, outputs, _given({**options, **more}), quiet=quiet)
    elif scratch is not None:
        raise typer.BadParameter("--scratch is for --blocks alone.")
    elif engine is Engine.PETSC:
        if data_range is not None:
            raise typer.BadParameter("--engine petsc has no --data-range: --beta takes its place.")
        by_petsc(inputs, outputs, beta, quiet=quiet)
    elif where.type == "cpu":
        require_room_for_volume(inputs)
        _by_session(inputs, outputs, {"superpixels": False, **options}, quiet=quiet)
    else:
        _at_once(inputs, outputs, "--device", partial(by_walker, device=where, options=options), quiet=quiet)


def _by_session(inputs: Inputs, outputs: Outputs, options: Options, *, quiet: bool) -> None:
    outputs.check(inputs)
    with bar(quiet=quiet) as progress:
        picture, session = opened(inputs, options, progress)
        outputs.check_held(picture.shape, np.asarray(session.strokes))
        answer = by_session(picture, session, **outputs.wanted)
    outputs.write(answer, quiet=quiet)


def _at_once(inputs: Inputs, outputs: Outputs, option: str, label: Label, *, quiet: bool) -> None:
    """Without a session, as `option` asks."""
    outputs.check(inputs)
    with bar(quiet=quiet) as progress:
        task = task_for(inputs, option)
        outputs.check_held(task.image.shape, task.seeds)
        progress(0.1, "walking")
        answer = label(task, **outputs.wanted)
    outputs.write(answer, quiet=quiet)


def _network(model: str) -> LearnedRandomWalker:
    if model in pretrained_names():
        return LearnedRandomWalker.from_pretrained(model)
    if not Path(model).exists():
        names = ", ".join(pretrained_names())
        raise FileNotFoundError(f"There is no file `{model}`, and no such weights come with graphrw, only {names}.")
    return LearnedRandomWalker.load(model)


def _given(options: Mapping[str, Any]) -> Options:
    """Those that are given; `Session` knows the others."""
    return {name: value for name, value in options.items() if value is not None}
