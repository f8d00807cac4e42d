"""Simulated scribbles: where they lie, that they hang together, and their chance."""

import math
import sys

import pytest
import torch
from scipy.ndimage import distance_transform_edt, label
from torch import Tensor

from graphrw.partition import simulated_scribbles
from graphrw.partition.scribbles import _skeletonize


def scene(side: int = 60) -> Tensor:
    """A disc (1) and a bar (2) on a ground (0) with a hole in the knowledge (9)."""
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    classes = torch.zeros(side, side, dtype=torch.int64)
    classes[(row - 20) ** 2 + (column - 40) ** 2 < 100] = 1
    classes[45:50, 5:50] = 2
    classes[:8, :8] = 9
    return classes


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_region_gets_one_connected_stroke_of_its_own_class() -> None:
    classes = scene()
    scribbles = simulated_scribbles(classes, 9, generator=chance(0))
    assert scribbles.dtype == torch.int64
    drawn = scribbles >= 0
    assert torch.equal(scribbles[drawn], classes[drawn])
    for name in (0, 1, 2):
        _, strokes = label((scribbles == name).numpy(), torch.ones(3, 3).numpy())
        assert strokes == 1
    assert drawn.float().mean() < 0.05


def test_a_stroke_runs_along_the_middle_of_its_region() -> None:
    bar = simulated_scribbles(scene(), 9, share=1.0) == 2
    assert set(bar.nonzero()[:, 0].tolist()) <= {46, 47, 48}
    assert int(bar.sum()) > 35
    depth = torch.from_numpy(distance_transform_edt(scene().numpy() == 1))
    disc = simulated_scribbles(scene(), 9) == 1
    assert float(depth[disc].min()) > 0.3 * float(depth.max())


def test_a_share_of_the_longest_path_is_drawn_and_its_place_is_chance() -> None:
    whole, half = (int((simulated_scribbles(scene(), 9, share=share) == 2).sum()) for share in (1.0, 0.5))
    assert half == math.ceil(whole / 2) or half == whole // 2
    draws = [simulated_scribbles(scene(), 9, generator=chance(seed)) for seed in range(4)]
    assert any(not torch.equal(draws[0], other) for other in draws[1:])
    assert torch.equal(draws[0], simulated_scribbles(scene(), 9, generator=chance(0)))


def test_crumbs_get_no_stroke_unless_they_are_all_of_their_class() -> None:
    classes = torch.zeros(40, 40, dtype=torch.int64)
    classes[5:25, 5:25] = 1
    classes[30:33, 30:33] = 1
    classes[36:38, 4:6] = 2
    scribbles = simulated_scribbles(classes)
    assert not bool((scribbles[28:36, 28:36] == 1).any())
    assert bool((scribbles == 2).any())


def test_volumes_have_strokes_too() -> None:
    classes = torch.zeros(7, 9, 20, dtype=torch.int64)
    classes[2:5, 3:6, 2:18] = 1
    line = (simulated_scribbles(classes, share=1.0) == 1).nonzero()
    assert len(line) > 10
    assert set(map(tuple, line[:, :2].tolist())) <= {(3, 4)}


def test_without_scikit_image_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.morphology", None)
    _skeletonize.cache_clear()
    with pytest.raises(ImportError, match=r"graphrw\[image\]"):
        simulated_scribbles(scene())


def test_classes_below_zero_are_refused_unless_they_are_ignored() -> None:
    with pytest.raises(ValueError, match=r"`classes` must be ≥ 0 \(other than `ignore_index`\); got -1"):
        simulated_scribbles(torch.tensor([[0, -1], [0, 0]]))
