"""Volumes that do not fit are refused before the walk over them begins, in words that say what takes them."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from cli_files import run, two_halves
from numpy.typing import NDArray

import graphrw as rw
from graphrw.core import memory
from graphrw.files import ImageFile, read_image, write_image

BLOCKS = r"needs about .* GiB are free\. .*random_walker_blocks.*`graphrw walk --blocks 48`"
SHAPE = (14, 20, 30)
IMAGE, SEEDS = two_halves(*SHAPE)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**20)


def in_zarr(folder: Path, seeds: NDArray[np.generic] = SEEDS) -> list[Path]:
    paths = [folder / f"{name}.zarr" for name in ("image", "seeds", "out")]
    for path, values in zip(paths, (IMAGE, seeds), strict=False):
        write_image(path, ImageFile(values))
    return paths


@pytest.mark.usefixtures("little")
def test_in_python_a_volume_is_refused_before_it_is_weighed() -> None:
    with pytest.raises(MemoryError, match="A walk over 8,400 voxels " + BLOCKS):
        rw.random_walker(IMAGE, SEEDS)
    session = rw.Session(IMAGE, superpixels=False)
    session.paint(1, SEEDS == 7)
    session.paint(2, SEEDS == 3)
    with pytest.raises(MemoryError, match="A walk over 8,400 voxels " + BLOCKS):
        _ = session.labels


def test_what_is_outside_or_settled_needs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = SEEDS.astype(np.int64)
    seeds[2:] = -1
    seeds[:2, 3, 3:5], seeds[:2, 3, 25:27] = 7, 3
    expected = rw.random_walker(IMAGE, seeds)
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * 2**20)  # for 1,200 voxels, and not for 8,400
    np.testing.assert_array_equal(rw.random_walker(IMAGE, seeds), expected)
    with pytest.raises(MemoryError, match="8,400 voxels"):
        rw.random_walker(IMAGE, SEEDS)
    assert (rw.random_walker(IMAGE, np.where(SEEDS == 7, 7, 0)) == 7).all()


def test_strokes_on_a_volume_that_was_walked_over_are_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    session = rw.Session(IMAGE, superpixels=False)
    session.paint(1, SEEDS == 7)
    session.paint(2, SEEDS == 3)
    _ = session.labels
    monkeypatch.setattr("graphrw.segmentation.pixels.cost.require_memory", lambda *asked: pytest.fail("asked again"))
    session.paint(2, ([3], [3], [3]))
    assert session.labels[3, 3, 3] == 2


@pytest.mark.usefixtures("little")
def test_the_command_refuses_a_zarr_before_it_reads_a_voxel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, seeds, out = in_zarr(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("graphrw.cli.task.read_image", lambda path: pytest.fail("read"))
        answer = run("walk", image, seeds, "-o", out)
    assert answer.exit_code == 1
    assert "The plain walk over 14 × 20 × 30 voxels needs about" in answer.stderr
    assert "--blocks 48" in answer.stderr
    assert not out.exists()
    answer = run("walk", image, seeds, "-o", out, "--blocks", 64)
    assert answer.exit_code == 0, answer.stderr
    monkeypatch.undo()
    np.testing.assert_array_equal(read_image(out).values, rw.random_walker(IMAGE, SEEDS))


def test_the_command_reads_what_a_mask_may_make_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = np.zeros(SHAPE, np.uint8)
    inside[6:9] = 1
    signed = np.where(inside, SEEDS.astype(np.int16), -1)
    write_image(tmp_path / "mask.zarr", ImageFile(inside))
    monkeypatch.setattr(memory, "available_memory", lambda: 6 * 2**20)
    image, seeds, out = in_zarr(tmp_path)
    assert run("walk", image, seeds, "-o", out).exit_code == 1
    assert run("walk", image, seeds, "-o", out, "--mask", tmp_path / "mask.zarr").exit_code == 0
    image, seeds, out = in_zarr(tmp_path, signed)
    answer = run("walk", image, seeds, "-o", out)
    assert answer.exit_code == 0, answer.stderr


@pytest.mark.usefixtures("little")
def test_the_command_refuses_other_formats_once_they_are_read(tmp_path: Path) -> None:
    for name, values in (("image.npy", IMAGE), ("seeds.npy", SEEDS)):
        write_image(tmp_path / name, ImageFile(values))
    answer = run("walk", tmp_path / "image.npy", tmp_path / "seeds.npy", "-o", tmp_path / "out.npy")
    assert answer.exit_code == 1
    assert "A walk over 8,400 voxels needs about" in answer.stderr
    assert "--blocks 48" in answer.stderr


def test_a_zarr_that_does_not_fit_is_told_of_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zarr.create_array(tmp_path / "image.zarr", shape=(10**4,) * 3, chunks=(100,) * 3, dtype="uint16")
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    with pytest.raises(MemoryError, match="`graphrw walk --blocks 48`"):
        read_image(tmp_path / "image.zarr")
