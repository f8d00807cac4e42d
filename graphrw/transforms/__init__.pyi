from .add_diffusion import AddDiffusionDistance, AddDiffusionMap
from .add_hitting import AddHittingProbabilities
from .sparse_diffusion import SparseHeat, SparsePageRank

__all__ = [
    "AddDiffusionDistance",
    "AddDiffusionMap",
    "AddHittingProbabilities",
    "SparseHeat",
    "SparsePageRank",
]
