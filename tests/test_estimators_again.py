"""Samples that the classifiers meet again, samples that hang on nothing, equal ones, and the default for few labels."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_moons
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import kneighbors_graph
from sklearn.utils.estimator_checks import estimator_checks_generator

import graphrw as rw
from graphrw.estimators import PoissonClassifier, RandomWalkClassifier
from graphrw.functional import class_mass_normalize, hitting_probabilities
from graphrw.solvers import CG, Cholesky, Multigrid

PRECOMPUTED = [RandomWalkClassifier(precomputed=True), PoissonClassifier(precomputed=True)]
every_classifier = pytest.mark.parametrize("classifier", PRECOMPUTED, ids=lambda made: type(made).__name__)
EXCUSED = {
    "check_classifiers_classes": "−1 is a class there, here an unlabelled sample; scikit-learn excuses its own by name",
    "check_array_api_input": "needs SCIPY_ARRAY_API",
    "check_classifier_data_not_an_array": "needs pandas",
}
CHECKS = [
    pytest.param(made, check, id=f"{type(made).__name__}-{check.func.__name__}-{number}")
    for classifier in PRECOMPUTED
    for number, (made, check) in enumerate(estimator_checks_generator(classifier))
    if check.func.__name__ not in EXCUSED
]


@pytest.mark.parametrize(("classifier", "check"), CHECKS)
def test_scikit_learn_accepts_the_estimator_of_affinities(classifier, check):
    check(classifier)


# --- samples of fit -------------------------------------------------------------------------------------------------

PATH = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0.0]])


def moons(num=120):
    points, side = make_moons(num, noise=0.05, random_state=0)
    given = np.where(np.arange(num) < 12, side, -1)
    return points, side, given


def test_labelled_samples_keep_their_labels_in_predict():
    classifier = RandomWalkClassifier(precomputed=True).fit(PATH, [0, 1, -1, 1])
    assert classifier.transduction_.tolist() == [0, 1, 1, 1]
    assert classifier.predict(PATH).tolist() == [0, 1, 1, 1]
    assert classifier.score(PATH[[0, 1, 3]], [0, 1, 1]) == 1


@every_classifier
@pytest.mark.parametrize("diagonal", [0.0, 1.0])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.coo_array])
def test_samples_of_fit_are_known_by_their_affinities(classifier, diagonal, form):
    points, _, given = moons()
    affinity = rbf_kernel(points, gamma=5.0)
    np.fill_diagonal(affinity, diagonal)
    fitted = clone(classifier).fit(form(affinity), given)
    some = np.random.default_rng(0).permutation(120)[:50]
    for rows in (slice(None), some, some[:1]):
        assert np.array_equal(fitted.predict(form(affinity[rows])), fitted.transduction_[rows])
    rounded = affinity[some] * (1 + 1e-15)  # as another way to compute them may give
    assert np.array_equal(fitted.predict(form(rounded)), fitted.transduction_[some])


def leaves():
    """Two hubs that are joined, with three equal leaves each; the first leaf of each is labelled."""
    matrix = np.zeros((8, 8))
    for hub, own in ((0, (2, 3, 4)), (1, (5, 6, 7))):
        matrix[hub, list(own)] = matrix[list(own), hub] = 1.0
    matrix[0, 1] = matrix[1, 0] = 5.0
    return matrix, np.array([-1, 1, 0, -1, -1, 1, -1, -1])


def test_equal_samples_are_told_apart_where_all_of_fit_come_together():
    matrix, given = leaves()
    fitted = RandomWalkClassifier(precomputed=True, class_mass=False).fit(matrix, given)
    assert fitted.transduction_.tolist() == [1, 1, 0, 1, 1, 1, 1, 1]
    assert fitted.predict(matrix).tolist() == fitted.transduction_.tolist()
    assert np.array_equal(fitted.predict_proba(matrix), fitted.label_distributions_)


def test_of_equal_samples_the_labelled_ones_decide():
    matrix, given = leaves()
    fitted = RandomWalkClassifier(precomputed=True, class_mass=False).fit(matrix, given)
    assert fitted.predict(matrix[[2]]).tolist() == [0]
    assert fitted.predict_proba(matrix[[3]]).tolist() == [[1.0, 0.0]]  # equals 2, which is labelled
    unlabelled = RandomWalkClassifier(precomputed=True, class_mass=False).fit(matrix, [0, 1, -1, -1, -1, 1, -1, -1])
    assert np.allclose(unlabelled.predict_proba(matrix[[3]]), unlabelled.label_distributions_[2:5].mean(0))


def test_a_labelled_point_among_many_equal_ones_keeps_its_label():
    """More of them than neighbours are looked at, and 0.0 equals −0.0."""
    points = np.concatenate([np.zeros((30, 1)), np.linspace(1, 3, 30)[:, None]])
    given = np.full(60, -1)
    given[29], given[30:40] = 0, 1
    fitted = RandomWalkClassifier(n_neighbors=35, class_mass=[0.05, 0.95]).fit(points, given)
    few = RandomWalkClassifier(n_neighbors=5, beta=1.0, unreachable=[0.1, 0.9]).fit(points, given)
    assert fitted.predict([[0.0], [-0.0]]).tolist() == [0, 0]
    assert few.predict([[0.0]]).tolist() == [0]


def test_a_fitted_classifier_of_affinities_survives_pickling():
    points, _, given = moons()
    affinity = rbf_kernel(points, gamma=5.0)
    fitted = RandomWalkClassifier(precomputed=True).fit(affinity, given)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(affinity[5:9]), fitted.predict_proba(affinity[5:9]))


# --- samples that hang on nothing -----------------------------------------------------------------------------------


def apart():
    matrix = np.zeros((5, 5))
    matrix[0, 1] = matrix[1, 0] = matrix[3, 4] = matrix[4, 3] = 1.0
    return matrix, [0, -1, -1, 1, -1]


@every_classifier
def test_new_samples_without_affinity_get_what_unreachable_says(classifier):
    matrix, given = apart()
    fitted = clone(classifier).set_params(unreachable=[0.3, 0.7]).fit(matrix, given)
    assert fitted.label_distributions_[2].tolist() == [0.3, 0.7]
    assert fitted.predict(np.array([[0, 1.0, 0, 0, 0], [0, 0, 0, 0, 0]])).tolist() == [0, 1]
    assert fitted.predict(np.zeros((2, 5))).tolist() == [1, 1]


def test_the_probabilities_of_a_batch_with_an_empty_row_are_those_of_its_rows():
    matrix, given = apart()
    fitted = RandomWalkClassifier(precomputed=True, unreachable=[0.5, 0.5]).fit(matrix, given)
    rows = np.array([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1.0, 0, 0, 3.0, 0]])
    assert np.allclose(fitted.predict_proba(rows), [[1, 0], [0.5, 0.5], [0.25, 0.75]])


def test_a_labelled_sample_that_hangs_on_nothing_keeps_its_label_among_all():
    matrix, _ = apart()
    fitted = RandomWalkClassifier(precomputed=True, unreachable=[1.0, 0.0]).fit(matrix, [0, -1, 1, 1, -1])
    assert fitted.predict(matrix).tolist() == [0, 0, 1, 1, 1]


@every_classifier
def test_a_sparse_graph_of_neighbours_can_be_cross_validated(classifier):
    """With two neighbours each, some test samples have none among those of training."""
    points, side, _ = moons(60)
    near = kneighbors_graph(points, 1)
    affinity = near.maximum(near.T)
    told = clone(classifier).set_params(unreachable=[0.5, 0.5])
    scores = cross_val_score(told, affinity, side, cv=2, error_score="raise")
    assert scores.mean() > 0.6
    with pytest.raises(ValueError, match=r"samples of `X` \(first: \d+\) have no affinity .* Give `unreachable`"):
        cross_val_score(clone(classifier), affinity, side, cv=2, error_score="raise")


# --- equal points ---------------------------------------------------------------------------------------------------


def test_the_advice_for_equal_points_can_be_followed():
    """12 of each of four points: the scale of a point is told by the first that is not the same."""
    points, given = np.repeat(np.eye(4), 12, 0), np.full(48, -1)
    given[[0, 12, 24, 36]] = [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"48 samples \(first: 0\) equal all of their 10 nearest .*") as caught:
        RandomWalkClassifier(n_neighbors=10).fit(points, given)
    least = int(re.search(r"take `n_neighbors` from (\d+)", str(caught.value)).group(1))
    assert least == 12
    expected = np.repeat([0, 1, 2, 3], 12)
    for advised in (
        RandomWalkClassifier(n_neighbors=least),
        RandomWalkClassifier(n_neighbors=40),
        RandomWalkClassifier(n_neighbors=10, beta=1.0),
    ):
        assert (advised.fit(points, given).transduction_ == expected).all()
    distinct, first = np.unique(points, axis=0, return_index=True)
    once = RandomWalkClassifier(n_neighbors=3).fit(distinct, given[first])
    assert once.transduction_.tolist() == given[first].tolist()


def test_a_few_equal_points_change_no_scale_but_their_own():
    points, _, given = moons()
    doubled, labels = np.concatenate([points, points[:1]]), np.concatenate([given, [-1]])
    fitted = RandomWalkClassifier().fit(points, given)
    other = RandomWalkClassifier().fit(doubled, labels)
    distance = np.sort(np.linalg.norm(points - points[0], axis=1))
    assert other.neighbourhoods_.scale[[0, -1]] == pytest.approx(distance[7])
    assert (other.transduction_[:-1] == fitted.transduction_).mean() > 0.98


# --- the default for few labels -------------------------------------------------------------------------------------


def test_no_class_wins_everywhere_by_default_where_labels_are_few():
    """One example of each digit: the flat answer is the digit whose examples are best connected."""
    pixels, digits = load_digits(return_X_y=True)
    gain = []
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(len(digits))
        given = np.full(len(digits), -1)
        for digit in range(10):
            given[order[digits[order] == digit][:1]] = digit
        free = given == -1
        models = RandomWalkClassifier(), RandomWalkClassifier(class_mass=False)
        default, flat = ((model.fit(pixels, given).transduction_ == digits)[free].mean() for model in models)
        gain.append(default - flat)
    assert np.mean(gain) > 0.01


def test_pseudo_labels_draw_shares_of_few_labels_to_equal_ones_and_leave_those_of_many():
    probability = torch.tensor([[1, 0], [1, 0], [1, 0], [0, 1], [0.7, 0.3], [0.6, 0.4]], dtype=torch.float64)
    seeds = torch.tensor([0, 0, 0, 1, -1, -1])
    shares = torch.tensor([3 + 10, 1 + 10], dtype=torch.float64) / 24
    expected = class_mass_normalize(probability, seeds, shares)
    torch.testing.assert_close(class_mass_normalize(probability, seeds, pseudo_labels=10), expected)
    exact = class_mass_normalize(probability, seeds, torch.tensor([0.75, 0.25], dtype=torch.float64))
    torch.testing.assert_close(class_mass_normalize(probability, seeds), exact)


def test_a_label_whose_only_node_is_its_seed_takes_no_part_where_nobody_gave_a_prior():
    """Node 0, of class 2, hangs behind seed 1: no walk from elsewhere gets there."""
    graph = rw.Graph(torch.tensor([[0, 1, 2, 2], [1, 2, 3, 4]]), 5)
    seeds = torch.tensor([2, 0, -1, 1, -1])
    probability = hitting_probabilities(rw.walk(graph, torch.ones(4)), seeds)
    answer = class_mass_normalize(probability, seeds)
    torch.testing.assert_close(answer, probability)  # classes 0 and 1 have one seed and one half of the mass each
    assert class_mass_normalize(probability, seeds, pseudo_labels=10)[2, 2] == 0
    with pytest.raises(ValueError, match=r"`prior` gives label 2 a share of 0\.333, but no unlabelled node has any"):
        class_mass_normalize(probability, seeds, torch.full((3,), 1 / 3))


def test_all_samples_labelled_need_no_walk():
    points, side, _ = moons()
    with rw.record_solves() as reports:
        fitted = RandomWalkClassifier().fit(points, side)
    assert not reports
    assert (fitted.transduction_ == side).all()
    assert fitted.label_distributions_.sum(1).tolist() == [1.0] * 120


@pytest.mark.skipif(not os.environ.get("GRAPHRW_DATA"), reason="needs the folder in GRAPHRW_DATA")
@pytest.mark.parametrize(("labels", "flat", "default"), [(1, 0.35, 0.40), (5, 0.45, 0.60)])
def test_the_default_names_papers_of_cora_from_few_labels(labels, flat, default):
    """Validation nodes of the public split, three draws of labels from its training nodes."""
    file = np.load(Path(os.environ["GRAPHRW_DATA"]) / "graphs" / "cora.npz")
    matrix = sparse.coo_array((np.ones(file["edges"].shape[1]), file["edges"]), (len(file["y"]),) * 2)
    right: dict[bool | None, list[float]] = {False: [], None: []}
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(file["train_idx"])
        given = np.full(len(file["y"]), -1)
        for name in range(7):
            given[order[file["y"][order] == name][:labels]] = name
        for choice, shares in right.items():
            model = RandomWalkClassifier(precomputed=True, class_mass=choice, unreachable=np.full(7, 1 / 7))
            found = model.fit(matrix + matrix.T, given).transduction_
            shares.append((found == file["y"])[file["val_idx"]].mean())
    assert np.mean(right[False]) < flat
    assert np.mean(right[None]) > default


def test_none_among_the_classes_is_named() -> None:
    y = np.array(["a", None, "b"], dtype=object)
    with pytest.raises(ValueError, match=r"`y` holds None\. Unlabelled samples are −1"):
        RandomWalkClassifier(1).fit([[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize("solver", [CG(1e-4), CG(1e-6), Multigrid(1e-4), Multigrid(1e-6)], ids=str)
def test_labels_that_walkers_hardly_meet_are_told_as_far_as_the_solver_can(solver):
    weight = torch.rand(2 * 60 * 59, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    matrix, given = rw.to_scipy(rw.grid_graph((60, 60)), weight), np.full(3600, -1)
    given[[5 * 60 + 5, 54 * 60 + 54, 5 * 60 + 54]] = [0, 1, 2]
    options = {"alpha": 0.95, "class_mass": False, "precomputed": True, "unreachable": [0.2, 0.3, 0.5]}
    exact = RandomWalkClassifier(**options, solver=Cholesky()).fit(matrix, given).label_distributions_
    found = RandomWalkClassifier(**options, solver=solver).fit(matrix, given).label_distributions_
    told = ~(found == options["unreachable"]).all(1)
    assert 300 < told.sum() < 1700
    assert np.abs(found - exact)[told].max() < 1e-3
