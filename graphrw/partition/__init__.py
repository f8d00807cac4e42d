"""Seeds, clusters and nested segments, on torch and SciPy alone."""

from graphrw.partition.clustering import kernel_kmeans, kmeans
from graphrw.partition.hierarchy import kernel_hierarchy, map_hierarchy
from graphrw.partition.scribbles import simulated_scribbles
from graphrw.partition.seeds import oracle_seeds
from graphrw.partition.segments import connected_segments, grown_segments

__all__ = [
    "connected_segments",
    "grown_segments",
    "kernel_hierarchy",
    "kernel_kmeans",
    "kmeans",
    "map_hierarchy",
    "oracle_seeds",
    "simulated_scribbles",
]
