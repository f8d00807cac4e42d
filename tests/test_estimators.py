"""The scikit-learn classifiers: their contract, the walk behind them, new samples, and what they refuse."""

import importlib
import sys

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import graphrw as rw
from graphrw.build.affinity import self_tuning_affinity
from graphrw.build.knn import knn_graph
from graphrw.core.errors import MissingDependencyError, SingularWalkError
from graphrw.estimators import PoissonClassifier, RandomWalkClassifier
from graphrw.functional.labelling import class_mass_normalize, poisson_labels
from graphrw.solvers import Dense

CLASSIFIERS = [RandomWalkClassifier(), PoissonClassifier()]
every_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda made: type(made).__name__)
EXCUSED = {
    "check_classifiers_classes": "−1 is a class there, here an unlabelled sample; scikit-learn excuses its own by name",
    "check_array_api_input": "needs SCIPY_ARRAY_API",
    "check_classifier_data_not_an_array": "needs pandas",
}
CHECKS = [
    pytest.param(made, check, id=f"{type(made).__name__}-{check.func.__name__}-{number}")
    for classifier in CLASSIFIERS
    for number, (made, check) in enumerate(estimator_checks_generator(classifier))
    if check.func.__name__ not in EXCUSED
]


def moons(labelled=3, num=120):
    """Two moons with so many labelled samples each, named 7 and 3; their ids, and those that are given."""
    points, side = make_moons(num, noise=0.05, random_state=0)
    names = np.array([7, 3])[side]
    given = np.full(num, -1)
    for name in (3, 7):
        given[np.flatnonzero(names == name)[:labelled]] = name
    return points, names, given


# --- scikit-learn's contract ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("classifier", "check"), CHECKS)
def test_scikit_learn_accepts_the_estimator(classifier, check):
    check(classifier)


@every_classifier
def test_the_estimator_works_in_a_pipeline_and_a_cross_validation(classifier):
    points, names, _ = moons()
    model = make_pipeline(StandardScaler(), clone(classifier).set_params(n_neighbors=np.int64(8)))
    assert cross_val_score(model, points, names, cv=3).mean() > 0.95


def test_affinities_are_cut_in_both_directions_by_a_cross_validation():
    points, names, _ = moons()
    affinity = np.exp(-10 * ((points[:, None] - points) ** 2).sum(2))
    assert cross_val_score(RandomWalkClassifier(precomputed=True), affinity, names, cv=3).mean() > 0.95


@pytest.mark.parametrize("dtype", [object, "U5"])
def test_class_names_survive(dtype):
    points, names, given = moons()
    words = {3: "three", 7: "seven", -1: -1}
    fitted = RandomWalkClassifier().fit(points, np.array([words[label] for label in given], dtype=object))
    assert fitted.classes_.tolist() == ["seven", "three"]
    assert (fitted.predict(points) == np.array([words[name] for name in names], dtype=dtype)).mean() > 0.95


# --- the walk behind it ---------------------------------------------------------------------------------------------


def test_two_moons_are_told_apart_and_ids_survive():
    points, names, given = moons()
    fitted = RandomWalkClassifier().fit(points, given)
    assert fitted.classes_.tolist() == [3, 7]
    assert (fitted.transduction_ == names).mean() > 0.95
    assert (fitted.transduction_ == given)[given != -1].all()
    assert np.allclose(fitted.label_distributions_.sum(1), 1)


