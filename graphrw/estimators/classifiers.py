"""Semi-supervised classification in scikit-learn's manner. Needs scikit-learn, which graphrw itself does not."""

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array
from scipy.special import softmax
from torch import Tensor

from graphrw.build.affinity import local_scale, self_tuning_affinity
from graphrw.build.knn import knn_graph
from graphrw.convert import from_scipy
from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_whole
from graphrw.functional import hitting_probabilities
from graphrw.functional.labelling import class_mass_normalize, poisson_labels
from graphrw.solvers import Auto, Solver

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.neighbors import NearestNeighbors
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingDependencyError("`graphrw.estimators` needs scikit-learn ≥ 1.6: pip install scikit-learn") from error

FLOOR = 1e-6  # added to weights that are at most 1: an exponential that underflows would cut the graph
SCALE_NEIGHBOUR = 7  # K of self-tuning scales, as in the paper


class _TransductiveClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Labels of a few samples spread over a graph of all; new samples get the mean of their neighbours."""

    n_neighbors: int
    beta: float | None
    unreachable: ArrayLike | None
    precomputed: bool
    solver: Solver | None
    classes_: NDArray[Any]
    label_distributions_: NDArray[np.float64]
    points_: NDArray[np.float64]
    scale_: NDArray[np.float64]
    neighbours_: Any

    def fit(self, X: Any, y: Any) -> Self:
        """Label all samples from the labelled ones.

        Args:
            X: (N, C) points, or (N, N) affinities if `precomputed`.
            y: (N,) class ids, −1 for unlabelled samples; strings with −1 among them in an array of dtype object.

        Raises:
            ValueError: for what the parameters, scikit-learn's own checks, or the walk refuse.
        """
        X, y = self._validated(X, y=y, ensure_min_samples=2)
        known = np.array([label != -1 for label in y.tolist()])
        if not known.any():
            raise ValueError("`y` is −1 everywhere: without a labelled sample there is no class. Label at least one.")
        check_classification_targets(y[known])
        self.classes_, place = np.unique(y[known], return_inverse=True)
        seeds = torch.full((len(y),), -1)
        seeds[torch.from_numpy(known)] = torch.from_numpy(place.astype(np.int64))
        graph, weight = _from_affinity(X) if self.precomputed else self._from_points(X)
        self.label_distributions_ = self._scores(walk(graph, weight), seeds).numpy()
        self.transduction_ = self.classes_[self.label_distributions_.argmax(1)]
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """(M,) class ids: of each sample, the label of the largest mean."""
        place = self._extended(X).argmax(1)
        labels: NDArray[Any] = self.classes_[place]
        return labels

    def _scores(self, walk: Walk, seeds: Tensor) -> Tensor:
        """(N, L) for seeds (N,)."""
        raise NotImplementedError

    def _validated(self, X: Any, **options: Any) -> Any:
        accepted = ["csr", "csc", "coo"] if self.precomputed else False
        return validate_data(self, X, dtype=np.float64, accept_sparse=accepted, **options)

    def _from_points(self, X: NDArray[np.float64]) -> tuple[Graph, Tensor]:
        """The graph of nearest neighbours, and its weights."""
        check_whole("n_neighbors", self.n_neighbors, 1)
        if self.beta is not None and not 0 < self.beta < math.inf:
            raise ValueError(f"`beta` must be positive and finite, or None for self-tuning scales; got {self.beta}.")
        k = min(int(self.n_neighbors), len(X) - 1)
        graph, distance = knn_graph(torch.tensor(X), k)
        self.neighbours_ = NearestNeighbors(n_neighbors=min(self.n_neighbors, len(X))).fit(X)
        self.points_ = X
        if self.beta is None:
            nearest = min(k, SCALE_NEIGHBOUR)
            self.scale_ = local_scale(graph, distance, nearest).numpy()
            weight = self_tuning_affinity(graph, distance, nearest)
        else:
            weight = torch.exp(-self.beta * distance.square())
        return graph, FLOOR + (1 - FLOOR) * weight

    def _extended(self, X: Any) -> NDArray[np.float64]:
        """(M, L): for each new sample the mean over the samples of `fit`, weighted by affinity."""
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        if self.precomputed:
            affinity = csr_array(X)
            total = affinity.sum(1)
            if not (total > 0).all():
                sample = int(np.flatnonzero(~(total > 0))[0])
                raise ValueError(f"Sample {sample} of `X` has no affinity to any sample of `fit`, so no class.")
            mean: NDArray[np.float64] = (affinity @ self.label_distributions_) / total[:, None]
            return mean
        index = self.neighbours_.kneighbors(X, return_distance=False)
        share = self._shares(X, index)
        average: NDArray[np.float64] = np.einsum("mk,mkl->ml", share, self.label_distributions_[index])
        return average

    def _shares(self, X: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
        """(M, k): the shares that the neighbours `index` (M, k) have in new samples `X` (M, C)."""
        distance = np.stack([np.linalg.norm(X - self.points_[nearest], axis=1) for nearest in index.T], axis=1)
        same = distance == 0
        if self.beta is None:
            own = distance[:, min(index.shape[1], SCALE_NEIGHBOUR) - 1, None]
            exponent = distance**2 / np.where(own > 0, own * self.scale_[index], 1.0)
        else:
            exponent = self.beta * distance**2
        exponent = np.where(same.any(1, keepdims=True), np.where(same, 0.0, np.inf), exponent)
        share: NDArray[np.float64] = softmax(-exponent, axis=1)
        return share

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = tags.input_tags.sparse = bool(self.precomputed)
        return tags


class RandomWalkClassifier(_TransductiveClassifier):
    """Each sample gets the probabilities that a random walk from it first meets each class (Zhu et al. 2003).

    Samples are joined to their nearest neighbours, closer ones with larger weights; `hitting_probabilities` labels
    those that have no label. Labelled samples keep theirs.

    Args:
        n_neighbors: each sample is joined to so many nearest ones (to all, if there are fewer), and they to it.
        beta: > 0: weights are exp(−β d²), in inverse squared units of the distance d. None: exp(−d² / (σ_i σ_j)), σ the
            distance to the 7th neighbour (`self_tuning_affinity`). Either is raised by 1e-6, so that none vanishes.
        class_mass: make up for classes that win everywhere because their few labelled samples are well connected, see
            `class_mass_normalize`: True, each class is expected with its share of the labelled samples; or these
            shares, (L,) in the order of `classes_`.
        unreachable: (L,) probabilities for samples in parts of the graph without any label; None: they are an error.
        precomputed: X holds affinities between samples instead of points.
        solver: how to solve; None: `Auto()`.

    A new sample gets the mean of its nearest neighbours' probabilities, weighted as edges are: the harmonic value it
    would have if it were joined to the graph without changing it. A sample that was in `fit` gets what it got there.
    So ``predict`` of the samples of ``fit`` is `transduction_`, unless equal points have different labels.

    Affinities are (N, N) ≥ 0, symmetric, dense or sparse, their diagonal ignored, in `fit`; (M, N), from each new
    sample to those of `fit`, in `predict`. Nothing is added to them.

    Attributes after `fit`:
        classes_: (L,) class ids, as they came in, sorted.
        label_distributions_: (N, L) probabilities of the samples of `fit`.
        transduction_: (N,) their class ids.

    >>> points = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> classifier = RandomWalkClassifier(n_neighbors=3).fit(points, [4, -1, -1, -1, -1, 9])
    >>> classifier.transduction_.tolist(), classifier.predict([[3.0]]).tolist()
    ([4, 4, 4, 9, 9, 9], [4])
    """

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        beta: float | None = None,
        class_mass: bool | ArrayLike = False,
        unreachable: ArrayLike | None = None,
        precomputed: bool = False,
        solver: Solver | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.beta = beta
        self.class_mass = class_mass
        self.unreachable = unreachable
        self.precomputed = precomputed
        self.solver = solver

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(M, L) probabilities of each sample, in the order of `classes_`; rows sum to 1."""
        return self._extended(X)

    def _scores(self, walk: Walk, seeds: Tensor) -> Tensor:
        unreachable, solver = _tensor(self.unreachable), self.solver or Auto()
        probability = hitting_probabilities(walk, seeds, unreachable=unreachable, solver=solver)
        if self.class_mass is False:
            return probability
        return class_mass_normalize(probability, seeds, None if self.class_mass is True else _tensor(self.class_mass))


