"""Grady's random walker on volumes that are larger than memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphrw.core.malloc import large_blocks_returned
from graphrw.core.opaque import opaque
from graphrw.core.progress import Listener
from graphrw.core.warn import warn
from graphrw.core.whole import check_not_negative, check_whole, is_number
from graphrw.segmentation.blocks.outputs import Outputs
from graphrw.segmentation.blocks.run import begin, prepared, walked
from graphrw.segmentation.blocks.sources import Source, as_path, open_sources
from graphrw.segmentation.blocks.telling import Telling

BLOCK = 48  # voxels along each axis: a part takes some 50 MB while it is coarsened; no slower than 64


@dataclass(frozen=True)
class BlocksReport:
    """What was found, and how well."""

    label_ids: tuple[int, ...]
    open_voxels: int  # whose labels had to be solved for
    lost_voxels: int  # which no seed reaches
    iterations: int  # of all labels together
    relative_residual: float  # the largest, in float64, of all labels
    error: float  # by how much the probabilities of a voxel fail to add up to 1, at most


@opaque
@large_blocks_returned()
def random_walker_blocks(
    image: Source,
    labels: Source,
    out: str | Path,
    *,
    beta: float = 130,
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    data_range: float | None = None,
    rtol: float = 1e-6,
    block: int = BLOCK,
    probabilities: str | Path | None = None,
    outside: int | None = None,
    scratch: str | Path | None = None,
    progress: Listener | None = None,
) -> BlocksReport:
    """`random_walker` on a volume that need not fit in memory: the same weights, the same answer, from Zarr to Zarr.

    Nothing is stitched. One linear system holds for the whole volume, and conjugate gradients solve it with all
    vectors on disk, under a multigrid cycle whose finest levels are streamed from there, a block at a time; the
    coarsest, at most 65,536 nodes, is in memory. They stop at the true residual of the whole system, and where the
    probabilities of all labels add up to 1 within `rtol` at every voxel. σ, and the range of the data, are those of
    the whole volume, from a first pass.

    Memory is that of a block, and hardly grows with the volume (measured in `benchmarks/larger_than_memory.py`). The
    disk has to hold 400 to 800 bytes a voxel meanwhile, in a folder beside `out`. A run that was stopped or killed goes
    on from there when it is called again with the same inputs and options (`rtol` may be another); `out` is there whole
    or not at all.

    Args:
        image: the path of a Zarr (OME-Zarr: its finest level), or an array of which parts can be read, such as one of
            NumPy mapped from a file, Zarr, HDF5 or Dask: (H, W) or (D, H, W), with `channel_axis` one axis more.
        labels: likewise, of the spatial shape: > 0 a seed, 0 unlabelled, < 0 outside.
        out: where the labels go, an OME-Zarr; what is there is replaced.
        beta: as in `random_walker`.
        spacing: likewise; None: what the file says, and 1 for arrays.
        channel_axis: likewise; None: what the file says.
        data_range: likewise.
        rtol: how far the probabilities may be from those of the whole array, in (0, 1).
        block: voxels along each axis of a block, from 8 on. Memory grows with its cube.
        probabilities: where the probability of each label goes, too, (L, \\*spatial) float32, labels ascending.
        outside: what `out` holds outside and where no seed reaches, ≥ 0; None: as `random_walker`, what `labels` hold
            there and −1.
        scratch: the folder for the unfinished run; None: ``OUT.unfinished`` beside `out`.
        progress: is told the share that is done and what comes now, often; false stops.

    Returns:
        What was found; the labels are in `out`.

    Raises:
        ValueError: as `random_walker`; for what is no Zarr; and for an unfinished run with other inputs or options.
        OSError: if nothing can be written there.
        ConvergenceError: if `rtol` cannot be reached.
        Cancelled: if the listener says so.

    >>> import tempfile, numpy as np
    >>> image, labels = np.array([[0.0, 0.1, 0.9, 1.0]]), np.array([[3, 0, 0, 7]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     random_walker_blocks(image, labels, f"{folder}/out.zarr").label_ids
    (3, 7)
    """
    _check_options(beta, rtol, block, progress)
    if outside is not None:
        check_whole("outside", outside, 0)
    sources = open_sources(image, labels, spacing=spacing, channel_axis=channel_axis, data_range=data_range)
    shares = None if probabilities is None else as_path("probabilities", probabilities)
    outputs = Outputs(as_path("out", out), shares, outside)
    outputs.check([Path(source) for source in (image, labels) if isinstance(source, str | Path)])
    folder = outputs.unfinished if scratch is None else as_path("scratch", scratch)
    telling = Telling(progress)
    run = begin(sources, folder, beta=beta, block=block, warns=data_range is None, telling=telling)
    solved = prepared(run)
    outcome = walked(run, solved, rtol)
    lost = outputs.write(solved, sources.like, run.place.folder, chunk=block, telling=telling)
    run.place.clear()
    if lost:
        warn(
            f"{lost} unlabelled voxels are reached by no seed; they are labelled {-1 if outside is None else outside}."
        )
    count, ids = solved.answers.level.num_nodes, tuple(solved.ids.tolist())
    return BlocksReport(ids, count, lost, outcome.iterations, outcome.relative_residual, outcome.error)


def _check_options(beta: float, rtol: float, block: int, progress: Listener | None) -> None:
    check_not_negative("beta", beta)
    check_whole("block", block, 8)
    if not (is_number(rtol) and 0 < rtol < 1):
        raise ValueError(f"`rtol` must lie in (0, 1); got {rtol!r}.")
    if progress is not None and not callable(progress):
        raise ValueError(f"`progress` must be a function of a share and a text, or None; got {progress!r}.")
