"""What training minimises: how far labels, edge weights or similarities are from the truth."""

from graphrw.losses.consistency import consistency_loss
from graphrw.losses.edges import affinity_loss, edge_side_loss, weight_side_loss
from graphrw.losses.labels import cross_entropy, dice, mean_squared_error, soft_variation_of_information
from graphrw.losses.presence import presence_loss
from graphrw.losses.propagation import propagation_loss
from graphrw.losses.similarity import kernel_matching, segment_matching

__all__ = [
    "affinity_loss",
    "consistency_loss",
    "cross_entropy",
    "dice",
    "edge_side_loss",
    "kernel_matching",
    "mean_squared_error",
    "presence_loss",
    "propagation_loss",
    "segment_matching",
    "soft_variation_of_information",
    "weight_side_loss",
]
