"""Ground truths made ready, against scikit-image."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.measure import label

from graphrw.partition import connected_segments, grown_segments

SHAPES = [(9,), (12, 15), (4, 6, 7)]


@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_are_those_of_scikit_image(shape: tuple[int, ...]) -> None:
    segments = torch.randint(-1, 3, shape)
    found = connected_segments(segments)
    expected = label(segments.numpy() + 1, connectivity=1, background=0) - 1
    assert torch.equal(found, torch.from_numpy(expected).long())


def test_small_pieces_are_left_out_and_the_others_numbered_without_gaps() -> None:
    segments = torch.tensor([[3, 0, 3, 3, 0, 0, 0]])
    assert connected_segments(segments, min_size=2).tolist() == [[-1, -1, 0, 0, 1, 1, 1]]
    assert connected_segments(segments, 0, min_size=2).tolist() == [[0, 0, 0, 0, 0, 0, 0]]
    assert connected_segments(segments, min_size=9).tolist() == [[-1] * 7]


@pytest.mark.parametrize("shape", SHAPES)
def test_labels_grow_to_the_nearest_segment(shape: tuple[int, ...]) -> None:
    segments = torch.where(torch.rand(shape) < 0.15, torch.arange(int(np.prod(shape))).reshape(shape), -1)
    found = grown_segments(segments)
    away = ndimage.distance_transform_edt(segments.numpy() < 0)
    for place in np.ndindex(shape):
        own = (segments == found[place]).nonzero().double()
        assert float((own - torch.tensor(place)).norm(dim=1).min()) == pytest.approx(float(away[place]))


def test_no_segment_cannot_grow() -> None:
    with pytest.raises(ValueError, match="holds no segment, only `ignore_index` 0"):
        grown_segments(torch.zeros(2, 2, dtype=torch.int64), 0)


@pytest.mark.parametrize("function", [connected_segments, grown_segments])
def test_segments_that_are_not_integers_are_refused(function) -> None:
    with pytest.raises(ValueError, match=r"must hold integers; got torch\.float32"):
        function(torch.zeros(2, 2))