@pytest.mark.parametrize("beta", [None, 3.0])
def test_labels_are_hitting_probabilities_on_the_graph_of_neighbours(beta):
    points, _, given = moons()
    graph, distance = knn_graph(torch.tensor(points), 8)
    weight = self_tuning_affinity(graph, distance, 7) if beta is None else torch.exp(-beta * distance**2)
    seeds = torch.tensor([{3: 0, 7: 1, -1: -1}[label] for label in given])
    moved = rw.walk(graph, 1e-6 + (1 - 1e-6) * weight)
    harmonic = rw.hitting_probabilities(moved, seeds)
    flat = RandomWalkClassifier(8, beta=beta, class_mass=False).fit(points, given)
    assert np.allclose(flat.label_distributions_, harmonic)
    default = RandomWalkClassifier(8, beta=beta).fit(points, given)
    assert np.allclose(default.label_distributions_, class_mass_normalize(harmonic, seeds, pseudo_labels=20))
    by_shares = RandomWalkClassifier(8, beta=beta, class_mass=True, solver=Dense()).fit(points, given)
    assert np.allclose(by_shares.label_distributions_, class_mass_normalize(harmonic, seeds))
    prior = torch.tensor([0.2, 0.8], dtype=torch.float64)
    by_prior = RandomWalkClassifier(8, beta=beta, class_mass=[0.2, 0.8]).fit(points, given)
    assert np.allclose(by_prior.label_distributions_, class_mass_normalize(harmonic, seeds, prior))
    poisson = PoissonClassifier(8, beta=beta, prior=[0.2, 0.8]).fit(points, given)
    assert np.allclose(poisson.label_distributions_, poisson_labels(moved, seeds, prior=prior))


@pytest.mark.parametrize("class_mass", [False, None])
def test_with_alpha_labels_are_those_of_walkers_that_meet_one_before_they_end(class_mass):
    points, _, given = moons()
    graph, distance = knn_graph(torch.tensor(points), 8)
    seeds = torch.tensor([{3: 0, 7: 1, -1: -1}[label] for label in given])
    matrix = rw.to_scipy(graph, torch.exp(-distance))
    fitted = RandomWalkClassifier(alpha=0.8, class_mass=class_mass, precomputed=True).fit(matrix, given)
    weight = torch.tensor(matrix.toarray())
    share = 0.8 * weight / weight.sum(1, keepdim=True)  # P of the walk that ends
    free = seeds < 0
    ahead = torch.nn.functional.one_hot(seeds[~free], 2).double()
    met = torch.linalg.solve(torch.eye(int(free.sum())) - share[free][:, free], share[free][:, ~free] @ ahead)
    if class_mass is None:
        met = met / met.sum(0)  # as many labels of each class
    assert np.allclose(fitted.label_distributions_[free], met / met.sum(1, keepdim=True))
    assert np.allclose(fitted.label_distributions_[~free], ahead)


def test_where_walkers_end_before_they_meet_a_label_the_caller_says_what_holds():
    # h_i = (h_{i−1} + h_{i+1}) / 4 falls by 2 − √3 a step, below 1e-9 after 16, so not at the 16 nodes at either end.
    line = rw.to_scipy(rw.grid_graph((60,)), torch.ones(59))
    given = [0] + [-1] * 58 + [1]
    with pytest.raises(ValueError, match=r"From 28 of 60 samples \(first: 16\) hardly any .*`alpha`.*`unreachable`"):
        RandomWalkClassifier(alpha=0.5, precomputed=True).fit(line, given)
    fitted = RandomWalkClassifier(alpha=0.5, precomputed=True, unreachable=[0.3, 0.7]).fit(line, given)
    assert np.array_equal(fitted.label_distributions_[16:44], np.tile([0.3, 0.7], (28, 1)))
    assert fitted.transduction_.tolist() == [0] * 16 + [1] * 44


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_affinities_of_every_form_give_the_labels_of_their_graph(form):
    points, _, given = moons()
    graph, distance = knn_graph(torch.tensor(points), 8)
    matrix = rw.to_scipy(graph, torch.exp(-distance))
    with_diagonal = form(matrix.toarray() + np.eye(120))
    seeds = torch.tensor([{3: 0, 7: 1, -1: -1}[label] for label in given])
    expected = rw.hitting_probabilities(rw.walk(graph, torch.exp(-distance)), seeds)
    fitted = RandomWalkClassifier(precomputed=True, class_mass=False).fit(with_diagonal, given)
    assert np.allclose(fitted.label_distributions_, expected)
    new = np.random.default_rng(0).random((5, 120))
    assert np.allclose(fitted.predict_proba(form(new)), new @ expected.numpy() / new.sum(1, keepdims=True))


