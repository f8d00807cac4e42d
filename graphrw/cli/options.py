"""Options that several commands have, and what their words mean."""

from pathlib import Path
from typing import Annotated

import torch
import typer

Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="PNG, JPEG, TIFF, NIfTI, NRRD, Zarr (OME-Zarr) or NPY.")]
Seeds = Annotated[
    Path,
    typer.Argument(
        metavar="SEEDS",
        help="A label image of the same shape, in any of these formats: 1, 2, … are labels, 0 is to be labelled, "
        "negative is outside. Or a picture in which each colour but black is a label; or the strokes that "
        "`Session.save_log` or the page has written (.json).",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Where the labels go: PNG, TIFF, NIfTI, NRRD, Zarr or NPY. A file that is there is replaced. "
        "0: outside, or reached by no seed.",
        metavar="FILE",
    ),
]
Probabilities = Annotated[
    Path | None,
    typer.Option(
        help="Write the probability of each label, too: float32, labels ascending along the first axis (NIfTI: the "
        "last). TIFF, NIfTI, NRRD, Zarr or NPY.",
        metavar="FILE",
    ),
]
Entropy = Annotated[
    Path | None,
    typer.Option(help="Write how undecided each pixel is, too: float32, in nats.", metavar="FILE"),
]
Mask = Annotated[
    Path | None,
    typer.Option(help="An image that is 0 outside; nothing outside is labelled, or walked through.", metavar="FILE"),
]
Spacing = Annotated[
    str | None,
    typer.Option(
        help="The distance of pixels along each axis of the array, as 2,0.5,0.5 (z,y,x; of NIfTI and NRRD x,y,z). "
        "Only ratios count. The default is what IMAGE says, and 1 is the same for all axes.",
        metavar="NUMBERS",
        show_default=False,
    ),
]
DataRange = Annotated[
    float | None,
    typer.Option(
        help="The distance between the least and the largest value that IMAGE may have, such as 4095 for 12 bits, by "
        "which it is divided. The default is the largest value of a whole number's type, and 1 for floats.",
        metavar="NUMBER",
        show_default=False,
    ),
]
ChannelAxis = Annotated[
    int | None,
    typer.Option(
        metavar="AXIS",
        help="Which axis of IMAGE holds channels, such as colours: 0 or -1. The default is what IMAGE and the shape "
        "of SEEDS tell.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="Where a network runs: auto, cpu, cuda, cuda:1, …",
        metavar="DEVICE",
    ),
]
WalkDevice = Annotated[
    str,
    typer.Option(
        help="Where it is solved: cpu, by a factor where that is faster; cuda, cuda:1, …: by multigrid.",
        metavar="DEVICE",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and warnings.")]


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU of CUDA's, if there is one.

    Raises:
        typer.BadParameter: if there is none such.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise typer.BadParameter(f"there is no device {name!r}: take auto, cpu or cuda.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise typer.BadParameter(f"there is no {name!r} here: torch sees {torch.cuda.device_count()} GPUs.")
    if device.type not in ("cpu", "cuda"):
        raise typer.BadParameter(f"{name!r} lacks float64 or is of no use here: take auto, cpu or cuda.")
    return device


def spacing_of(words: str | None) -> tuple[float, ...] | None:
    """The numbers of an option `--spacing`.

    Raises:
        typer.BadParameter: unless they are numbers > 0.
    """
    if words is None:
        return None
    try:
        steps = tuple(float(word) for word in words.replace("×", ",").split(","))
    except ValueError:
        steps = ()
    if not steps or not all(0 < step < float("inf") for step in steps):
        raise typer.BadParameter(f"--spacing takes positive numbers with commas, as 2,0.5,0.5; got {words!r}.")
    return steps
