"""Edge weights from networks: positive, symmetric in the two ends of an edge, at first near those of a plain walk."""

from graphrw.nn.edge_weights.cnn import EdgeWeightsCNN
from graphrw.nn.edge_weights.gaussian import EdgeWeightsGaussian
from graphrw.nn.edge_weights.gnn import EdgeWeightsGNN
from graphrw.nn.edge_weights.mlp import EdgeWeightsMLP

__all__ = ["EdgeWeightsCNN", "EdgeWeightsGNN", "EdgeWeightsGaussian", "EdgeWeightsMLP"]