def test_poisson_learning_names_digits_from_one_example_each_where_harmonic_labels_cannot():
    pixels, digits = load_digits(return_X_y=True)
    pixels, digits = pixels[:600], digits[:600]
    right = {"harmonic": [], "class mass": [], "Poisson": []}
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(600)
        given = np.full(600, -1)
        for digit in range(10):
            given[order[digits[order] == digit][0]] = digit
        models = [RandomWalkClassifier(class_mass=False), RandomWalkClassifier(), PoissonClassifier()]
        for name, model in zip(right, models, strict=True):
            right[name].append((model.fit(pixels, given).transduction_ == digits)[given == -1].mean())
    harmonic, class_mass, poisson = (np.mean(shares) for shares in right.values())
    assert class_mass > harmonic + 0.03
    assert poisson > harmonic + 0.03


# --- new samples ----------------------------------------------------------------------------------------------------


@every_classifier
@pytest.mark.parametrize("beta", [None, 2.0])
def test_samples_of_fit_are_predicted_as_they_were_labelled(classifier, beta):
    pixels, digits = load_digits(return_X_y=True)
    given = np.where(np.arange(300) < 60, digits[:300], -1)
    fitted = clone(classifier).set_params(beta=None if beta is None else beta / 1000).fit(pixels[:300], given)
    assert (fitted.predict(pixels[:300]) == fitted.transduction_).all()


@pytest.mark.parametrize("beta", [None, 2.0])
def test_a_new_sample_gets_the_harmonic_value_of_a_node_joined_to_its_neighbours(beta):
    points, _, given = moons()
    fitted = RandomWalkClassifier(8, beta=beta).fit(points, given)
    new = np.random.default_rng(0).uniform(-1, 2, (30, 2))
    distance = np.linalg.norm(new[:, None] - points, axis=2)
    order = distance.argsort(axis=1)[:, :8]
    for sample, near, ours in zip(distance, order, fitted.predict_proba(new), strict=True):
        scale = sample[near[6]] * fitted.neighbourhoods_.scale[near] if beta is None else 1 / beta
        weight = np.exp(-(sample[near] ** 2) / scale)
        assert np.allclose(ours, weight @ fitted.label_distributions_[near] / weight.sum())


def test_far_samples_have_a_class_although_all_weights_underflow():
    points, _, given = moons()
    proba = RandomWalkClassifier(beta=50.0).fit(points, given).predict_proba([[1e4, 1e4], [-1e4, 0.0]])
    assert np.allclose(proba.sum(1), 1)


def test_scores_of_two_classes_are_one_column_whose_sign_decides():
    points, _, given = moons()
    fitted = PoissonClassifier().fit(points, given)
    scores = fitted.decision_function(points)
    assert scores.shape == (120,)
    assert (fitted.classes_[(scores > 0).astype(int)] == fitted.predict(points)).all()
    assert not hasattr(fitted, "predict_proba")


# --- unlabelled parts and errors ------------------------------------------------------------------------------------


@every_classifier
def test_a_part_of_the_graph_without_label_is_an_error_or_gets_what_the_caller_says(classifier):
    points, _, given = moons()
    points, given = np.concatenate([points, points + 100]), np.concatenate([given, np.full(120, -1)])
    with pytest.raises(SingularWalkError, match=r"^120 of 240 samples \(first: 120\).*in `y`, or .*`unreachable`"):
        clone(classifier).fit(points, given)
    fitted = clone(classifier).set_params(unreachable=[0.1, 0.9]).fit(points, given)
    assert (fitted.transduction_[120:] == 7).all()


def test_without_scikit_learn_only_asking_for_a_classifier_is_an_error_that_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    for name in ("graphrw.estimators", "graphrw.estimators.classifiers"):
        monkeypatch.delitem(sys.modules, name)
    estimators = importlib.import_module("graphrw.estimators")
    assert "graphrw.estimators.classifiers" not in sys.modules
    with pytest.raises(MissingDependencyError, match=r"`graphrw\.estimators` needs scikit-learn ≥ 1\.6: pip"):
        _ = estimators.RandomWalkClassifier
    with pytest.raises(AttributeError, match=r"graphrw\.estimators attribute Nothing"):
        _ = estimators.Nothing


