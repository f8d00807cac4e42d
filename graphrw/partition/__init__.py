"""Seeds, clusters and nested segments, on torch and SciPy alone."""

from graphrw.partition.clustering import kernel_kmeans, kmeans
from graphrw.partition.hierarchy import kernel_hierarchy, map_hierarchy
from graphrw.partition.seeds import oracle_seeds

__all__ = ["kernel_hierarchy", "kernel_kmeans", "kmeans", "map_hierarchy", "oracle_seeds"]
