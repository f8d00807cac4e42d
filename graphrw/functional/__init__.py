"""What a walk answers, as functions from tensors to tensors; nodes come first in every shape."""

from graphrw.functional.attention import attention_walk
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours
from graphrw.functional.classes import ClassMaps, class_maps
from graphrw.functional.correction import correct, smooth
from graphrw.functional.cuts import normalised_cut, normalised_cut_cost
from graphrw.functional.diffusion import diffusion_distance, diffusion_map, map_mask, unrolled_diffusion_map
from graphrw.functional.distances import dense_squared_distance, diffusion_similarity
from graphrw.functional.fates import fate_probabilities
from graphrw.functional.geodesic import geodesic_distance
from graphrw.functional.harmonic import harmonic, hitting_probabilities
from graphrw.functional.heat import heat
from graphrw.functional.influence import Influence, blame, influence
from graphrw.functional.interpolation import attentional_interpolation
from graphrw.functional.labelling import class_mass_normalize, poisson_labels
from graphrw.functional.limit import limit
from graphrw.functional.local import local_affinity_loss, local_step
from graphrw.functional.most_probable import MostProbable, most_probable_labels
from graphrw.functional.numbering import renumber_labels, restore_labels
from graphrw.functional.pooling import region_pooling
from graphrw.functional.propagation import damp, pagerank, resolvent, step
from graphrw.functional.resistance import effective_resistance
from graphrw.functional.sampling import sample_gradient
from graphrw.functional.target import target_probability
from graphrw.functional.times import (
    absorption_time,
    absorption_time_variance,
    commute_time,
    hitting_time,
    hitting_time_variance,
)
from graphrw.functional.uncertainty import abstain, entropy

__all__ = [
    "ClassMaps",
    "Influence",
    "MostProbable",
    "absorption_time",
    "absorption_time_variance",
    "abstain",
    "attention_walk",
    "attentional_interpolation",
    "blame",
    "boundary_probabilities",
    "class_maps",
    "class_mass_normalize",
    "commute_time",
    "correct",
    "damp",
    "dense_squared_distance",
    "diffusion_distance",
    "diffusion_map",
    "diffusion_similarity",
    "effective_resistance",
    "entropy",
    "fate_probabilities",
    "geodesic_distance",
    "harmonic",
    "heat",
    "hitting_probabilities",
    "hitting_time",
    "hitting_time_variance",
    "influence",
    "limit",
    "local_affinity_loss",
    "local_step",
    "map_mask",
    "missing_neighbours",
    "most_probable_labels",
    "normalised_cut",
    "normalised_cut_cost",
    "pagerank",
    "poisson_labels",
    "region_pooling",
    "renumber_labels",
    "resolvent",
    "restore_labels",
    "sample_gradient",
    "smooth",
    "step",
    "target_probability",
    "unrolled_diffusion_map",
]
