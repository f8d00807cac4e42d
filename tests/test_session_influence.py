"""What sessions say about single strokes."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.functional import hitting_probabilities
from graphrw.solvers import Dense

IMAGE = np.zeros((20, 30))
IMAGE[:, 15:] = 1
IMAGE += 0.05 * np.random.default_rng(0).standard_normal(IMAGE.shape)
STROKES = [(1, 10, 2), (1, 4, 8), (2, 10, 27), (2, 4, 20), (2, 12, 6)]  # the last is wrong


def session(superpixels: bool = True) -> rw.Session:
    made = rw.Session(IMAGE, superpixels=superpixels)
    for label, row, column in STROKES:
        made.paint(label, ([row, row + 1], [column, column]))
    return made


@pytest.mark.parametrize("superpixels", [True, False])
def test_the_wrong_stroke_is_suspected_first(superpixels: bool) -> None:
    drawn = session(superpixels)
    suspects = drawn.suspects(9)
    assert suspects[0] == 4
    assert sorted(suspects) == [0, 1, 2, 3, 4]
    assert drawn.suspects().tolist() == [4]


@pytest.mark.parametrize("superpixels", [True, False])
def test_the_change_is_that_of_the_walk_without_the_stroke_solved_densely(superpixels: bool) -> None:
    drawn = session(superpixels)
    found = drawn.influence(4)
    seeded = drawn._found.seeded  # type: ignore[union-attr]
    node = torch.as_tensor(seeded.node).long()
    with_all, without = (
        hitting_probabilities(seeded.walk, seeds, 2, absorption=seeded.absorption, solver=Dense())
        for seeds in (seeded.seeds, seeded.seeds.index_fill(0, node[12:14, 6], -1))
    )
    expected = ((without - with_all).abs().sum(1) / 2)[node].numpy()
    np.testing.assert_allclose(found.change, expected, atol=1e-7)
    assert found.agreement == pytest.approx(float(without[node[12:14, 6], 1].mean()), abs=1e-7)
    assert found.label == 2
    assert np.argwhere(found.where).tolist() == [[12, 6], [13, 6]]


def test_what_a_stroke_painted_can_be_erased() -> None:
    drawn = session()
    assert drawn.erase(drawn.influence(4).where) == 2
    with pytest.raises(ValueError, match=r"of which pixels are left: \[0, 1, 2, 3\]; got 4"):
        drawn.influence(4)
    drawn.undo()
    assert drawn.influence(4).label == 2


def test_kept_objects_are_not_suspected_and_fewer_than_three_strokes_neither() -> None:
    drawn = session()
    drawn.keep(1)
    assert 0 not in drawn.suspects(9)
    assert len(rw.Session(IMAGE).suspects()) == 0
    few = rw.Session(IMAGE)
    few.paint(1, ([10], [2]))
    few.paint(2, ([10], [5]))
    assert len(few.suspects()) == 0


def test_a_stroke_that_is_outvoted_in_its_regions_changes_nothing() -> None:
    drawn = rw.Session(IMAGE, n_segments=4)
    for label, row, column in STROKES[:4]:
        drawn.paint(label, ([row, row + 1], [column, column]))
    drawn.paint(2, ([14], [2]))
    found = drawn.influence(4)
    assert found.agreement == 1.0
    assert not found.change.any()
    assert 4 not in drawn.suspects(9)


def test_torch_comes_out_where_torch_goes_in() -> None:
    drawn = rw.Session(torch.from_numpy(IMAGE))
    for label, row, column in STROKES:
        drawn.paint(label, ([row], [column]))
    assert isinstance(drawn.suspects(), torch.Tensor)
    found = drawn.influence(0)
    assert isinstance(found.change, torch.Tensor)
    assert isinstance(found.where, torch.Tensor)
