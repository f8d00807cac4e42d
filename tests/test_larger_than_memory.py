"""Volumes larger than memory: the answer of the whole array, from blocks on disk."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from cli_files import run
from numpy.typing import NDArray

import graphrw as rw
from graphrw.core.errors import Cancelled, ConvergenceError
from graphrw.files import ImageFile, open_in_parts, read_image, write_image
from graphrw.segmentation import random_walker_blocks
from graphrw.segmentation.blocks.boxes import Box, VoxelFile
from graphrw.solvers.streamed import coarsening, hierarchy
from graphrw.solvers.streamed.field import Field

RTOL = 1e-6


@pytest.fixture
def several_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hierarchy with levels on disk, where the volume alone would fit into memory."""
    monkeypatch.setattr(hierarchy, "IN_MEMORY", 200)
    monkeypatch.setattr(coarsening, "LEAST_PART", 100)


def bright_half(*shape: int, noise: float = 0.1) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """A noisy step, with seeds 2, 5 and 9 on both sides of it."""
    image = noise * np.random.default_rng(0).standard_normal(shape)
    image[..., shape[-1] // 2 :] += 1
    labels = np.zeros(shape, np.int16)
    labels[..., 1:3].flat[:4] = 2
    labels[..., -2].flat[-5:] = 5
    labels[..., 3].flat[-2:] = 9
    return image, labels


def answers(folder: Path, image: Any, labels: Any, **options: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels and probabilities by blocks."""
    options = {"block": 8, "rtol": RTOL, **options}
    random_walker_blocks(image, labels, folder / "out.zarr", probabilities=folder / "p.zarr", **options)
    return read_image(folder / "out.zarr").values, read_image(folder / "p.zarr").values


def assert_equals_the_whole_array(folder: Path, image: Any, labels: Any, **options: Any) -> None:
    found, share = answers(folder, image, labels, **options)
    expected = rw.random_walker(image, labels, return_full_prob=True, **options)
    np.testing.assert_allclose(share, expected, rtol=0, atol=2 * RTOL)  # float32 in the file
    ordered = np.sort(expected, axis=0)
    clear = ordered[-1] - ordered[-2] > 4 * RTOL
    np.testing.assert_array_equal(found[clear], rw.random_walker(image, labels, **options)[clear])
    assert clear.mean() > 0.99
    assert found.dtype == labels.dtype


@pytest.mark.usefixtures("several_levels")
@pytest.mark.parametrize("shape", [(19, 30), (13, 9, 21), (3, 20, 17)])
def test_the_answer_is_that_of_the_whole_array(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert_equals_the_whole_array(tmp_path, *bright_half(*shape))


@pytest.mark.usefixtures("several_levels")
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_every_type_of_pixels_has_the_weights_of_the_whole_array(kind: type, tmp_path: Path) -> None:
    image, labels = bright_half(9, 12, 20)
    scale = np.iinfo(kind).max / 2 if np.issubdtype(kind, np.integer) else 1.0
    assert_equals_the_whole_array(tmp_path, (np.clip(image + 0.5, 0, 2) * scale).astype(kind), labels)


@pytest.mark.usefixtures("several_levels")
def test_spacing_channels_and_the_range_of_the_data_mean_what_they_mean_elsewhere(tmp_path: Path) -> None:
    image, labels = bright_half(9, 12, 20)
    colours = np.stack([image, image[::-1]]) * 1000
    assert_equals_the_whole_array(
        tmp_path, colours, labels, spacing=(2.0, 1.0, 0.5), channel_axis=0, data_range=1500.0, beta=50.0
    )


@pytest.mark.usefixtures("several_levels")
def test_pixels_outside_cost_nothing_and_those_without_seeds_are_told_of(tmp_path: Path) -> None:
    image, labels = bright_half(12, 24)
    labels[:, 14:16] = -2  # parts the image; the last columns hold 5 alone
    labels[5:8, 5:9] = -1
    labels[6, 6:8] = 0  # reached by nobody
    image[5, 5] = np.nan
    with pytest.warns(UserWarning, match="2 unlabelled voxels are reached by no seed"):
        found, share = answers(tmp_path, image, labels)
    with pytest.warns(UserWarning, match="reached by no seed"):
        np.testing.assert_array_equal(found, rw.random_walker(image, labels))
    with pytest.warns(UserWarning, match="reached by no seed"):
        expected = rw.random_walker(image, labels, return_full_prob=True)
    np.testing.assert_allclose(share, expected, rtol=0, atol=2 * RTOL)


@pytest.mark.usefixtures("several_levels")
def test_seven_labels_are_solved_for_in_turn(tmp_path: Path) -> None:
    image, labels = bright_half(12, 40)
    labels[4, ::6] = np.arange(11, 18)
    assert_equals_the_whole_array(tmp_path, image, labels)


@pytest.mark.usefixtures("several_levels")
def test_walls_of_ten_decades_do_not_hide_what_is_missing_behind_them(tmp_path: Path) -> None:
    image, labels = bright_half(10, 14, 20, noise=0.02)
    image[2:8, 3:9, 4:9] += np.where(np.pad(np.ones((4, 4, 3)), 1), 0.0, 4.0)  # a closed box
    assert_equals_the_whole_array(tmp_path, image, labels, beta=4000.0)


def test_a_single_label_and_an_image_without_contrast_need_no_care(tmp_path: Path) -> None:
    labels = np.zeros((9, 10), np.uint8)
    labels[4, 4] = 3
    found, share = answers(tmp_path, np.zeros((9, 10)), labels)
    assert (found == 3).all()
    assert (share == 1).all()
    labels[0, 0] = 1
    assert_equals_the_whole_array(tmp_path, np.full((9, 10), 0.3), labels)


@pytest.mark.usefixtures("several_levels")
def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    image, labels = bright_half(13, 9, 21)
    out, told = tmp_path / "out.zarr", []

    def stop_late(share: float, what: str) -> bool:
        told.append((share, what))
        residual = re.search(r"residual ([^,)]+)", what)
        return residual is None or float(residual[1]) > 1e-4

    with pytest.raises(Cancelled, match="goes on from here"):
        random_walker_blocks(image, labels, out, block=8, progress=stop_late)
    assert not out.exists()
    assert (tmp_path / "out.zarr.unfinished").is_dir()
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    again = random_walker_blocks(image, labels, out, block=8)
    anew = random_walker_blocks(image, labels, tmp_path / "anew.zarr", block=8)
    assert 0 < again.iterations < anew.iterations
    np.testing.assert_array_equal(read_image(out).values, read_image(tmp_path / "anew.zarr").values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anew.zarr", "out.zarr"]


@pytest.mark.usefixtures("several_levels")
def test_a_run_may_be_stopped_anywhere(tmp_path: Path) -> None:
    image, labels = bright_half(9, 20)
    out, calls = tmp_path / "out.zarr", 0

    def count(share: float, what: str) -> None:
        nonlocal calls
        calls += 1

    random_walker_blocks(image, labels, tmp_path / "whole.zarr", block=8, progress=count)
    for last in range(1, calls, max(1, calls // 5)):
        asked = 0

        def stop(share: float, what: str, last: int = last) -> bool:
            nonlocal asked
            asked += 1
            return asked <= last

        with pytest.raises(Cancelled):
            random_walker_blocks(image, labels, out, block=8, progress=stop)
        random_walker_blocks(image, labels, out, block=8)
        np.testing.assert_array_equal(read_image(out).values, read_image(tmp_path / "whole.zarr").values)
        zarr.open_group(out, mode="r+")["0"][...] = 0  # a new answer must take its place


def test_an_unfinished_run_of_other_inputs_or_options_is_refused_in_words(tmp_path: Path) -> None:
    image, labels = bright_half(9, 20)
    out = tmp_path / "out.zarr"
    with pytest.raises(Cancelled):
        random_walker_blocks(image, labels, out, block=8, progress=lambda share, what: share < 0.1)
    with pytest.raises(ValueError, match="`beta`: 130 then, 90 now"):
        random_walker_blocks(image, labels, out, beta=90, block=8)
    with pytest.raises(ValueError, match=r"`image and labels`.*delete the folder"):
        random_walker_blocks(image + 1, labels, out, block=8)
    with pytest.raises(ValueError, match=r"options \(`block`: 8 then, 16 now\)"):
        random_walker_blocks(image, labels, out, block=16)
    random_walker_blocks(image, labels, out, block=8, rtol=1e-3)


def test_an_output_that_is_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    image, labels = bright_half(9, 20)
    out = tmp_path / "out.zarr"
    write_image(out, ImageFile(np.full((2, 2), 4, np.uint8)))
    with pytest.raises(Cancelled):
        random_walker_blocks(image, labels, out, block=8, progress=lambda share, what: what != "writing")
    assert (read_image(out).values == 4).all()
    random_walker_blocks(image, labels, out, block=8)
    assert read_image(out).values.shape == (9, 20)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("1")
    with pytest.raises(ValueError, match="holds something else"):
        random_walker_blocks(*bright_half(9, 20), tmp_path / "out.zarr", scratch=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_what_cannot_be_reached_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphrw.segmentation.blocks.hitting.LEAST", 1.0)
    monkeypatch.setattr("graphrw.segmentation.blocks.hitting.CAUTION", 1e3)
    with pytest.raises(ConvergenceError, match="add up to 1 only within"):
        random_walker_blocks(*bright_half(20, 30), tmp_path / "out.zarr", rtol=1e-4)


def test_missing_seeds_and_wrong_formats_are_told_before_anything_is_made(tmp_path: Path) -> None:
    image, labels = bright_half(9, 20)
    with pytest.raises(ValueError, match="No seeds"):
        random_walker_blocks(image, 0 * labels, tmp_path / "out.zarr")
    with pytest.raises(ValueError, match="only Zarr"):
        random_walker_blocks(image, labels, tmp_path / "out.tif")
    with pytest.raises(ValueError, match="whole numbers"):
        random_walker_blocks(image, labels + 0.5, tmp_path / "out.zarr")
    assert list(tmp_path.iterdir()) == []


def test_the_command_walks_from_zarr_to_zarr_and_keeps_the_place(tmp_path: Path) -> None:
    image, labels = bright_half(6, 12, 20)
    mask = np.ones(labels.shape, np.uint8)
    mask[:, 4:6, :10] = 0
    described = {"axes": "zyx", "spacing": (3.0, 1.5, 1.5), "unit": "µm"}
    for name, values in (("image", image), ("seeds", labels.astype(np.uint16)), ("mask", mask)):
        write_image(tmp_path / f"{name}.zarr", ImageFile(values, **described))
    paths = [tmp_path / f"{name}.zarr" for name in ("image", "seeds", "out", "mask", "p")]
    options = ("--blocks", 8, "--mask", paths[3], "--probabilities", paths[4])
    answer = run("walk", *paths[:2], "-o", paths[2], *options)
    assert answer.exit_code == 0, answer.output
    assert "3 labels on 6 × 12 × 20 pixels" in answer.stderr
    found = open_in_parts(paths[2])
    assert (found.spacing, found.unit, found.values.dtype) == ((3.0, 1.5, 1.5), "µm", np.uint8)
    expected = rw.random_walker(image, np.where(mask, labels, -1), spacing=(2.0, 1.0, 1.0))
    np.testing.assert_array_equal(found.values[...], np.where(expected < 0, 0, expected))
    assert run("walk", *paths[:2], "-o", tmp_path / "o.tif", "--blocks", 8).exit_code == 1
    assert (
        "--entropy" in run("walk", *paths[:2], "-o", paths[2], "--blocks", 8, "--entropy", tmp_path / "e.zarr").stderr
    )


def test_an_image_of_ome_zarr_with_time_and_channels_is_read_in_parts(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((1, 2, 1, 12, 20))
    group = zarr.open_group(tmp_path / "image.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=values)
    kinds = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
    axes = [{"name": name, "type": kind} for name, kind in kinds.items()]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
    file = open_in_parts(tmp_path / "image.zarr")
    np.testing.assert_array_equal(file.values[1:2, :, 3:5, 2:9], values[0, 1:2, :, 3:5, 2:9])
    np.testing.assert_array_equal(file.values[...], read_image(tmp_path / "image.zarr").values)


def test_facts_of_a_run_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        random_walker_blocks(
            *bright_half(9, 20), tmp_path / "out.zarr", progress=lambda share, what: what != "weighing edges"
        )
    facts = json.loads((tmp_path / "out.zarr.unfinished" / "run.json").read_text())
    assert (facts["block"], facts["shape"]) == (48, [9, 20])


def test_a_file_that_was_cut_is_an_error_and_not_whatever_is_in_memory(tmp_path: Path) -> None:
    field = Field(tmp_path / "x", 40_000, 1).made()
    voxels = VoxelFile(tmp_path / "y", (4, 5, 6)).made()
    for path in (field.path, voxels.path):
        with path.open("r+b") as file:
            file.truncate(100)
    with pytest.raises(OSError, match=r"x` ends before byte 320000"):
        field.gather(torch.tensor([0, 39_999]))
    with pytest.raises(OSError, match=r"y` ends before byte 136"):
        voxels.read(Box((0, 0, 0), (1, 5, 5)))
