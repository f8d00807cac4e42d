from .attentional_interpolation import AttentionalInterpolation
from .boundary_labels import BoundaryLabels
from .correct_and_smooth import CorrectAndSmooth
from .diffusion_distance import DiffusionDistance
from .edge_weights import EdgeWeightsCNN, EdgeWeightsGaussian, EdgeWeightsGNN, EdgeWeightsMLP
from .feature_affinity import FeatureAffinity
from .harmonic_labels import HarmonicLabels
from .propagation import Propagation
from .region_classifier import RegionClassifier
from .region_pooling import RegionPooling

__all__ = [
    "AttentionalInterpolation",
    "BoundaryLabels",
    "CorrectAndSmooth",
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
