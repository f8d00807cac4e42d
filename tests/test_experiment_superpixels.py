"""Regions of experiments/superpixels: SLIC keeps to edges, squares do not."""

import numpy as np

from experiments.superpixels.methods import Option, by_squares, by_superpixels
from experiments.superpixels.scenes import Scene


def test_superpixels_keep_to_an_edge_that_is_not_along_the_axes_and_squares_do_not() -> None:
    row, column = np.indices((60, 80))
    inside = column + row / 2 > 55
    image = np.where(inside[..., None], (0.55, 0.4, 0.4), (0.45, 0.4, 0.5))  # an edge of 25 units of Lab
    seeds = np.zeros(inside.shape, np.int64)
    seeds[30, 2], seeds[30, 77] = 1, 2
    scene = Scene("made here", image, seeds, 1 + inside.astype(np.int64), np.ones(inside.shape, bool))

    def right(found: np.ndarray) -> float:
        return float((found == scene.truth).mean())

    option = Option(10.0, 100, 10.0)
    assert right(by_superpixels(scene, option)) > 0.995
    assert right(by_superpixels(scene, option, shrink=2)) > 0.98
    assert 0.9 < right(by_squares(scene, option)) < 0.975
    assert right(by_superpixels(scene, Option(10.0, 100, 1000.0))) < 0.975  # so compact that they are squares, too
