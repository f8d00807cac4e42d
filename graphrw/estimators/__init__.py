"""Classifiers for scikit-learn, which is imported when one of them is first asked for: graphrw does not need it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrw.estimators.classifiers import PoissonClassifier, RandomWalkClassifier

__all__ = ["PoissonClassifier", "RandomWalkClassifier"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("graphrw.estimators.classifiers"), name)
