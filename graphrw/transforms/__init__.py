"""PyG's transforms: what a walk knows of a graph as attributes of its `Data`, and denser graphs made by walks.

They are written for `Data` before it is batched, and take a `Batch`, too. All are the same in every run, and follow
nodes that are numbered anew: nothing depends on the sign or the order of eigenvectors.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
