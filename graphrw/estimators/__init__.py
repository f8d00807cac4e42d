"""Classifiers for scikit-learn, which is imported when one of them is first asked for: graphrw does not need it."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
