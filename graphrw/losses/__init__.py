"""What training minimises: how far label probabilities, or edge weights, are from the true labels."""

from graphrw.losses.edges import edge_side_loss, weight_side_loss
from graphrw.losses.labels import cross_entropy, dice, mean_squared_error

__all__ = ["cross_entropy", "dice", "edge_side_loss", "mean_squared_error", "weight_side_loss"]
