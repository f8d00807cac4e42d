"""Stroke after stroke on the pixel walk: a factor that is kept and changed gives what a fresh one gives."""

import numpy as np
import pytest

import graphrw as rw
from graphrw.segmentation.pixels.kept_factor import dissection_for
from graphrw.solvers import Auto, Multigrid
from graphrw.solvers.grids.nested_dissection import GridInverse, NestedDissection

CHANCE = np.random.default_rng(0)
SHAPE = (40, 50)
DISC = np.hypot(*(np.indices(SHAPE) - [[[20]], [[20]]])) < 12
IMAGE = np.where(DISC, 0.7, 0.3) + 0.1 * CHANCE.random(SHAPE)


def agrees(session: rw.Session, image: np.ndarray, **options: object) -> None:
    expected = rw.random_walker(image, session.strokes, return_full_prob=True, **options)
    np.testing.assert_allclose(session.probabilities, expected, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(session.labels, rw.random_walker(image, session.strokes, **options))


def kept(session: rw.Session) -> GridInverse | None:
    return session._label.args[0].kept._last


@pytest.fixture
def factors(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with every factorisation of a grid."""
    made: list[object] = []
    invert = NestedDissection.invert_held

    def counted(*arguments: object) -> GridInverse:
        made.append(arguments)
        return invert(*arguments)

    monkeypatch.setattr(NestedDissection, "invert_held", counted)
    return made


def test_painting_erasing_undoing_and_redoing_never_factorise_again(factors: list[object]) -> None:
    session = rw.Session(IMAGE, superpixels=False)
    session.paint(1, ([20], [20]))
    session.paint(2, ([2, 2], [3, 4]))
    agrees(session, IMAGE)
    session.paint(2, (30, np.arange(30, 49)))
    agrees(session, IMAGE)
    session.erase(([2, 2], [3, 4]))  # what was held when the factor was made
    agrees(session, IMAGE)
    session.paint(1, (np.arange(5, 30), 22))
    agrees(session, IMAGE)
    session.paint(2, (np.arange(10, 20), 22))  # over another stroke
    agrees(session, IMAGE)
    session.erase(np.arange(50)[None] + np.zeros((40, 1)) == 22)
    agrees(session, IMAGE)
    for step in (session.undo, session.undo, session.undo, session.undo, session.redo, session.redo):
        assert step()
        agrees(session, IMAGE)
    assert len(factors) == 1


def test_twenty_labels_come_one_after_the_other(factors: list[object]) -> None:
    session = rw.Session(IMAGE, superpixels=False)
    for label in range(1, 21):
        session.paint(label, (CHANCE.integers(40, size=3), CHANCE.integers(50, size=3)))
        _ = session.labels
    agrees(session, IMAGE)
    assert len(factors) == 1


def test_a_finished_object_stays_and_the_rest_changes() -> None:
    session = rw.Session(IMAGE, superpixels=False)
    session.paint(1, ([20], [20]))
    session.paint(2, ([2], [3]))
    _ = session.labels
    session.keep(1)
    session.paint(3, ([35], [45]))
    agrees(session, IMAGE)


@pytest.mark.filterwarnings("ignore:.*reached by no seed")
def test_what_a_mask_parts_is_contested_by_and_by() -> None:
    mask = np.ones(SHAPE, dtype=bool)
    mask[:, 35] = mask[10, 36:] = False  # three pieces
    image = np.where(mask, IMAGE, np.nan)
    session = rw.Session(image, superpixels=False, mask=mask)
    inside = np.where(mask, IMAGE, 0.0)
    session.paint(1, ([20], [20]))
    session.paint(2, ([2], [3]))
    assert (session.labels[:, 36:] == -1).all()
    assert (session.labels[:, :35] > 0).all()
    for label, where in ((3, ([5], [40])), (2, ([30], [40])), (5, ([35], [48]))):
        session.paint(label, where)
        agrees(session, inside)
    assert kept(session) is not None


def test_volumes_and_colours_and_spacing_change_alike(factors: list[object]) -> None:
    volume = CHANCE.random((9, 10, 11, 2))
    options = {"channel_axis": -1, "spacing": (2.0, 1.0, 1.0), "beta": 20.0}
    session = rw.Session(volume, superpixels=False, **options)
    session.paint(1, ([2], [2], [2]))
    session.paint(2, ([7], [7], [7]))
    agrees(session, volume, **options)
    session.paint(1, ([2, 2], [3, 3], [8, 9]))
    agrees(session, volume, **options)
    assert len(factors) == 1


def test_weights_of_ten_decades_keep_their_digits() -> None:
    image = np.where(DISC, 1.0, 0.0)
    session = rw.Session(image, superpixels=False, beta=1e6)
    session.paint(1, ([2], [3]))
    session.paint(2, ([2], [40]))
    _ = session.labels
    session.paint(2, (20, np.arange(15, 25)))
    np.testing.assert_array_equal(session.labels[DISC], 2)
    expected = rw.random_walker(image, session.strokes, beta=1e6, return_full_prob=True)
    np.testing.assert_allclose(session.probabilities, expected, atol=1e-6)


def test_a_solver_of_ones_own_is_used(factors: list[object]) -> None:
    session = rw.Session(IMAGE, superpixels=False, solver=Multigrid())
    session.paint(1, ([20], [20]))
    session.paint(2, ([2], [3]))
    with rw.record_solves() as reports:
        _ = session.labels
    assert {str(report.solver) for report in reports} == {str(Multigrid())}
    assert not factors


def test_what_does_not_fit_into_memory_goes_the_way_of_auto(factors: list[object]) -> None:
    session = rw.Session(IMAGE, superpixels=False, solver=Auto(max_bytes=1))
    session.paint(1, ([20], [20]))
    session.paint(2, ([2], [3]))
    assert session.labels[20, 20] == 1
    assert not factors


def test_where_most_pixels_are_held_their_graph_alone_is_solved(factors: list[object]) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:10] = True
    session = rw.Session(IMAGE, superpixels=False, mask=mask)
    session.paint(1, ([2], [2]))
    session.paint(2, ([7], [40]))
    agrees(session, IMAGE)
    assert not factors


def test_a_large_volume_is_left_to_multigrid() -> None:
    assert dissection_for(rw.grid_graph((64, 64, 64)), (64, 64, 64), Auto(rtol=1e-6)) is None
