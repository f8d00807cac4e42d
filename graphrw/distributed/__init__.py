"""Walks on graphs that no one process holds: each has rows of its own, and PETSc solves with all of them.

Run by ``mpirun -n 4 python script.py``; every process runs the same lines. What is said of nodes here is said of a
process's own ones, and a loss is the sum of what the processes find.
"""

from graphrw.distributed.eigenpairs import eigenpairs
from graphrw.distributed.graph import DistributedGraph, DistributedWalk, walk
from graphrw.distributed.grid import DistributedGrid, grid_graph
from graphrw.distributed.hitting import hitting_probabilities
from graphrw.distributed.partition import distribute
from graphrw.distributed.solve import factorize, solve
from graphrw.distributed.volume import Volume

__all__ = [
    "DistributedGraph",
    "DistributedGrid",
    "DistributedWalk",
    "Volume",
    "distribute",
    "eigenpairs",
    "factorize",
    "grid_graph",
    "hitting_probabilities",
    "solve",
    "walk",
]
