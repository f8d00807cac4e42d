"""The walk over voxels on volumes larger than memory.

A volume is cut into `boxes`. Each stage in `run` goes over them, one at a time: `first_pass` reads what must be known
of the whole (σ, labels), `pieces` finds which voxels hang together, `finest` makes the rows of the matrix,
`solvers.streamed` the coarser levels, `hitting` solves for the labels, and `writing` makes volumes of them. What a
stage makes is in the `workplace`, a folder, from which a later run goes on.
"""

from graphrw.segmentation.blocks.random_walker_blocks import BlocksReport, random_walker_blocks

__all__ = ["BlocksReport", "random_walker_blocks"]
