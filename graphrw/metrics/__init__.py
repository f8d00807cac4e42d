"""How well predicted labels agree with the truth: for images, volumes and nodes of a graph alike."""

from graphrw.metrics.boundaries import BoundaryScore, boundary_f_score, boundary_score, trimap_error
from graphrw.metrics.classes import mean_iou
from graphrw.metrics.covering import (
    ScaleCovering,
    best_segmentation_covering,
    hierarchy_covering,
    segmentation_covering,
)
from graphrw.metrics.partitions import (
    VariationOfInformation,
    adapted_rand_error,
    adjusted_rand_error,
    variation_of_information,
)

__all__ = [
    "BoundaryScore",
    "ScaleCovering",
    "VariationOfInformation",
    "adapted_rand_error",
    "adjusted_rand_error",
    "best_segmentation_covering",
    "boundary_f_score",
    "boundary_score",
    "hierarchy_covering",
    "mean_iou",
    "segmentation_covering",
    "trimap_error",
    "variation_of_information",
]
