"""Random walks you can train, on any graph.

Here stands what is typed in the first hour. All else is in its room: `graphrw.build`, `convert`, `functional`, `nn`,
`models`, `partition`, `segmentation`, `estimators`, `losses`, `metrics`, `solvers`, `spectral`,
`transforms`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
