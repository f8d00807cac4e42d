from .classifiers import PoissonClassifier, RandomWalkClassifier

__all__ = ["PoissonClassifier", "RandomWalkClassifier"]
