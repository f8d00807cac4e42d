from .anndata import from_anndata, to_anndata
from .edge_index import from_edge_index, to_edge_index
from .networkx import from_networkx, to_networkx
from .nodes import node_dict, node_seeds, node_values
from .pyg import from_pyg, to_pyg
from .scipy import from_scipy, to_scipy
from .torch_sparse import from_torch_sparse, to_sparse_tensor, to_torch_sparse

__all__ = [
    "from_anndata",
    "from_edge_index",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "from_torch_sparse",
    "node_dict",
    "node_seeds",
    "node_values",
    "to_anndata",
    "to_edge_index",
    "to_networkx",
    "to_pyg",
    "to_scipy",
    "to_sparse_tensor",
    "to_torch_sparse",
]
