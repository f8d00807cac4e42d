"""Graphs from and to other libraries; each ``from_…`` returns the graph and its weights (E,), but for `from_anndata`,
which returns what `fate_probabilities` takes.

`node_seeds`, `node_values` and `node_dict` translate between the numbers of nodes and their names in networkx.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