POINTS, _, GIVEN = moons()
AFFINITY = kneighbors_graph(POINTS, 5)  # not symmetric
REFUSED = {
    "no label": (lambda: RandomWalkClassifier().fit(POINTS, 0 * GIVEN - 1), "`y` is −1 everywhere"),
    "neighbours": (
        lambda: RandomWalkClassifier(0).fit(POINTS, GIVEN),
        "`n_neighbors` must be a whole number from 1; got 0",
    ),
    "half neighbours": (lambda: RandomWalkClassifier(2.5).fit(POINTS, GIVEN), "must be a whole number from 1; got 2.5"),
    "beta": (lambda: PoissonClassifier(beta=0.0).fit(POINTS, GIVEN), "`beta` must be positive and finite, or None"),
    "beta in words": (lambda: RandomWalkClassifier(beta="3").fit(POINTS, GIVEN), "or None for self-tuning .*; got '3'"),
    "shares": (
        lambda: RandomWalkClassifier(class_mass=[0.5, 0.4]).fit(POINTS, GIVEN),
        r"`class_mass` must be a distribution \(≥ 0, sum 1\); got \[0.5, 0.4\]",
    ),
    "a new sample with a negative affinity": (
        lambda: RandomWalkClassifier(precomputed=True).fit(AFFINITY + AFFINITY.T, GIVEN).predict(-np.eye(120)[1:3]),
        "Negative values in data passed to",
    ),
    "unreachable that is none": (
        lambda: RandomWalkClassifier(unreachable=[0.5, 0.4]).fit(POINTS, GIVEN),
        r"`unreachable` must be a distribution \(≥ 0, sum 1\); got \[0.5, 0.4\]",
    ),
    "a −1 that became a string": (
        lambda: RandomWalkClassifier(3).fit(np.arange(6.0)[:, None], np.array(["a", -1, -1, -1, -1, "b"])),
        "`y` holds the string '-1', as NumPy makes it of a −1 among strings. Mark .* dtype object",
    ),
    "affinities that are not square": (
        lambda: RandomWalkClassifier(precomputed=True).fit(POINTS, GIVEN),
        r"`X` must be a square matrix of affinities \(`precomputed=True`\); got \(120, 2\)",
    ),
    "affinities that are not symmetric": (
        lambda: RandomWalkClassifier(precomputed=True).fit(AFFINITY, GIVEN),
        r"symmetrise with `\(X \+ X.T\) / 2`, or take `from_scipy",
    ),
    "negative affinities": (
        lambda: RandomWalkClassifier(precomputed=True).fit(-AFFINITY, GIVEN),
        "Negative values in data passed to",
    ),
    "a new sample without affinity": (
        lambda: RandomWalkClassifier(precomputed=True).fit(AFFINITY + AFFINITY.T, GIVEN).predict(np.eye(120)[:3] * 0),
        r"3 of 3 samples of `X` \(first: 0\) have no affinity to any sample of `fit`, so no class. Give `unreachable`",
    ),
}


def test_sparse_points_are_refused_by_scikit_learn():
    with pytest.raises(TypeError, match=r"Sparse data was passed for X"):
        RandomWalkClassifier().fit(AFFINITY, GIVEN)


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_class_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_samples_without_a_label_do_not_count_in_a_score() -> None:
    points, truth = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]], np.array([0, 0, 0, 1, 1, 1])
    classifier = RandomWalkClassifier(n_neighbors=3).fit(points, [0, -1, -1, -1, -1, 1])
    assert classifier.score(points, truth) == classifier.score(points, [-1, 0, -1, -1, 1, -1]) == 1.0
    weight = np.array([1.0, 9.0, 1.0, 1.0, 1.0, 1.0])
    assert classifier.score(points, [0, -1, 1, -1, -1, -1], sample_weight=weight) == 0.5
    with pytest.raises(ValueError, match="−1 everywhere"):
        classifier.score(points, np.full(6, -1))
