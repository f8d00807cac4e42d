"""The coins of scikit-image with our outlines (outlines.csv): truth, seeds, a training and a test half.

The two upper rows of coins are the test half. There the background is brighter and uneven, and coins 1, 4 and 5 have
the faintest rims of the picture. The lower half is the training half: plain Gaussian weights do well on it already, so
a test there would show little. What is learned there must carry over to another brightness. No coin crosses row 150,
where the halves meet.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage import data

TEST_ROWS = slice(0, 150)  # coins 1 to 12
TRAIN_ROWS = slice(150, 303)  # coins 13 to 24
BACKGROUND_SEEDS = ((90, 25), (90, 130), (90, 240), (90, 350), (230, 25), (230, 130), (230, 245), (232, 365))
SEED_RADIUS = 2.5  # pixels


class Half(NamedTuple):
    """One half of the picture, its coins renumbered from 1 to 12: `image` uint8, `truth` and `seeds` int64."""

    image: NDArray[np.uint8]
    truth: NDArray[np.int64]
    seeds: NDArray[np.int64]


def image() -> NDArray[np.uint8]:
    """The picture, (303, 384) uint8."""
    return np.asarray(data.coins(), dtype=np.uint8)  # type: ignore[no-untyped-call]


def outlines() -> NDArray[np.float64]:
    """(24, 5): centre row and column, semi-axes along rows and columns in pixels, angle in degrees."""
    table = np.loadtxt(Path(__file__).with_name("outlines.csv"), delimiter=",", comments=["#", "coin"])
    return np.asarray(table[:, 1:], dtype=np.float64)


def labels() -> NDArray[np.int64]:
    """(303, 384): 0 on the background (the dark frame of the picture included), k on coin k."""
    rows, columns = np.indices(image().shape)
    truth = np.zeros(rows.shape, dtype=np.int64)
    for coin, (row, column, semi_row, semi_column, angle) in enumerate(outlines(), start=1):
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        across = (columns - column) * cosine + (rows - row) * sine
        down = (rows - row) * cosine - (columns - column) * sine
        truth[(across / semi_column) ** 2 + (down / semi_row) ** 2 <= 1] = coin
    return truth


def seeds(phase: float = 0.0) -> NDArray[np.int64]:
    """One disc per coin, 0.3 of its radius off centre, and four on the background of each half; −1 elsewhere.

    The direction turns by 2.4 rad from coin to coin; `phase` (rad) turns all of them, for results that do not hang on
    one placement.
    """
    marks = np.full(image().shape, -1, dtype=np.int64)
    for coin, (row, column, semi_row, semi_column, _) in enumerate(outlines(), start=1):
        turn = 2.4 * coin + phase
        marks[_disc(row + 0.3 * semi_row * np.sin(turn), column + 0.3 * semi_column * np.cos(turn))] = coin
    for row, column in BACKGROUND_SEEDS:
        marks[_disc(row, column)] = 0
    return marks


def half(rows: slice, phase: float = 0.0) -> Half:
    """The half of the picture in TRAIN_ROWS or TEST_ROWS."""
    truth, marks = labels()[rows], seeds(phase)[rows]
    offset = truth[truth > 0].min() - 1
    return Half(image()[rows], np.where(truth > 0, truth - offset, 0), np.where(marks > 0, marks - offset, marks))


def _disc(row: float, column: float) -> NDArray[np.bool_]:
    rows, columns = np.indices(image().shape)
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= SEED_RADIUS**2)
