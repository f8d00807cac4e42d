"""Graphs from images, segmentations, meshes and points, and weights from features."""

from graphrw.build.affinity import above, gaussian_affinity, l1_affinity, local_scale, self_tuning_affinity
from graphrw.build.complete import complete_graph
from graphrw.build.crease import centroid_distance, crease_features, crease_weight
from graphrw.build.feature import cosine_similarity, feature_graph
from graphrw.build.grid import grid_graph, grid_weight, weight_images
from graphrw.build.intrinsic import IntrinsicMesh, intrinsic_delaunay
from graphrw.build.knn import edge_length, knn_graph
from graphrw.build.mesh import cotangent_weight, mesh_dual_graph, mesh_graph, shared_edge_length
from graphrw.build.shared_grids import forget_grids
from graphrw.build.superpixel import (
    RegionFeatures,
    pool_boundaries,
    pool_regions,
    project_regions,
    region_features,
    region_index,
    superpixel_graph,
)
from graphrw.build.union import union
from graphrw.build.votes import region_votes

__all__ = [
    "IntrinsicMesh",
    "RegionFeatures",
    "above",
    "centroid_distance",
    "complete_graph",
    "cosine_similarity",
    "cotangent_weight",
    "crease_features",
    "crease_weight",
    "edge_length",
    "feature_graph",
    "forget_grids",
    "gaussian_affinity",
    "grid_graph",
    "grid_weight",
    "intrinsic_delaunay",
    "knn_graph",
    "l1_affinity",
    "local_scale",
    "mesh_dual_graph",
    "mesh_graph",
    "pool_boundaries",
    "pool_regions",
    "project_regions",
    "region_features",
    "region_index",
    "region_votes",
    "self_tuning_affinity",
    "shared_edge_length",
    "superpixel_graph",
    "union",
    "weight_images",
]
