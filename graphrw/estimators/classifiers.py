"""Semi-supervised classification in scikit-learn's manner. Needs scikit-learn, which graphrw itself does not."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_flag
from graphrw.functional.labelling import by_expected_shares, class_mass_normalize, first_met, poisson_labels
from graphrw.solvers import Auto, Solver

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.metrics import accuracy_score
    from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data

    from graphrw.estimators.affinities import graph_of, group_of, prints_of, rows_of
    from graphrw.estimators.equals import Known, keep, number_equal
    from graphrw.estimators.labels import check_met, check_reached, labelled, shares
    from graphrw.estimators.points import Neighbourhoods
except ImportError as error:
    raise MissingDependencyError("`graphrw.estimators` needs scikit-learn ≥ 1.6: pip install scikit-learn") from error


class _TransductiveClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Labels of a few samples spread over a graph of all; new samples get the mean of their neighbours."""

    n_neighbors: int
    beta: float | None
    unreachable: ArrayLike | None
    precomputed: bool
    solver: Solver | None
    classes_: NDArray[Any]
    label_distributions_: NDArray[np.float64]
    labelled_: NDArray[np.bool_]
    neighbourhoods_: Neighbourhoods
    prints_: NDArray[np.float64]

    def fit(self, X: Any, y: Any) -> Self:
        """Label all samples from the labelled ones.

        Args:
            X: (N, C) points, or (N, N) affinities if `precomputed`.
            y: (N,) class ids, −1 for unlabelled samples; strings with −1 among them in an array of dtype object.

        Raises:
            ValueError: for what the parameters, scikit-learn's own checks, or the walk refuse.
        """
        check_flag("precomputed", self.precomputed)
        X, y = self._validated(X, y=y, ensure_min_samples=2)
        self.labelled_ = labelled(y)
        check_classification_targets(y[self.labelled_])
        self.classes_, place = np.unique(y[self.labelled_], return_inverse=True)
        seeds = torch.full((len(y),), -1)
        seeds[torch.from_numpy(self.labelled_)] = torch.from_numpy(place.astype(np.int64))
        graph, weight = self._from_affinity(X) if self.precomputed else self._from_points(X)
        unreachable = self._unreachable()
        if self.labelled_.all():
            scores = torch.nn.functional.one_hot(seeds, len(self.classes_)).double()
        else:
            moved = walk(graph, weight)
            if unreachable is None:
                check_reached(moved, seeds)
            scores = self._scores(moved, seeds, unreachable)
        self.label_distributions_ = scores.numpy()
        self.transduction_ = self.classes_[self.label_distributions_.argmax(1)]
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """(M,) class ids: of each sample, the label of the largest mean."""
        place = self._extended(X).argmax(1)
        labels: NDArray[Any] = self.classes_[place]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on the samples whose label is known, of the others (−1) nothing is; see `ClassifierMixin`."""
        predicted, y = self.predict(X), column_or_1d(y)
        check_consistent_length(predicted, y, sample_weight)
        known = labelled(y)
        assert_all_finite(y)
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(accuracy_score(y[known], predicted[known], sample_weight=weight))

    def _scores(self, walk: Walk, seeds: Tensor, unreachable: Tensor | None) -> Tensor:
        """(N, L) for seeds (N,), some of them −1."""
        raise NotImplementedError

    @property
    def _solver(self) -> Solver:
        return Auto() if self.solver is None else self.solver

    def _validated(self, X: Any, **options: Any) -> Any:
        accepted = ["csr", "csc", "coo"] if self.precomputed else False
        return validate_data(self, X, dtype=np.float64, accept_sparse=accepted, **options)

    def _unreachable(self) -> Tensor | None:
        """(L,): the caller's distribution, checked whether it is needed or not."""
        like = torch.zeros(1, len(self.classes_), dtype=torch.float64)
        return None if self.unreachable is None else shares("unreachable", self.unreachable, like)

    def _from_affinity(self, X: Any) -> tuple[Graph, Tensor]:
        graph, weight = graph_of(X)
        self.prints_ = prints_of(X)
        return graph, weight

    def _from_points(self, X: NDArray[np.float64]) -> tuple[Graph, Tensor]:
        """The graph of nearest neighbours, and its weights."""
        self.neighbourhoods_ = Neighbourhoods.of(X, self.n_neighbors, self.beta)
        return self.neighbourhoods_.graph, self.neighbourhoods_.weight

    def _extended(self, X: Any) -> NDArray[np.float64]:
        """(M, L): for each new sample the mean over the samples of `fit`, weighted by affinity."""
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        return self._by_affinity(X) if self.precomputed else self._by_points(X)

    def _by_points(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        index, share = self.neighbourhoods_.nearest(X)
        average = np.einsum("mk,mkl->ml", share, self.label_distributions_[index])
        group, known = number_equal(X, self.neighbourhoods_.points, self.labelled_)
        return keep(average, group, Known(known, self.labelled_, self.label_distributions_))

    def _by_affinity(self, X: Any) -> NDArray[np.float64]:
        rows, prints = rows_of(X), prints_of(X)
        group, known = np.split(group_of(np.concatenate([prints, self.prints_])), [len(prints)])
        if np.array_equal(group, known):  # all samples of `fit`: also those that equal each other are told apart
            return self.label_distributions_.copy()
        total = rows.sum(1)
        mean = (rows @ self.label_distributions_) / np.where(total > 0, total, 1.0)[:, None]
        empty = total == 0
        if empty.any():
            mean[empty] = self._of_nowhere(empty)
        group = np.where(empty, -1, group)  # rows of zeros are of any sample that hangs on nothing
        return keep(mean, group, Known(known, self.labelled_, self.label_distributions_))

    def _of_nowhere(self, empty: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(L,): what samples have that have no affinity to any of `fit`."""
        unreachable = self._unreachable()
        if unreachable is None:
            raise ValueError(
                f"{empty.sum()} of {len(empty)} samples of `X` (first: {int(empty.argmax())}) have no affinity to any "
                "sample of `fit`, so no class. Give `unreachable`, the probabilities of the classes for such samples."
            )
        return unreachable.numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.pairwise = inputs.sparse = inputs.positive_only = bool(self.precomputed)
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
            `class_mass_normalize`: the shares with which classes are expected, (L,) in the order of `classes_`; True,
            those of the labelled samples; None, these, with 20 more labels counted for each class, so that the shares
            of few labels, which are chance, stay near equal ones, and nothing for fewer than ten unlabelled samples a
            class; False, nothing is made up for.
        alpha: in (0, 1): at each step a walker goes on with this probability and ends otherwise, and those count that
            have met a label. So near labels count more than well-connected ones; which α does best, labels say that
            are kept back. None: walkers go on until they meet a label.
        unreachable: (L,) probabilities for samples in parts of the graph without any label, and with `alpha` for those
            from which less than one walker in 10⁹ meets one, or fewer than `solver` tells apart to three digits; None:
            they are an error.
        precomputed: X holds affinities between samples instead of points.
        solver: how to solve; None: `Auto()`.

    A new sample gets the mean of its nearest neighbours' probabilities, weighted as edges are: the harmonic value it
    would have if it were joined to the graph without changing it. A sample that was in `fit` gets what it got there: a
    labelled one its label; so ``predict`` of the samples of ``fit`` is `transduction_`, unless equal ones have
    different labels there (then labelled ones decide, by their mean).

    Affinities are (N, N) ≥ 0, symmetric, dense or sparse, their diagonal ignored, in `fit`; (M, N), from each new
    sample to those of `fit`, in `predict`. Nothing is added to them. Samples of `fit` are known by their rows, diagonal
    included. One without any affinity gets what `unreachable` says.

    Attributes after `fit`:
        classes_: (L,) class ids, as they came in, sorted.
        label_distributions_: (N, L) probabilities of the samples of `fit`.
        labelled_: (N,) which of them were labelled.
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
        class_mass: bool | ArrayLike | None = None,
        alpha: float | None = None,
        unreachable: ArrayLike | None = None,
        precomputed: bool = False,
        solver: Solver | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.beta = beta
        self.class_mass = class_mass
        self.alpha = alpha
        self.unreachable = unreachable
        self.precomputed = precomputed
        self.solver = solver

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(M, L) probabilities of each sample, in the order of `classes_`; rows sum to 1."""
        return self._extended(X)

    def _scores(self, walk: Walk, seeds: Tensor, unreachable: Tensor | None) -> Tensor:
        probability, lost = first_met(
            walk, seeds, len(self.classes_), alpha=self.alpha, made_up=self._made_up, solver=self._solver
        )
        if unreachable is None:
            check_met(lost)
        else:
            probability[lost] = unreachable
        return probability

    def _made_up(self, probability: Tensor, seeds: Tensor) -> Tensor:
        """`probability` by class mass, as `class_mass` says."""
        if self.class_mass is False:
            return probability
        if self.class_mass is None:
            return by_expected_shares(probability, seeds)
        prior = None if self.class_mass is True else shares("class_mass", self.class_mass, probability)
        return class_mass_normalize(probability, seeds, prior)


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

    def _scores(self, walk: Walk, seeds: Tensor, unreachable: Tensor | None) -> Tensor:
        like = torch.zeros(1, len(self.classes_), dtype=torch.float64)
        prior = None if self.prior is None else shares("prior", self.prior, like)
        return poisson_labels(walk, seeds, prior=prior, unreachable=unreachable, solver=self._solver)
