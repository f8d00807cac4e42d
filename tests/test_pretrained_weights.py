"""Weights that come with graphrw: each loads, is small, has a card, and sees what it was trained to see."""

from pathlib import Path

import numpy as np
import pytest
from cli_files import run
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from graphrw.files import ImageFile, read_image, write_image
from graphrw.models import LearnedRandomWalker, model_card, pretrained_names, shipped

MOST = 2 * 2**20  # bytes
LICENCES = {"em_membranes_2d": "CC BY 3.0", "em_membranes_3d": "CC BY 3.0", "nuclei_2d": "CC0"}


def cells(shape: tuple[int, ...], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Tissue: an image of bright cells with dark membranes, noisy; the cells, from 1; a seed in each."""
    chance = np.random.default_rng(3)
    place = chance.random((count, len(shape))) * shape
    pixels = np.stack(np.indices(shape), -1).reshape(-1, len(shape))
    distance, nearest = KDTree(place).query(pixels, k=2)
    border = (distance[:, 1] - distance[:, 0]).reshape(shape) < 3
    image = ndimage.gaussian_filter(np.where(border, 0.3, 0.7), 0.8) + chance.normal(0, 0.04, shape)
    segments = nearest[:, 0].reshape(shape) + 1
    seeds = np.zeros(shape, int)
    for label in range(1, count + 1):
        depth = ndimage.distance_transform_edt((segments == label) & ~border)
        seeds[np.unravel_index(depth.argmax(), shape)] = label
    return image, segments, seeds


def nuclei() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Two bright discs that touch and one apart, on dark ground (1), blurred and noisy; a seed in each, two outside."""
    row, column = np.indices((80, 100))
    segments, seeds = np.ones(row.shape, int), np.zeros(row.shape, int)
    for label, place in ((2, (40, 30)), (3, (40, 51)), (4, (22, 78))):
        segments[np.hypot(row - place[0], column - place[1]) < 11] = label
        seeds[place[0] + 3, place[1] - 2] = label
    seeds[5, 5] = seeds[70, 90] = 1
    chance = np.random.default_rng(3)
    image = ndimage.gaussian_filter(np.where(segments > 1, 0.6, 0.05), 1.0) + chance.normal(0, 0.02, row.shape)
    return image, segments, seeds


PICTURES = {
    "em_membranes_2d": lambda: cells((96, 120), 12),
    "em_membranes_3d": lambda: cells((32, 48, 48), 6),
    "nuclei_2d": nuclei,
}


def test_the_weights_are_those_that_are_tested_here() -> None:
    assert pretrained_names() == tuple(sorted(PICTURES)) == tuple(sorted(LICENCES))


@pytest.mark.parametrize("name", PICTURES)
def test_weights_are_small_and_have_a_card(name: str) -> None:
    assert shipped.shipped(name).stat().st_size <= MOST
    card = model_card(name)
    assert card.startswith(f"# {name}\n")
    for heading in ("Use", "Data", "Licence", "Training", "Scores on val", "Limits"):
        assert f"\n## {heading}\n" in card
    assert LICENCES[name] in card


@pytest.mark.parametrize("name", PICTURES)
def test_weights_find_what_they_were_trained_to_find(name: str) -> None:
    image, truth, seeds = PICTURES[name]()
    model = LearnedRandomWalker.from_pretrained(name)
    assert not model.training
    found = model.predict(image, seeds)
    assert (found == truth).mean() > 0.93
    assert (model.predict((1000 + 500 * image).astype(np.uint16), seeds) == found).mean() > 0.99


@pytest.mark.parametrize("name", ["nuclei", "", None, Path("nuclei_2d.safetensors"), ["nuclei_2d"]])
def test_other_names_are_refused_with_those_that_there_are(name: object) -> None:
    with pytest.raises(ValueError, match=r"`name` must be one of 'em_membranes_2d', .*; got"):
        LearnedRandomWalker.from_pretrained(name)
    with pytest.raises(ValueError, match=r"`name` must be one of"):
        model_card(name)


def test_the_command_line_takes_their_names(tmp_path: Path) -> None:
    image, _, seeds = nuclei()
    write_image(tmp_path / "image.tif", ImageFile(image.astype(np.float32)))
    write_image(tmp_path / "seeds.png", ImageFile(seeds.astype(np.uint8)))
    files = (tmp_path / "image.tif", tmp_path / "seeds.png", "-o", tmp_path / "out.png")
    answer = run("segment", *files, "--model", "nuclei_2d", "--device", "cpu")
    assert answer.exit_code == 0, answer.stderr
    expected = LearnedRandomWalker.from_pretrained("nuclei_2d").predict(image.astype(np.float32), seeds)
    assert np.array_equal(read_image(tmp_path / "out.png").values, expected)
    assert "em_membranes_2d, em_membranes_3d, nuclei_2d" in run("info").stdout
