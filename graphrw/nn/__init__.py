"""The systems as modules of a network."""

from graphrw.nn.harmonic_labels import HarmonicLabels

__all__ = ["HarmonicLabels"]
