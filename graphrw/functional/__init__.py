"""What a walk answers, as functions from tensors to tensors; nodes come first in every shape."""

from graphrw.functional.boundary import boundary_probabilities, missing_neighbours
from graphrw.functional.diffusion import diffusion_distance, diffusion_map, unrolled_diffusion_map
from graphrw.functional.harmonic import harmonic, hitting_probabilities
from graphrw.functional.labelling import class_mass_normalize, poisson_labels
from graphrw.functional.propagation import damp, pagerank, resolvent, step
from graphrw.functional.resistance import effective_resistance
from graphrw.functional.uncertainty import abstain, entropy

__all__ = [
    "abstain",
    "boundary_probabilities",
    "class_mass_normalize",
    "damp",
    "diffusion_distance",
    "diffusion_map",
    "effective_resistance",
    "entropy",
    "harmonic",
    "hitting_probabilities",
    "missing_neighbours",
    "pagerank",
    "poisson_labels",
    "resolvent",
    "step",
    "unrolled_diffusion_map",
]
