"""What the napari plugin does without napari: frames, their sessions, and results put together."""

from pathlib import Path

import numpy as np
import pytest

import graphrw as rw
from graphrw.core.errors import Cancelled
from graphrw.napari.frames import Frames
from graphrw.napari.results import Results
from graphrw.napari.sample import astronaut
from graphrw.napari.sessions import Answer, Options, Sessions, Wanted, draw, keep, release

CHANCE = np.random.default_rng(0)
IMAGE = np.where(np.hypot(*(np.indices((40, 50)) - [[[20]], [[20]]])) < 12, 0.8, 0.2) + 0.05 * CHANCE.random((40, 50))
STROKES = np.zeros((40, 50), dtype=np.uint8)
STROKES[18:22, 20], STROKES[2, 2:40] = 2, 5


def go_on(share: float, what: str) -> bool:
    return True


def flat(image: np.ndarray) -> Frames:
    return Frames(image, rgb=False, axes=2, scale=(1.0,) * image.ndim)


def test_strokes_of_a_layer_become_those_of_the_session_whatever_was_done_to_them():
    session = rw.Session(IMAGE)
    for _ in range(20):
        strokes = CHANCE.integers(0, 4, IMAGE.shape) * (CHANCE.random(IMAGE.shape) < 0.1)
        draw(session, strokes)
        np.testing.assert_array_equal(session.strokes, strokes)


def test_strokes_that_stay_as_they_are_are_not_answered_again():
    session = rw.Session(IMAGE, progress=lambda share, what: heard.append(share))
    heard: list[float] = []
    draw(session, STROKES)
    assert session.labels[20, 20] == 2
    count = len(heard)
    draw(session, STROKES)
    assert session.labels[20, 20] == 2
    assert len(heard) == count > 0


def test_answers_are_those_of_the_session():
    options = Options(n_segments=150, beta=2.0, colour_model=False, band=2)
    session = rw.Session(IMAGE, spacing=(1.0, 1.0), n_segments=150, beta=2.0, colour_model=False, band=2)
    draw(session, STROKES)
    (answer,) = Sessions(flat(IMAGE), options, go_on).label({(): STROKES}, Wanted(True, True, 3))
    np.testing.assert_array_equal(answer.labels, session.labels)
    np.testing.assert_array_equal(answer.ids, [2, 5])
    np.testing.assert_array_equal(answer.entropy, session.entropy)
    np.testing.assert_array_equal(answer.probabilities, session.probabilities)
    np.testing.assert_array_equal(answer.suggestions, session.suggest(3))


def test_what_is_not_wanted_is_not_made():
    (answer,) = Sessions(flat(IMAGE), Options(), go_on).label({(): STROKES}, Wanted())
    assert answer.entropy is None
    assert answer.probabilities is None
    assert answer.suggestions.shape == (0, 2)


def test_spacing_does_not_hang_on_the_unit():
    in_metres = Frames(np.zeros((4, 30, 40)), rgb=False, axes=3, scale=(2e-6, -1e-6, 1e-6))
    assert in_metres.spacing == (2.0, 1.0, 1.0)


def test_opacity_is_no_colour():
    image = CHANCE.random((2, 20, 30, 4))
    frames = Frames(image, rgb=True, axes=2, scale=(1.0, 1.0, 1.0))
    np.testing.assert_array_equal(frames.frame((1,)), image[1, :, :, :3])


def test_each_frame_has_a_session_of_its_own_and_progress_goes_over_all_of_them():
    movie = np.stack([IMAGE, IMAGE[:, ::-1], IMAGE[::-1]])
    strokes = {(0,): STROKES, (2,): STROKES[::-1]}
    heard: list[float] = []
    sessions = Sessions(flat(movie), Options(), lambda share, what: heard.append(share) is None)
    answers = list(sessions.label(strokes, Wanted()))
    assert [answer.index for answer in answers] == [(0,), (2,)]
    for answer in answers:
        expected = rw.segment(movie[answer.index], strokes[answer.index].astype(int))
        np.testing.assert_array_equal(answer.labels, expected)
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert 0.5 < heard[-1] <= 1


def test_a_listener_can_stop_between_frames_and_inside_of_them_and_later_all_is_well():
    stop_at = 0.6
    sessions = Sessions(flat(np.stack([IMAGE, IMAGE])), Options(), lambda share, what: share < stop_at)
    strokes = {(0,): STROKES, (1,): STROKES}
    found = []
    with pytest.raises(Cancelled):
        found.extend(sessions.label(strokes, Wanted()))
    stop_at = 0.2
    with pytest.raises(Cancelled):
        list(sessions.label({(1,): STROKES}, Wanted()))
    stop_at = 2.0
    first, second = sessions.label(strokes, Wanted())
    np.testing.assert_array_equal(first.labels, second.labels)


def test_what_is_kept_stays_until_it_is_released():
    sessions = Sessions(flat(IMAGE), Options(), go_on)
    (before,) = sessions.label({(): STROKES}, Wanted(), keep(2))
    other = np.where(STROKES == 2, 7, STROKES)
    (kept,) = sessions.label({(): other}, Wanted())
    np.testing.assert_array_equal(kept.labels == 2, before.labels == 2)
    (released,) = sessions.label({(): other}, Wanted(), release)
    np.testing.assert_array_equal(released.labels == 7, before.labels == 2)


def test_a_label_without_pixels_cannot_be_kept():
    with pytest.raises(ValueError, match="Label 4 has no pixels"):
        list(Sessions(flat(IMAGE), Options(), go_on).label({(): STROKES}, Wanted(), keep(4)))


def test_results_of_frames_with_other_labels_stand_side_by_side():
    results = Results((2, 1, 2))
    one, two = np.array([[3, 3]]), np.array([[1, 3]])
    none = np.zeros((0, 2))
    results.put(Answer((0,), one, np.array([3]), np.ones((1, 2)), np.ones((1, 1, 2)), none))
    results.put(Answer((1,), two, np.array([1, 3]), np.zeros((1, 2)), np.array([[[0.9, 0.2]], [[0.1, 0.8]]]), none))
    assert results.ids.tolist() == [1, 3]
    np.testing.assert_array_equal(results.labels, [one, two])
    np.testing.assert_array_equal(results.entropy, [[[1, 1]], [[0, 0]]])
    np.testing.assert_allclose(results.probabilities[:, 0], [[[0, 0]], [[1, 1]]])
    np.testing.assert_allclose(results.probabilities[:, 1], [[[0.9, 0.2]], [[0.1, 0.8]]])
    results.put(Answer((1,), one, np.array([3]), None, np.ones((1, 1, 2)), none))
    np.testing.assert_allclose(results.probabilities[:, 1], [[[0, 0]], [[1, 1]]])


def test_the_example_gives_what_its_strokes_are_for():
    (image, _, _), (strokes, _, kind) = astronaut()
    assert kind == "labels"
    assert sorted(np.unique(strokes)) == [0, 1, 2, 3]
    labels = rw.segment(image, strokes.astype(int), channel_axis=-1)
    assert labels[120, 220] == 1  # her face
    assert labels[100, 400] == 2  # the rocket
    assert labels[430, 400] == 3  # the helmet


def test_the_manifest_lies_where_the_entry_point_says():
    assert (Path(rw.__file__).parent / "napari" / "napari.yaml").is_file()