class PoissonClassifier(_TransductiveClassifier):
    """Labels from sources and sinks at the labelled samples, for very few of them: `poisson_labels`.

    Args:
        prior: (L,) the expected share of each class, in the order of `classes_`; None: that of the labelled samples.
        n_neighbors, beta, unreachable, precomputed, solver: as in `RandomWalkClassifier`.

    There are scores, no probabilities: `decision_function`, and `label_distributions_` hold them. New samples get the
    weighted mean of their neighbours' scores. The attributes are those of `RandomWalkClassifier`.

    >>> points = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> PoissonClassifier(n_neighbors=3).fit(points, [4, -1, -1, -1, -1, 9]).transduction_.tolist()
    [4, 4, 4, 9, 9, 9]
    """

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        beta: float | None = None,
        prior: ArrayLike | None = None,
        unreachable: ArrayLike | None = None,
        precomputed: bool = False,
        solver: Solver | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.beta = beta
        self.prior = prior
        self.unreachable = unreachable
        self.precomputed = precomputed
        self.solver = solver

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """(M, L) scores; for two classes (M,), positive where the second wins."""
        scores = self._extended(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def _scores(self, walk: Walk, seeds: Tensor) -> Tensor:
        prior, unreachable = _tensor(self.prior), _tensor(self.unreachable)
        return poisson_labels(walk, seeds, prior=prior, unreachable=unreachable, solver=self.solver or Auto())


def _tensor(values: ArrayLike | None) -> Tensor | None:
    return None if values is None else torch.tensor(np.asarray(values, dtype=np.float64))


def _from_affinity(X: Any) -> tuple[Graph, Tensor]:
    """The graph and weights of an (N, N) affinity matrix, without its diagonal."""
    entries = coo_array(X)
    if entries.shape[0] != entries.shape[1]:
        raise ValueError(f"`X` must be a square matrix of affinities (`precomputed=True`); got {entries.shape}.")
    row, column = entries.coords
    apart = (row != column) & (entries.data != 0)
    return from_scipy(coo_array((entries.data[apart], (row[apart], column[apart])), shape=entries.shape))
