"""Conjugate gradients under the multigrid cycle with its finest levels streamed from disk: graphs larger than memory.

`field` holds vectors in files, `part` the rows of the matrix for a range of nodes, `level` all parts of one grid,
`coarsening` makes the next coarser one, `hierarchy` all of them, `cycle` is the preconditioner, and
`conjugate_gradients` iterates. Data flow: a pass reads for each part its rows of a few vectors and the few numbers
beyond its rim, computes, and writes its rows of another vector. Nothing else is in memory.
"""

from graphrw.solvers.streamed.conjugate_gradients import Goal, conjugate_gradients
from graphrw.solvers.streamed.cycle import StreamedCycle
from graphrw.solvers.streamed.field import Field
from graphrw.solvers.streamed.hierarchy import Hierarchy, build_hierarchy
from graphrw.solvers.streamed.level import Level
from graphrw.solvers.streamed.part import Part

__all__ = ["Field", "Goal", "Hierarchy", "Level", "Part", "StreamedCycle", "build_hierarchy", "conjugate_gradients"]
