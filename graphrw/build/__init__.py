"""Graphs from images, segmentations, meshes and points."""

from graphrw.build.grid import grid_graph, grid_weight, weight_images

__all__ = ["grid_graph", "grid_weight", "weight_images"]
