"""`graphrw info`: what is here, what would be chosen, and what that would cost."""

import math
import platform
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated

import torch
import typer

from graphrw.build import grid_graph
from graphrw.cli.task import size
from graphrw.core.graph import Graph
from graphrw.core.memory import available_memory
from graphrw.models import pretrained_names
from graphrw.segmentation.labelling import PIXEL_SOLVER, REGION_SOLVER
from graphrw.segmentation.pixels.kept_factor import dissection_for
from graphrw.segmentation.regions.image_regions import NEIGHBOURS, default_segments
from graphrw.segmentation.session.forecast import forecast
from graphrw.solvers.direct import cholmod, pardiso, rslab
from graphrw.solvers.grids.nested_dissection import NestedDissection
from graphrw.solvers.iterative import approximate_cholesky

BESIDES = ("torch", "numpy", "scipy", "torch-geometric", "scikit-image", "nibabel", "pynrrd", "zarr", "starlette")
GIB = 2**30
OVER_REGIONS = replace(REGION_SOLVER, max_bytes=0.0)  # as a session takes it


def info(
    *,
    shape: Annotated[
        str | None, typer.Option(help="Of an image or a volume, as 512x512 or 64x512x512.", metavar="SHAPE")
    ] = None,
) -> None:
    """Say which versions, solvers and devices are here; with --shape also what would be chosen for it, and its cost.

    For example: graphrw info --shape 512x512
    """
    sizes = None if shape is None else _sizes(shape)
    for name, what in _rows():
        typer.echo(f"{name + ':':10} {what}")
    for name, what in () if sizes is None else _costs(sizes):
        typer.echo(f"\n{name}: {what}")


def _rows() -> Iterator[tuple[str, str]]:
    yield "graphrw", f"{version('graphrw')}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    yield "packages", ", ".join(f"{name} {_version(name)}" for name in BESIDES)
    there = {
        "Cholesky and LU (rslab)": rslab.AVAILABLE,
        "ApproximateCholesky": approximate_cholesky.AVAILABLE,
        "Pardiso": pardiso.available(),
        "CHOLMOD": cholmod.AVAILABLE,
        "CuDSS": find_spec("nvmath") is not None,
        "PETSc": find_spec("petsc4py") is not None,
    }
    always = "Dense, SuperLU, CG, Multigrid, BiCGStab, BlockGaussSeidel"
    yield "solvers", ", ".join([always, *(name for name, is_there in there.items() if is_there)])
    missing = [name for name, is_there in there.items() if not is_there]
    if missing:
        yield "not here", ", ".join(missing)
    yield "weights", f"{', '.join(pretrained_names())} (segment --model NAME)"
    yield "devices", ", ".join([f"cpu ({torch.get_num_threads()} threads)", *_gpus()])
    yield "memory", f"{available_memory() / GIB:.1f} GiB free"


def _gpus() -> list[str]:
    return [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]


def _costs(sizes: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    regions, free = default_segments(math.prod(sizes)), available_memory()
    walks = forecast(sizes, superpixels=False)
    chosen = f"{OVER_REGIONS.explain(_like_regions(regions, len(sizes)))}."
    yield f"segment, {size(sizes)}", f"{forecast(sizes)} with 2 labels, {regions} superpixels. {chosen}"
    chosen = (
        f"{_over_pixels(sizes)}." if walks.bytes < free else "More than is free: take segment, or walk --blocks 48."
    )
    yield f"walk, {size(sizes)}", f"{walks} with 2 labels. {chosen}"


def _like_regions(count: int, axes: int) -> Graph:
    """Of about so many nodes, with about as many neighbours in space as superpixels have, and in colour, anywhere."""
    side = max(1, round(count ** (1 / axes)))
    near = grid_graph((side,) * axes, connectivity=2)
    draw = torch.Generator().manual_seed(0)
    far = torch.randint(near.num_nodes, (2, NEIGHBOURS * near.num_nodes // 2), generator=draw)
    ends = torch.cat([near.edges, far[:, far[0] != far[1]]], dim=1).sort(0).values
    return Graph(ends.unique(dim=1), near.num_nodes)


def _over_pixels(sizes: tuple[int, ...]) -> str:
    """Which solver a session over pixels takes, and why."""
    graph = grid_graph(sizes)
    if dissection_for(graph, sizes, PIXEL_SOLVER) is None:
        return PIXEL_SOLVER.explain(graph)
    return f"{NestedDissection(PIXEL_SOLVER.rtol, sizes)}: a factor that strokes change should take less than multigrid"


def _sizes(words: str) -> tuple[int, ...]:
    parts = words.lower().replace("×", "x").replace(",", "x").split("x")
    if len(parts) not in (2, 3) or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"--shape takes two or three sizes, as 512x512 or 64x512x512; got {words!r}.")
    return tuple(int(part) for part in parts)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"
