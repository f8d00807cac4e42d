"""The problems of the solver benchmarks are what they say."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.core.reach import stranded
from graphrw.core.walk import apply

SMALL = ("image-20", "volume-8", "contrast-20", "knn-300", "power-300", "mesh-300")
every_problem = pytest.mark.parametrize("name", SMALL)


@pytest.fixture(scope="module")
def problems():
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("problems")
    finally:
        sys.path.remove(folder)


@every_problem
def test_a_problem_is_a_symmetric_positive_definite_m_matrix(problems, name):
    matrix = problems.make(name).matrix.toarray()
    assert (matrix == matrix.T).all()
    off_diagonal = matrix - np.diag(np.diag(matrix))
    assert (off_diagonal <= 0).all()
    assert (matrix.sum(1) >= -1e-12 * np.diag(matrix)).all()
    assert np.linalg.eigvalsh(matrix)[0] > 0


@every_problem
def test_the_matrix_is_that_of_the_walk_that_ends_on_the_seeds(problems, name):
    case = problems.make(name)
    identity = torch.eye(len(case.seeds), dtype=torch.float64)
    whole = apply(case.absorbed, identity).numpy()
    np.testing.assert_allclose(case.matrix.toarray(), whole[case.free][:, case.free], rtol=1e-14)
    assert not whole[case.free][:, ~case.free].any()
    assert (case.seeds.numpy() >= 0).sum() >= 32


@every_problem
@pytest.mark.parametrize("labels", [2, 4, 16])
def test_the_answers_are_the_hitting_probabilities_of_the_labels(problems, name, labels):
    case = problems.make(name)
    expected = rw.hitting_probabilities(case.walk, torch.from_numpy(case.labels(labels)), labels).numpy()
    b = case.right_hand_side(labels).numpy()
    answer = np.linalg.solve(case.matrix.toarray(), b[case.free])
    assert abs(answer - expected[case.free]).max() < 1e-8
    assert not b[~case.free].any()
    assert (b.sum(0) > 0).all()


@every_problem
def test_a_single_label_is_one_of_two(problems, name):
    case = problems.make(name)
    assert torch.equal(case.right_hand_side(1), case.right_hand_side(2)[:, :1])


@every_problem
def test_every_node_is_connected_to_a_seed(problems, name):
    case = problems.make(name)
    assert not stranded(case.walk, case.seeds >= 0).any()


def test_a_component_without_a_seed_gets_one(problems):
    pairs = torch.arange(200).reshape(100, 2).T  # a hundred pairs, and thirty-two seeds
    case = problems.seeded(rw.Graph(pairs, 200), torch.ones(100, dtype=torch.float64))
    assert not stranded(case.walk, case.seeds >= 0).any()
    assert set(case.seeds[case.seeds >= 0].tolist()) == set(range(16))


@every_problem
def test_a_problem_is_the_same_at_every_call_and_after_it_was_saved(problems, name, tmp_path):
    case, again = problems.make(name), problems.make(name)
    problems.save(case, tmp_path / "problem.npz")
    for other in (again, problems.load(tmp_path / "problem.npz")):
        assert torch.equal(case.walk.graph.edges, other.walk.graph.edges)
        assert torch.equal(case.walk.weight, other.walk.weight)
        assert torch.equal(case.seeds, other.seeds)
        assert case.shape == other.shape
        assert (case.image is None) == (other.image is None)


def test_weights_of_high_contrast_span_their_decades(problems):
    weight = problems.make("contrast-32").walk.weight
    assert 1e-6 <= weight.min() < 1e-5
    assert 0.1 < weight.max() <= 1


def test_preferential_attachment_makes_hubs(problems):
    graph = problems.make("power-4000").walk.graph
    degree = torch.bincount(graph.edges.flatten(), minlength=4000)
    assert degree.max() > 100
    assert degree.double().mean() == pytest.approx(10, rel=0.05)
    assert torch.median(degree) < 8


@pytest.mark.parametrize("name", ["image", "image-", "picture-64", "image-6.4"])
def test_a_name_that_is_no_problem_is_refused(problems, name):
    with pytest.raises(ValueError, match=r"KIND-SIZE, with one of the kinds image, volume, .*; got '" + name):
        problems.make(name)
