"""How well predicted labels agree with the truth: for images, volumes and nodes of a graph alike."""

from graphrw.metrics.classes import mean_iou
from graphrw.metrics.partitions import (
    VariationOfInformation,
    adapted_rand_error,
    adjusted_rand_error,
    variation_of_information,
)

__all__ = [
    "VariationOfInformation",
    "adapted_rand_error",
    "adjusted_rand_error",
    "mean_iou",
    "variation_of_information",
]
