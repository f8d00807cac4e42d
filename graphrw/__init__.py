"""Random walks you can train, on any graph."""

from graphrw import losses, metrics, nn, solvers
from graphrw.affinity import gaussian_affinity
from graphrw.build import grid_graph, grid_weight, weight_images
from graphrw.convert import (
    from_edge_index,
    from_networkx,
    from_pyg,
    from_scipy,
    from_torch_sparse,
    to_edge_index,
    to_networkx,
    to_pyg,
    to_scipy,
    to_sparse_tensor,
    to_torch_sparse,
)
from graphrw.errors import ConvergenceError, MissingDependencyError, SingularWalkError
from graphrw.functional import effective_resistance, entropy, harmonic, hitting_probabilities
from graphrw.graph import Graph
from graphrw.seeds import oracle_seeds
from graphrw.segmentation import random_walker
from graphrw.solve import FactorizedWalk, factorize, solve
from graphrw.solvers import SolveReport, record_solves
from graphrw.walk import Walk, absorb, degree, walk

__all__ = [
    "ConvergenceError",
    "FactorizedWalk",
    "Graph",
    "MissingDependencyError",
    "SingularWalkError",
    "SolveReport",
    "Walk",
    "absorb",
    "degree",
    "effective_resistance",
    "entropy",
    "factorize",
    "from_edge_index",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "from_torch_sparse",
    "gaussian_affinity",
    "grid_graph",
    "grid_weight",
    "harmonic",
    "hitting_probabilities",
    "losses",
    "metrics",
    "nn",
    "oracle_seeds",
    "random_walker",
    "record_solves",
    "solve",
    "solvers",
    "to_edge_index",
    "to_networkx",
    "to_pyg",
    "to_scipy",
    "to_sparse_tensor",
    "to_torch_sparse",
    "walk",
    "weight_images",
]
