"""Pictures of tissue, drawn by chance: cells behind broken membranes, and strokes inside them that are no membranes.

A membrane is a light line between two dark ones, and a third of each picture's membranes is missing, in gaps.
Organelles are dark strokes. The ground is uneven, and there is noise. Nothing else tells two cells apart.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label
from skimage.segmentation import find_boundaries

SIZE = 128  # pixels along each side
CELLS = 10  # to begin with: the waves may cut a cell in two, or make it too small
BEND = 1.7  # pixels: by how much membranes bend, a standard deviation
LEAST_AREA = 150  # pixels of a cell
MISSING, GAP = 0.35, 12  # the share of the membranes that is missing; pixels across a gap
ORGANELLES = 14
STAIN, STAINS = 1.0, 4  # how much brighter a stained spot is; pixels, how wide the waves are whose crests are stained
GROUND, NOISE = 0.15, 0.25  # standard deviations; a membrane is 1 to 2 darker than the ground

CLICKS = 5  # in each cell, of a picture to learn from
RADIUS = 2.5  # pixels: what a click paints
DEPTH = 4  # pixels from the membrane, where the cell is wide enough


@dataclass(frozen=True)
class Tissue:
    """One picture.

    Args:
        image: (H, W) float32.
        truth: (H, W) int64, the cell of each pixel, from 0.
        clicks: (`CLICKS`, H, W) int64: in each layer one small disc in each cell, −1 elsewhere.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.int64]
    clicks: NDArray[np.int64]

    @property
    def seeds(self) -> NDArray[np.int64]:
        """(H, W): one click in each cell."""
        return self.clicks[0]

    def with_all(self, clicks: int) -> "Tissue":
        """The same picture, with so many clicks in each cell as its seeds."""
        return replace(self, clicks=self.clicks[:clicks].max(0, keepdims=True))


def tissues(count: int, seed: int) -> list[Tissue]:
    """As many pictures; the same ones for the same `seed`."""
    return [_tissue(np.random.default_rng((seed, number))) for number in range(count)]


def _tissue(random: np.random.Generator) -> Tissue:
    truth = _cells(random)
    border = find_boundaries(truth, mode="inner")
    membrane = _with_gaps(border, random).astype(float)
    organelle = _strokes(distance_transform_edt(~border) > DEPTH, random).astype(float)
    dark = 3.5 * gaussian_filter(membrane, 2) + 2.2 * gaussian_filter(organelle, 1)
    light = 2 * gaussian_filter(membrane, 0.7)
    stain = STAIN * (_waves(STAINS, random) > 0.5)
    ground = stain + GROUND * _waves(6, random) + NOISE * random.standard_normal(truth.shape)
    return Tissue((ground + light - dark).astype(np.float32), truth, _clicks(truth, random))


def _waves(length: float, random: np.random.Generator) -> NDArray[np.float64]:
    """(H, W), of about unit standard deviation."""
    smooth: NDArray[np.float64] = gaussian_filter(random.standard_normal((SIZE, SIZE)), length)
    return 2 * np.sqrt(np.pi) * length * smooth


def _cells(random: np.random.Generator) -> NDArray[np.int64]:
    """(H, W): which of some random points is nearest, seen through wavy glass; connected, none of them small."""
    points = random.random((CELLS, 2)) * SIZE
    row, column = np.indices((SIZE, SIZE)) + [BEND * _waves(10, random) for _ in range(2)]
    nearest = ((row[..., None] - points[:, 0]) ** 2 + (column[..., None] - points[:, 1]) ** 2).argmin(-1)
    cells, count = np.zeros((SIZE, SIZE), dtype=np.int64), 0
    for number in range(CELLS):
        parts, found = label(nearest == number)
        for part in range(1, found + 1):
            if (parts == part).sum() >= LEAST_AREA:
                count += 1
                cells[parts == part] = count
    return cells[tuple(distance_transform_edt(cells == 0, return_distances=False, return_indices=True))] - 1


def _with_gaps(border: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.bool_]:
    places, left = np.argwhere(border), border.copy()
    while left.sum() > (1 - MISSING) * border.sum():
        left &= ~_disc(places[random.integers(len(places))], GAP / 2)
    return left


def _strokes(allowed: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.bool_]:
    """Short lines that bend, where they are allowed."""
    stroke = np.zeros((SIZE, SIZE), dtype=bool)
    for _ in range(ORGANELLES):
        steps = random.integers(6, 16)
        angle = random.uniform(0, 2 * np.pi) + 0.3 * random.standard_normal(steps).cumsum()
        row, column = (random.random((2, 1)) * SIZE + np.cumsum([np.sin(angle), np.cos(angle)], axis=1)).astype(int)
        inside = (np.minimum(row, column) >= 0) & (np.maximum(row, column) < SIZE)
        stroke[row[inside], column[inside]] = True
    return stroke & allowed


def _clicks(truth: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    clicks = np.full((CLICKS, *truth.shape), -1)
    for cell in range(truth.max() + 1):
        depth = distance_transform_edt(np.pad(truth == cell, 1))[1:-1, 1:-1]
        places = np.argwhere(depth >= min(DEPTH, depth.max()))
        for layer, place in zip(clicks, random.choice(places, CLICKS), strict=True):
            layer[_disc(place, RADIUS) & (truth == cell)] = cell
    return clicks


def _disc(middle: NDArray[np.int64], radius: float) -> NDArray[np.bool_]:
    row, column = np.indices((SIZE, SIZE))
    return (row - middle[0]) ** 2 + (column - middle[1]) ** 2 <= radius**2
