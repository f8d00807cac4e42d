"""Strokes on an image, one after the other: a session says what `segment` and `random_walker` say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.core import memory
from graphrw.core.errors import Cancelled

CHANCE = np.random.default_rng(0)
IMAGE = np.where(np.hypot(*(np.indices((40, 50)) - [[[20]], [[20]]])) < 12, 0.8, 0.2) + 0.05 * CHANCE.random((40, 50))
DISC, GROUND = ([20, 21], [20, 20]), ([2, 2, 3], [2, 40, 45])


def painted(**options: object) -> rw.Session:
    session = rw.Session(IMAGE, **options)  # type: ignore[arg-type]
    session.paint(2, DISC)
    session.paint(5, GROUND)
    return session


def test_its_labels_are_those_of_segment() -> None:
    session = painted()
    np.testing.assert_array_equal(session.labels, rw.segment(IMAGE, session.strokes))
    assert session.labels[20, 20] == 2
    assert session.labels[38, 2] == 5
    assert session.label_ids.tolist() == [2, 5]


def test_without_superpixels_they_are_those_of_random_walker() -> None:
    session = painted(superpixels=False, beta=400.0)
    np.testing.assert_array_equal(session.labels, rw.random_walker(IMAGE, session.strokes, beta=400.0))
    expected = rw.random_walker(IMAGE, session.strokes, beta=400.0, return_full_prob=True)
    np.testing.assert_allclose(session.probabilities, expected, atol=1e-9)
    np.testing.assert_allclose(session.entropy, rw.entropy(torch.from_numpy(expected), dim=0), atol=1e-7)


@pytest.mark.parametrize("superpixels", [True, False])
def test_labels_probabilities_and_entropy_agree(superpixels: bool) -> None:
    session = painted(superpixels=superpixels)
    probability = session.probabilities
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-3)  # solved to 1e-4
    np.testing.assert_array_equal(session.label_ids[probability.argmax(0)], session.labels)
    np.testing.assert_allclose(session.entropy, rw.entropy(torch.from_numpy(probability), dim=0), atol=1e-7)


@pytest.mark.parametrize("superpixels", [True, False])
def test_undo_and_redo_go_through_all_that_was_done(superpixels: bool) -> None:
    session = painted(superpixels=superpixels)
    both = session.labels
    assert session.undo()
    assert (session.labels == 2).all()
    assert session.undo()
    assert (session.labels == 0).all()
    assert not session.undo()
    assert session.redo()
    assert session.redo()
    assert not session.redo()
    np.testing.assert_array_equal(session.labels, both)


def test_a_new_stroke_ends_what_could_be_done_again() -> None:
    session = painted()
    session.undo()
    session.paint(7, GROUND)
    assert not session.redo()
    assert (session.can_undo, session.can_redo) == (True, False)
    assert session.label_ids.tolist() == [2, 7]


def test_painting_over_a_stroke_replaces_it_and_erasing_takes_it_away() -> None:
    session = painted()
    assert session.paint(9, ([20], [20])) == 1
    assert session.strokes[20, 20] == 9
    assert session.strokes[21, 20] == 2
    assert session.erase(np.ones(IMAGE.shape, dtype=bool)) == 5
    assert (session.strokes == 0).all()
    assert (session.labels == 0).all()


def test_what_is_kept_is_never_overwritten() -> None:
    session = painted()
    disc = session.labels == 2
    assert session.keep(2) == disc.sum()
    assert session.paint(5, disc) == 0
    assert session.erase(disc) == 0
    session.paint(8, ([20, 35], [20, 45]))
    assert (session.labels[disc] == 2).all()
    assert session.labels[35, 45] == 8
    assert session.undo()
    assert session.undo()
    assert session.paint(5, disc) == disc.sum()


def test_what_lies_outside_the_image_or_the_mask_is_left_out() -> None:
    mask = np.ones(IMAGE.shape, dtype=bool)
    mask[:, 30:] = False
    session = rw.Session(IMAGE, mask=mask)
    assert session.paint(1, ([-1, 5, 5, 40], [0, 29, 30, 0])) == 1
    assert (session.labels[~mask] == -1).all()
    assert (session.strokes[~mask] == -1).all()
    assert (session.labels[mask] == 1).all()


def test_a_mask_and_indices_paint_alike() -> None:
    mask = np.zeros(IMAGE.shape, dtype=bool)
    mask[DISC] = True
    one, other = rw.Session(IMAGE), rw.Session(IMAGE)
    assert one.paint(2, mask) == other.paint(2, tuple(torch.tensor(index).numpy() for index in DISC)) == 2
    np.testing.assert_array_equal(one.strokes, other.strokes)


@pytest.mark.parametrize("superpixels", [True, False])
def test_a_log_gives_the_same_labels_on_the_same_image(superpixels: bool, tmp_path: Path) -> None:
    session = painted(superpixels=superpixels)
    session.keep(2)
    session.paint(6, ([30], [40]))
    session.paint(7, ([31], [41]))
    session.undo()
    session.save_log(tmp_path / "strokes.json")
    again = rw.Session(IMAGE, superpixels=superpixels)
    again.replay(tmp_path / "strokes.json")
    np.testing.assert_array_equal(again.labels, session.labels)
    assert again.undo()
    assert again.undo()
    assert again.paint(5, DISC) == 2


def test_strokes_go_over_to_other_options_with_what_can_be_done_again() -> None:
    session = painted()
    session.keep(2)
    session.paint(9, ([30], [40]))
    session.undo()
    pixels = rw.Session(IMAGE, superpixels=False)
    pixels.take_strokes(session)
    np.testing.assert_array_equal(pixels.strokes, session.strokes)
    assert pixels.redo()
    assert pixels.strokes[30, 40] == 9
    assert session.strokes[30, 40] == 0
    with pytest.raises(ValueError, match="a session on another image"):
        rw.Session(IMAGE + 1).take_strokes(session)


def test_what_does_not_fit_into_memory_is_refused_by_a_session_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**10)
    with pytest.raises(MemoryError, match=r"Segmenting \(40, 50\) pixels needs about"):
        rw.Session(IMAGE)


def test_another_image_options_or_version_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    painted(band=2).save_log(path)
    with pytest.raises(ValueError, match="made on an image of shape"):
        rw.Session(IMAGE[:20], band=2).replay(path)
    with pytest.raises(ValueError, match="another image of this shape"):
        rw.Session(IMAGE + 1, band=2).replay(path)
    with pytest.raises(ValueError, match=r"made with band=2; this session has band=4.*`Session\(image, band=2\)`"):
        rw.Session(IMAGE).replay(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(ValueError, match="has version 99 of the log of strokes"):
        rw.Session(IMAGE, band=2).replay(path)


def test_a_log_is_of_the_mask_that_it_was_made_with(tmp_path: Path) -> None:
    path, mask = tmp_path / "strokes.json", np.ones(IMAGE.shape, dtype=bool)
    mask[:, 40:] = False
    session = rw.Session(IMAGE, mask=mask)
    session.paint(2, DISC)
    session.save_log(path)
    for other in (None, ~mask):
        with pytest.raises(ValueError, match=r"made with a mask, which is not what this session has.*: give that\."):
            rw.Session(IMAGE, mask=other).replay(path)
    (again := rw.Session(IMAGE, mask=mask)).replay(path)
    np.testing.assert_array_equal(again.labels, session.labels)
    bare = rw.Session(IMAGE)
    bare.save_log(tmp_path / "bare.json")
    with pytest.raises(ValueError, match=r"bare.json` was made without a mask.*: give none\."):
        rw.Session(IMAGE, mask=mask).replay(tmp_path / "bare.json")
    earlier = json.loads(path.read_text())
    del earlier["mask"]
    path.write_text(json.dumps(earlier))
    rw.Session(IMAGE).replay(path)


@pytest.mark.parametrize("superpixels", [True, False])
@pytest.mark.parametrize("name", ["labels", "probabilities", "entropy", "label_ids", "strokes"])
def test_what_a_session_hands_out_is_the_callers_to_change(name: str, superpixels: bool) -> None:
    session = painted(superpixels=superpixels)
    getattr(session, name)[...] = 5
    np.testing.assert_array_equal(getattr(session, name), getattr(painted(superpixels=superpixels), name))


def test_a_session_is_of_its_image_and_mask_as_they_were_given(tmp_path: Path) -> None:
    image, mask = IMAGE.astype(np.float32), np.ones(IMAGE.shape, dtype=bool)
    session, kept = rw.Session(image, mask=mask), (image.copy(), mask.copy())
    image[:], mask[:, 20:] = 0, False
    session.paint(2, DISC)
    session.paint(5, GROUND)
    session.save_log(tmp_path / "strokes.json")
    (again := rw.Session(kept[0], mask=kept[1])).replay(tmp_path / "strokes.json")
    np.testing.assert_array_equal(session.labels, again.labels)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", '{"format": "graphrw.strokes", "version": 1}', "\x00"])
def test_what_is_no_log_is_refused_and_nothing_is_lost(text: str, tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    path.write_text(text)
    session = painted()
    with pytest.raises(ValueError, match=r"is no log of strokes|is damaged"):
        session.replay(path)
    assert session.label_ids.tolist() == [2, 5]


@pytest.mark.parametrize("runs", [[[0, 10**12]], [[-1, 2]], [[5, 0]], [[3, 2], [4, 1]], [[1999, 2]], [["0", 1]], [[0]]])
def test_runs_beyond_the_image_are_refused_before_they_fill_the_memory(runs: list[list[int]], tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    painted().save_log(path)
    described = json.loads(path.read_text())
    described["strokes"][0]["runs"] = runs
    path.write_text(json.dumps(described))
    with pytest.raises(ValueError, match="is damaged"):
        painted().replay(path)


CHANGES = {  # what is changed, to what; None: it is gone; what the error says
    ("image",): ([], "`image` must have `shape`"),
    ("image", "shape"): (None, "`image` must have `shape`"),
    ("options",): ([], "`options` must have band, beta"),
    ("options", "superpixels"): (None, "`options` must have band, beta"),
    ("options", "gamma"): (1, "and nothing else"),
    ("options", "compactness"): ("x", "`compactness` must be positive"),
    ("strokes",): ({}, "`strokes` must be a list"),
    ("strokes", 1): ([], "stroke 2: it must have `label`, `runs` and `kept`"),
    ("strokes", 1, "label"): (None, "stroke 2: it must have `label`, `runs` and `kept`"),
    ("strokes", 0, "label"): (-1, "stroke 1: the label -1 is no whole number"),
    ("strokes", 0, "kept"): ("no", "stroke 1: `kept` must be true or false; got no"),
    ("strokes", 0, "runs"): (5, "stroke 1: `runs` must be a list of pairs"),
    ("strokes", 0, "runs", 0): ([1, 2, 3], "stroke 1: `runs` must be a list of pairs"),
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_log_that_was_changed_by_hand_is_refused_in_words(place: tuple[str | int, ...], tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    painted().save_log(path)
    described = inner = json.loads(path.read_text())
    for name in place[:-1]:
        inner = inner[name]
    value, words = CHANGES[place]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    path.write_text(json.dumps(described))
    with pytest.raises(ValueError, match=f"strokes.json` is damaged: .*{words}"):
        painted().replay(path)


def test_a_log_is_replaced_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "strokes.json"
    session = painted()
    session.save_log(path)
    before = path.read_text()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    session.paint(3, ([0], [0]))
    with pytest.raises(OSError, match="disk full"):
        session.save_log(path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_suggestions_over_pixels_are_where_labels_are_least_certain() -> None:
    session = painted(superpixels=False)
    places = session.suggest(3)
    assert places.shape == (3, 2)
    certain = session.entropy
    assert certain[tuple(places[0])] == certain.max()
    assert certain[tuple(places[0])] >= certain[tuple(places[1])] >= certain[tuple(places[2])]
    assert rw.Session(IMAGE).suggest(2).shape == (0, 2)


def test_a_suggestion_is_in_the_large_part_that_no_stroke_tells_about() -> None:
    """Two grey fields with a stroke each, a small and a large one between them without."""
    image = np.repeat([0.0, 0.5, 0.55, 1.0], [20, 2, 30, 20])[None].repeat(40, axis=0)
    session = rw.Session(image, n_segments=200)
    session.paint(1, ([20], [4]))
    session.paint(2, ([20], [68]))
    (place, *others) = session.suggest(3)
    assert 20 <= place[1] < 52
    apart = 0.05 * image.shape[1]
    assert all(np.hypot(*(place - other)) >= apart for other in others)


def test_torch_comes_out_where_torch_goes_in() -> None:
    session = rw.Session(torch.from_numpy(IMAGE))
    session.paint(2, torch.from_numpy(IMAGE > 0.5))
    session.paint(5, GROUND)
    for values in (session.labels, session.strokes, session.entropy, session.probabilities, session.suggest()):
        assert isinstance(values, torch.Tensor)


def test_volumes_and_colours_work_alike() -> None:
    volume = np.stack([IMAGE] * 4)
    session = rw.Session(volume, spacing=(2, 1, 1))
    session.paint(1, ([1], [20], [20]))
    session.paint(2, ([1], [2], [2]))
    assert (session.labels[:, 20, 20] == 1).all()
    assert (session.labels[:, 2, 2] == 2).all()
    colours = rw.Session(np.stack([IMAGE] * 3), channel_axis=0)
    assert colours.paint(2, DISC) == 2
    assert colours.labels.shape == IMAGE.shape


def test_a_listener_hears_what_comes_and_may_stop_it() -> None:
    heard: list[tuple[float, str]] = []
    session = painted(progress=lambda share, what: heard.append((share, what)))
    labels = session.labels
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert len(heard) == 5
    assert shares[-1] == 1
    stopping = painted(progress=lambda share, what: share < 0.5)
    with pytest.raises(Cancelled, match="Cancelled before: walking over the regions"), rw.record_solves() as reports:
        _ = stopping.labels
    assert not reports  # the colour model is made, and nothing is solved
    assert stopping.undo()
    assert stopping.redo()
    np.testing.assert_array_equal(painted().labels, labels)


def test_three_hundred_labels_never_stand_side_by_side() -> None:
    image = CHANCE.random((60, 60))
    session = rw.Session(image, superpixels=False)
    places = CHANCE.permutation(3600)[:300]
    for label, place in enumerate(places.tolist(), start=1):
        session.paint(label, ([place // 60], [place % 60]))
    with rw.record_solves() as reports:
        assert len(np.unique(session.labels)) == 300
    assert max(report.num_columns for report in reports) <= 16


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rw.Session(None), "`image` must be"),
        (lambda: rw.Session(np.zeros(5)), "`image` must be"),
        (lambda: rw.Session(np.zeros((0, 5))), "`image` must be"),
        (lambda: rw.Session(IMAGE, channel_axis=2), "`channel_axis` must be an axis"),
        (lambda: rw.Session(IMAGE, mask=np.zeros(IMAGE.shape, dtype=bool)), "`mask` is false everywhere"),
        (lambda: rw.Session(IMAGE, mask=np.zeros((2, 2), dtype=bool)), "`mask` must be bool"),
        (lambda: rw.Session(IMAGE, spacing=(1, -1)), "`spacing` must be"),
        (lambda: rw.Session(IMAGE, band=1.5), "`band` must be a whole number"),
        (lambda: rw.Session(IMAGE, beta=-1.0), "`beta` must"),
        (lambda: rw.Session(IMAGE, compactness=0), "`compactness` must be positive"),
        (lambda: rw.Session(np.full((5, 5), np.nan)), "`image` holds NaN"),
        (lambda: painted().paint(0, DISC), "`label` must be a whole number from 1"),
        (lambda: painted().paint(1, (np.zeros(2, int),)), "one array of indices for each of 2 axes"),
        (lambda: painted().paint(1, ([0.5], [1.0])), "`where` must hold whole numbers"),
        (lambda: painted().paint(1, ([0, 1], [1, 2, 3])), "arrays of one length"),
        (lambda: painted().paint(1, np.zeros((2, 2), dtype=bool)), "`where` must be a mask"),
        (lambda: painted().paint(1, np.zeros(IMAGE.shape)), "`where` must be a mask"),
        (lambda: painted().suggest(0), "`k` must be a whole number from 1"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_given(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=words):
        call()
