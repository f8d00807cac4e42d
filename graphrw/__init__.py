"""Random walks you can train, on any graph.

Here stands what is typed in the first hour. All else is in its room: `graphrw.build`, `convert`, `functional`, `nn`,
`models`, `partition`, `segmentation`, `estimators`, `losses`, `metrics`, `solvers`, `spectral`.
"""

from graphrw import estimators, losses, metrics, models, nn, partition, segmentation, solvers
from graphrw.build import gaussian_affinity, grid_graph, knn_graph, mesh_dual_graph, mesh_graph, superpixel_graph
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
    to_torch_sparse,
)
from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, absorb, walk
from graphrw.functional import (
    boundary_probabilities,
    damp,
    diffusion_distance,
    diffusion_map,
    effective_resistance,
    entropy,
    harmonic,
    hitting_probabilities,
    poisson_labels,
    resolvent,
    step,
)
from graphrw.segmentation import Session, random_walker, segment
from graphrw.solve import factorize, solve
from graphrw.solvers import record_solves

__all__ = [
    "ConvergenceError",
    "Graph",
    "Session",
    "SingularWalkError",
    "Walk",
    "absorb",
    "boundary_probabilities",
    "damp",
    "diffusion_distance",
    "diffusion_map",
    "effective_resistance",
    "entropy",
    "estimators",
    "factorize",
    "from_edge_index",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "from_torch_sparse",
    "gaussian_affinity",
    "grid_graph",
    "harmonic",
    "hitting_probabilities",
    "knn_graph",
    "losses",
    "mesh_dual_graph",
    "mesh_graph",
    "metrics",
    "models",
    "nn",
    "partition",
    "poisson_labels",
    "random_walker",
    "record_solves",
    "resolvent",
    "segment",
    "segmentation",
    "solve",
    "solvers",
    "step",
    "superpixel_graph",
    "to_edge_index",
    "to_networkx",
    "to_pyg",
    "to_scipy",
    "to_torch_sparse",
    "walk",
]
