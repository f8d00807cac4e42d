"""Graphs from and to other libraries; each ``from_…`` returns the graph and its weights (E,).

`node_seeds`, `node_values` and `node_dict` translate between the numbers of nodes and their names in networkx.
"""

from graphrw.convert.edge_index import from_edge_index, to_edge_index
from graphrw.convert.networkx import from_networkx, to_networkx
from graphrw.convert.nodes import node_dict, node_seeds, node_values
from graphrw.convert.pyg import from_pyg, to_pyg
from graphrw.convert.scipy import from_scipy, to_scipy
from graphrw.convert.torch_sparse import from_torch_sparse, to_sparse_tensor, to_torch_sparse

__all__ = [
    "from_edge_index",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "from_torch_sparse",
    "node_dict",
    "node_seeds",
    "node_values",
    "to_edge_index",
    "to_networkx",
    "to_pyg",
    "to_scipy",
    "to_sparse_tensor",
    "to_torch_sparse",
]
