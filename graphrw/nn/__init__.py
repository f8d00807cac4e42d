"""Layers to put into a model: a thin one for each thing that a walk answers, and edge weights from networks."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
