"""Layers to put into a model: a thin one for each thing that a walk answers, and edge weights from networks."""

from graphrw.nn.attentional_interpolation import AttentionalInterpolation
from graphrw.nn.boundary_labels import BoundaryLabels
from graphrw.nn.diffusion_distance import DiffusionDistance
from graphrw.nn.edge_weights import EdgeWeightsCNN, EdgeWeightsGaussian, EdgeWeightsGNN, EdgeWeightsMLP
from graphrw.nn.feature_affinity import FeatureAffinity
from graphrw.nn.harmonic_labels import HarmonicLabels
from graphrw.nn.propagation import Propagation
from graphrw.nn.region_classifier import RegionClassifier
from graphrw.nn.region_pooling import RegionPooling

__all__ = [
    "AttentionalInterpolation",
    "BoundaryLabels",
    "DiffusionDistance",
    "EdgeWeightsCNN",
    "EdgeWeightsGNN",
    "EdgeWeightsGaussian",
    "EdgeWeightsMLP",
    "FeatureAffinity",
    "HarmonicLabels",
    "Propagation",
    "RegionClassifier",
    "RegionPooling",
]
