"""The stages of a run: what each makes, and what an earlier one has left of it."""

import math
from dataclasses import dataclass
from pathlib import Path

from graphrw.segmentation.blocks.boxes import Box, VoxelFile, boxes
from graphrw.segmentation.blocks.finest import Weights, build_finest, number_open_voxels
from graphrw.segmentation.blocks.first_pass import first_pass
from graphrw.segmentation.blocks.hitting import Answers, Outcome, solve_all
from graphrw.segmentation.blocks.pieces import Pieces, find_pieces
from graphrw.segmentation.blocks.sources import Sources
from graphrw.segmentation.blocks.telling import READY, SOLVED, Telling
from graphrw.segmentation.blocks.workplace import DIGEST, Workplace
from graphrw.segmentation.blocks.writing import Solved
from graphrw.solvers.streamed import Level, build_hierarchy


@dataclass(frozen=True, eq=False)
class Run:
    """What all stages know."""

    weights: Weights
    boxes: list[Box]
    place: Workplace
    telling: Telling


def begin(sources: Sources, folder: Path, *, beta: float, block: int, warns: bool, telling: Telling) -> Run:
    """The first pass; and the folder, which may hold an unfinished run.

    Raises:
        ValueError: as `first_pass` and `Workplace.claim`.
    """
    volume = sources.volume
    parts, place = boxes(volume.shape, block), Workplace(folder)
    telling.now(0.0, "reading")
    overview = first_pass(volume, parts, warns=warns, tick=telling)
    place.require_room(math.prod(volume.shape), len(overview.ids))
    place.claim(
        {
            "beta": beta,
            "spacing": sources.spacing,
            "channel_axis": volume.channel_axis,
            "data_range": volume.data_range,
            "block": block,
            "shape": volume.shape,
            DIGEST: overview.digest,
        }
    )
    return Run(Weights(volume, overview, beta, sources.spacing), parts, place, telling)


def prepared(run: Run) -> Solved:
    """The numbers of the open voxels and the finest level, made or found; nothing is solved yet."""
    volume, overview = run.weights.volume, run.weights.overview
    folder = run.place.level(0)
    pieces, number = (VoxelFile(run.place.folder / name, volume.shape) for name in ("pieces", "numbers"))
    finest = Level.found(folder)
    if finest is None:
        run.telling.now(READY / 4, "finding what hangs together")
        found = find_pieces(volume, run.boxes, pieces.made(), run.telling)
        found.save(run.place.folder)
        bounds = number_open_voxels(volume, run.boxes, found, number.made(), tick=run.telling)
        run.telling.now(READY / 2, "weighing edges")
        finest = build_finest(Level(folder, bounds), run.boxes, run.weights, number, tick=run.telling)
    else:
        found = Pieces.load(run.place.folder, pieces)
    answers = Answers(finest, len(overview.ids))
    return Solved(volume, run.boxes, overview.ids, found, number, answers)


def walked(run: Run, solved: Solved, rtol: float) -> Outcome:
    """The probabilities, solved for from wherever an earlier run has left them."""
    finest = solved.answers.level
    if finest.num_nodes == 0:
        return Outcome(0, 0.0, 0.0)
    run.telling.now(3 * READY / 4, "making coarser levels")
    hierarchy = build_hierarchy(finest, run.place.level, run.telling)
    run.telling.now(READY, "walking")
    outcome = solve_all(hierarchy, solved.answers, rtol, run.telling)
    run.telling.now(SOLVED, "writing")
    return outcome
