"""Sessions that learn from their strokes."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.functional import hitting_probabilities
from graphrw.segmentation.learning import learn as learning
from graphrw.segmentation.learning.edge_terms import edge_terms, region_features
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


def problem():  # type: ignore[no-untyped-def]
    """A model, and the strokes that it learns from."""
    drawn = session()
    regions = drawn._regions
    given = region_features(regions, torch.from_numpy(FEATURES))
    labels, owner = drawn._canvas.labels.reshape(40, 60), drawn._owner.reshape(40, 60)
    return learning.LearnedModel(edge_terms(regions, given), given), regions, labels, owner


def test_without_strength_the_walk_is_that_of_fixed_weights() -> None:
    model, regions, labels, _ = problem()
    strokes = stroke_pixels(labels, regions.inside)
    fixed = seeded_regions(regions, strokes, colour_model=True)
    found = model.at(0.0)(regions, strokes)
    torch.testing.assert_close(found.walk.weight, fixed.walk.weight)
    torch.testing.assert_close(found.absorption, fixed.absorption)


def test_each_stroke_is_told_by_a_session_without_it() -> None:
    model, regions, labels, owner = problem()
    for number, (label, *_) in enumerate(STROKES):
        found = learning.told_by_others(model, regions, labels, owner == number)
        strokes = stroke_pixels(torch.where(owner == number, 0, labels), regions.inside)
        nodes = regions.segments[owner == number].long().unique()
        for strength, value in zip(learning.STRENGTHS, found, strict=True):
            moves = model.at(strength)(regions, strokes)
            z = hitting_probabilities(moves.walk, moves.seeds, absorption=moves.absorption, solver=Dense())
            assert float(value) == pytest.approx(float(z[nodes, label - 1].log().mean()), abs=1e-3)


def test_features_that_tell_the_object_make_strokes_more_probable() -> None:
    drawn = session()
    learned = drawn.learn(FEATURES)
    assert learned
    assert learned.before is not None
    assert learned.after is not None
    assert learned.after > learned.before
    assert (drawn.labels == TRUTH).mean() > 0.97
    drawn.paint(2, ([30], [55]))
    assert drawn.learn()  # features are kept


def test_features_that_say_the_opposite_are_not_followed() -> None:
    """On a blank image, where each stroke has the features of one of the other label."""
    drawn = session(np.zeros_like(IMAGE))
    fixed = drawn.labels
    rows, columns = np.indices((10, 15))
    board = np.zeros((1, 10, 15), dtype=np.float32)
    for (_, row, column), value in zip(STROKES, (1, -1, 1, -1, 0), strict=True):
        board[0][np.hypot(rows - row // 4, columns - column // 4) < 3] = value
    assert not drawn.learn(board)
    np.testing.assert_array_equal(drawn.labels, fixed)


def test_one_stroke_of_a_label_tells_nothing_about_it() -> None:
    few = rw.Session(IMAGE, channel_axis=-1)
    few.paint(1, ([5], [5]))
    few.paint(2, ([5], [50]))
    learned = few.learn(FEATURES)
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
        drawn.learn(FEATURES if image.ndim == 2 else FEATURES[:, None])
        assert (drawn.labels[..., :3] == -1).all()
        assert (drawn.labels == TRUTH)[mask].mean() > 0.9


def test_edges_of_pixels_that_differ_cost_more() -> None:
    model, regions, *_ = problem()
    terms = model.edges
    assert terms.shape == (regions.graph.num_edges, 3)
    tail, head = regions.graph.edges
    truth = torch.from_numpy(TRUTH)
    side = torch.stack([truth[regions.segments == node].double().mean() for node in range(len(regions.mean))])
    across = ((side[tail] - side[head]).abs() > 0.9) & (terms[:, 1] > 0)
    assert terms[across, 1].mean() > 1.3 * terms[~across & (terms[:, 1] > 0), 1].mean()


def test_what_cannot_be_learned_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="over superpixels"):
        session(superpixels=False).learn(FEATURES)
    with pytest.raises(ValueError, match="needs `features`"):
        session().learn()
    with pytest.raises(ValueError, match="no stroke"):
        rw.Session(IMAGE, channel_axis=-1).learn(FEATURES)
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
    assert session.learn(np.arange(30.0)[None, None].repeat(20, axis=1))
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
        session.learn(np.zeros((1, 20, 30)))
