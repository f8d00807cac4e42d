"""Sessions that learn from their strokes."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.functional import hitting_probabilities
from graphrw.segmentation.learning import learn as learning
from graphrw.segmentation.learning.edge_terms import edge_terms, region_features
from graphrw.segmentation.learning.label_terms import label_terms
from graphrw.segmentation.regions.stroke_pixels import stroke_pixels
from graphrw.segmentation.regions.strokes import seeded_regions
from graphrw.solvers import Dense

CHANCE = np.random.default_rng(0)
TRUTH = np.where(np.arange(60) < 31, 1, 2) * np.ones((40, 1), dtype=int)
IMAGE = CHANCE.random((40, 60, 3)) * 0.3 + 0.5 * (TRUTH == 2)[..., None]
STROKES = [(1, 5, 5), (1, 30, 20), (2, 20, 50), (2, 5, 40), (1, 15, 25)]
FEATURES = np.stack([TRUTH[::4, ::4] == 1, TRUTH[::4, ::4] == 2]).astype(np.float32)


def session(image: np.ndarray = IMAGE, **options: object) -> rw.Session:
    made = rw.Session(image, channel_axis=-1, **options)  # type: ignore[arg-type]
    for label, row, column in STROKES:
        made.paint(label, ([row, row, row + 1], [column, column + 1, column]))
    return made


def problem(features: np.ndarray | None):  # type: ignore[no-untyped-def]
    """What learning minimises, and all that it is made of."""
    drawn = session()
    regions = drawn._regions
    given = None if features is None else region_features(regions, torch.from_numpy(features))
    labels, owner = drawn._canvas.labels.reshape(40, 60), drawn._owner.reshape(40, 60)
    model = learning.start_model(regions, given)
    return learning._held_out(model, regions, labels, owner), model, regions, labels, owner


def test_fixed_coefficients_give_the_fixed_walk() -> None:
    _, model, regions, labels, _ = problem(FEATURES)
    strokes = stroke_pixels(labels, regions.inside)
    fixed = seeded_regions(regions, strokes, colour_model=True)
    learned = model.at(torch.tensor(learning.FIXED, dtype=torch.float64))(regions, strokes)
    torch.testing.assert_close(learned.walk.weight, fixed.walk.weight)
    torch.testing.assert_close(learned.absorption, fixed.absorption)


@pytest.mark.parametrize("features", [None, FEATURES])
def test_each_stroke_is_predicted_by_the_walk_without_it_solved_densely(features: np.ndarray | None) -> None:
    score, model, regions, labels, owner = problem(features)
    assert score is not None
    with_all = seeded_regions(regions, stroke_pixels(labels, regions.inside), colour_model=False)
    found = []
    for number, (label, row, column) in enumerate(STROKES):
        others = stroke_pixels(torch.where(owner == number, 0, labels), regions.inside)
        nodes = regions.segments[owner == number].long().unique()
        free = with_all.seeds.index_fill(0, nodes, -1)
        terms = label_terms(regions, stroke_pixels(labels, regions.inside), with_all.seeds, model.features)
        terms[:, nodes] = label_terms(regions, others, free, model.features)[:, nodes]
        moves = model.walk(regions, with_all, terms)
        z = hitting_probabilities(moves.walk, free, absorption=moves.absorption, solver=Dense())
        found.append(z[nodes, label - 1].log().mean())
        assert int(labels[row, column]) == label
    torch.testing.assert_close(score(model.coefficients), torch.stack(found).mean(), rtol=0, atol=1e-6)


def test_its_gradient_is_that_of_finite_differences() -> None:
    score, model, *_ = problem(FEATURES)
    assert score is not None
    coefficients = model.coefficients.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(coefficients), coefficients)
    for place in range(len(coefficients)):
        step = torch.zeros_like(model.coefficients).index_fill(0, torch.tensor(place), 1e-4)
        difference = (score(model.coefficients + step) - score(model.coefficients - step)) / 2e-4
        assert float(gradient[place]) == pytest.approx(float(difference), abs=1e-5, rel=1e-3)


def test_features_that_tell_the_object_make_strokes_more_probable() -> None:
    drawn = session()
    learned = drawn.learn(FEATURES)
    assert learned.strength > 0
    assert learned.before is not None
    assert learned.after is not None
    assert learned.after > learned.before - learning.MARGIN
    assert (drawn.labels == TRUTH).mean() > 0.97
    drawn.paint(2, ([30], [55]))
    assert drawn.learn().coefficients[6] > 0  # features are kept


def test_features_that_say_the_opposite_are_not_followed() -> None:
    """A chequerboard, on which every stroke of a label has another value."""
    drawn = session()
    fixed = drawn.labels
    rows, columns = np.indices((10, 15))
    board = np.zeros((1, 10, 15), dtype=np.float32)
    for number, (_, row, column) in enumerate(STROKES):
        near = np.hypot(rows - row // 4, columns - column // 4) < 3
        board[0][near] = [-1, 1, -1, 1, 1][number]
    drawn.learn(board)
    assert (drawn.labels == TRUTH).mean() > (fixed == TRUTH).mean() - 0.02


def test_one_stroke_of_a_label_tells_nothing_about_it() -> None:
    few = rw.Session(IMAGE, channel_axis=-1)
    few.paint(1, ([5], [5]))
    few.paint(2, ([5], [50]))
    learned = few.learn()
    assert learned.strength == 1
    assert learned.before is None
    assert set(np.unique(few.labels)) == {1, 2}


def test_grey_images_volumes_and_masks_learn_too() -> None:
    for image in (IMAGE[..., 0], np.repeat(IMAGE[None, ..., 0], 4, axis=0)):
        mask = np.ones(image.shape, dtype=bool)
        mask[..., :3] = False
        drawn = rw.Session(image, mask=mask)
        for label, row, column in STROKES:
            drawn.paint(label, (*(2,) * (image.ndim - 2), [row], [column]))
        drawn.learn()
        assert (drawn.labels[..., :3] == -1).all()
        assert (drawn.labels == TRUTH)[mask].mean() > 0.9


def test_edges_of_pixels_that_differ_cost_more() -> None:
    _, _, regions, *_ = problem(None)
    terms = edge_terms(regions, None)
    assert terms.shape == (regions.graph.num_edges, 3)
    tail, head = regions.graph.edges
    truth = torch.from_numpy(TRUTH)
    side = torch.stack([truth[regions.segments == node].double().mean() for node in range(len(regions.mean))])
    across = ((side[tail] - side[head]).abs() > 0.9) & (terms[:, 1] > 0)
    assert terms[across, 1].mean() > 1.3 * terms[~across & (terms[:, 1] > 0), 1].mean()


def test_what_cannot_be_learned_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="over superpixels"):
        session(superpixels=False).learn()
    with pytest.raises(ValueError, match="no stroke"):
        rw.Session(IMAGE, channel_axis=-1).learn()
    with pytest.raises(ValueError, match="`features` must be"):
        session().learn(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="`features` must be finite"):
        session().learn(np.full((2, 3, 3), np.nan))


def test_a_session_that_has_learned_writes_and_takes_no_logs(tmp_path):
    image = np.zeros((20, 30))
    image[:, 15:] = 1
    session = rw.Session(image)
    for label, column in [(1, 2), (1, 8), (2, 20), (2, 27)]:
        session.paint(label, ([10], [column]))
    session.save_log(tmp_path / "strokes.json")
    assert session.learn()
    for refused in (session.save_log, session.replay):
        with pytest.raises(ValueError, match="not the weights that `learn` has found"):
            refused(tmp_path / "strokes.json")
    other = rw.Session(image)
    other.take_strokes(session)
    other.save_log(tmp_path / "again.json")


@pytest.mark.parametrize("option", [{"beta": 2.0}, {"colour_model": False}])
def test_what_learning_replaces_is_not_given(option):
    session = rw.Session(np.zeros((20, 30)), **option)
    session.paint(1, ([10], [2]))
    with pytest.raises(ValueError, match="needs a session without them"):
        session.learn()
