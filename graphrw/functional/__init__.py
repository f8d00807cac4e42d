"""What a walk answers, as functions from tensors to tensors; nodes come first in every shape."""

from graphrw.functional.harmonic import harmonic, hitting_probabilities
from graphrw.functional.resistance import effective_resistance
from graphrw.functional.uncertainty import entropy

__all__ = ["effective_resistance", "entropy", "harmonic", "hitting_probabilities"]
