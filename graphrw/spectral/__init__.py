"""The leading eigenpairs of a walk, and maps made of them."""

from graphrw.spectral.checks import SpectralCutWarning, check_time, check_undirected
from graphrw.spectral.matrix import inverse_root
from graphrw.spectral.power import power_iteration, power_iteration_as_published
from graphrw.spectral.spectrum import TOLERANCE, spectral_map

__all__ = [
    "TOLERANCE",
    "SpectralCutWarning",
    "check_time",
    "check_undirected",
    "inverse_root",
    "power_iteration",
    "power_iteration_as_published",
    "spectral_map",
]
