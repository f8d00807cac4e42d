"""`graphrw segment` and `walk`: files in, files out, as `Session` has them."""

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import torch
from cli_files import halves, run, two_halves, written
from numpy.typing import NDArray
from PIL import Image
from test_files import AFFINE, SPACING

import graphrw as rw
from graphrw.cli.answers import Answer, by_walker
from graphrw.cli.task import Task
from graphrw.files import ImageFile, read_image, write_image
from graphrw.page.drawing import Drawing
from graphrw.page.images import read_image as page_reads

ENDINGS = (".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".zarr", ".npy")


@pytest.mark.parametrize("command", ["segment", "walk"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_step_is_found_in_every_format(command: str, ending: str, tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ending)
    answer = run(command, image, seeds, "-o", tmp_path / f"out{ending}")
    assert answer.exit_code == 0, answer.output
    found = read_image(tmp_path / f"out{ending}").values
    assert (found != halves(40, 60)).mean() < 0.02
    assert found.dtype == np.uint8
    assert "Labels 3, 7 on 40 × 60 pixels" in answer.stderr


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_a_volume_is_labelled_in_every_format_that_holds_one(ending: str, tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ending, (10, 16, 24))
    assert run("segment", image, seeds, "-o", tmp_path / f"out{ending}").exit_code == 0
    assert (read_image(tmp_path / f"out{ending}").values != halves(10, 16, 24)).mean() < 0.02


def test_labels_probabilities_and_entropy_are_those_of_segment(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    outputs = [tmp_path / name for name in ("out.png", "p.tif", "e.npy")]
    run("segment", image, seeds, "-o", outputs[0], "--probabilities", outputs[1], "--entropy", outputs[2], "-q")
    values, marks = two_halves(40, 60)
    found, share, spread = (read_image(path).values for path in outputs)
    np.testing.assert_array_equal(found, rw.segment(values, marks.astype(int)))
    expected = rw.segment(values, marks.astype(int), return_full_prob=True)
    np.testing.assert_allclose(share, expected, atol=1e-5)
    assert share.dtype == spread.dtype == np.float32
    np.testing.assert_allclose(spread, rw.entropy(torch.from_numpy(expected), dim=0), atol=1e-5)


def test_walk_is_random_walker_with_its_options(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    run("walk", image, seeds, "-o", tmp_path / "out.png", "--beta", 10, "--probabilities", tmp_path / "p.npy")
    values, marks = two_halves(40, 60)
    np.testing.assert_array_equal(
        read_image(tmp_path / "out.png").values, rw.random_walker(values, marks.astype(int), beta=10)
    )
    share = rw.random_walker(values, marks.astype(int), beta=10, return_full_prob=True)
    np.testing.assert_allclose(read_image(tmp_path / "p.npy").values, share, atol=1e-5)


def test_options_reach_the_session(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    given = ("--n-segments", 90, "--compactness", 5, "--beta", 0.5, "--no-colours", "--band", 0)
    run("segment", image, seeds, "-o", tmp_path / "out.png", *given)
    values, marks = two_halves(40, 60)
    options = {"n_segments": 90, "compactness": 5.0, "beta": 0.5, "colour_model": False, "band": 0}
    expected = rw.segment(values, marks.astype(int), **options)
    np.testing.assert_array_equal(read_image(tmp_path / "out.png").values, expected)


def test_spacing_and_place_of_nifti_are_kept_and_used(tmp_path: Path) -> None:
    values, marks = two_halves(10, 16, 24)
    for name, array in (("image", values), ("seeds", marks)):
        nibabel.save(nibabel.Nifti1Image(array, AFFINE), tmp_path / f"{name}.nii.gz")
    outputs = [tmp_path / name for name in ("out.nii.gz", "p.nii.gz", "e.nrrd")]
    arguments = ("-o", outputs[0], "--probabilities", outputs[1], "--entropy", outputs[2])
    assert run("walk", tmp_path / "image.nii.gz", tmp_path / "seeds.nii.gz", *arguments).exit_code == 0
    for path in outputs:
        np.testing.assert_allclose(read_image(path).affine, AFFINE, atol=1e-6)
    spacing = tuple(step / 0.5 for step in SPACING)
    expected = rw.random_walker(values, marks.astype(int), spacing=spacing, return_full_prob=True)
    np.testing.assert_allclose(np.moveaxis(read_image(outputs[1]).values, 3, 0), expected, atol=1e-5)


def test_spacing_can_be_given_and_ignored(tmp_path: Path) -> None:
    values, marks = two_halves(10, 16, 24)
    for name, array in (("image", values), ("seeds", marks)):
        write_image(tmp_path / f"{name}.tif", ImageFile(array, spacing=(5.0, 1.0, 1.0)))
    files = tmp_path / "image.tif", tmp_path / "seeds.tif"
    for words, spacing in (("2,1,3", (2, 1, 3)), ("20,10,30", (2, 1, 3)), ("1", None)):
        run("walk", *files, "-o", tmp_path / "o.tif", "--probabilities", tmp_path / "p.npy", "--spacing", words)
        expected = rw.random_walker(values, marks.astype(int), spacing=spacing, return_full_prob=True)
        np.testing.assert_allclose(read_image(tmp_path / "p.npy").values, expected, atol=1e-5)


def test_spacing_that_was_given_is_written_where_no_file_tells_it(tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ".npy", (10, 16, 24))
    for ending in (".nii.gz", ".nrrd", ".zarr"):
        run("walk", image, seeds, "-o", tmp_path / f"o{ending}", "--spacing", "0.5,0.5,2")
        assert read_image(tmp_path / f"o{ending}").spacing == pytest.approx((0.5, 0.5, 2.0))


@pytest.mark.parametrize("change", [np.diag([-1.0, 1, 1, 1]), np.diag([0.5, 1, 1, 1]), np.eye(4) + np.eye(4, k=3)])
def test_seeds_that_lie_elsewhere_in_space_are_refused(change: NDArray[np.float64], tmp_path: Path) -> None:
    values, marks = two_halves(10, 16, 24)
    for name, array, affine in (("image", values, AFFINE), ("seeds", marks, AFFINE @ change)):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    image, seeds, out = (tmp_path / name for name in ("image.nii.gz", "seeds.nii.gz", "o.nii.gz"))
    answer = run("segment", image, seeds, "-o", out)
    assert answer.exit_code == 1
    assert "lies elsewhere in space than" in answer.stderr
    assert not out.exists()
    answer = run("segment", image, image, "--mask", seeds, "-o", out)
    assert answer.exit_code == 1


def test_the_range_of_the_data_can_be_given(tmp_path: Path) -> None:
    values, marks = two_halves(10, 16, 24)
    wide, marks = 4 * values.astype(np.int16), marks.astype(int)
    for name, array in (("image", wide), ("seeds", marks)):
        write_image(tmp_path / f"{name}.zarr", ImageFile(array))
    files = tmp_path / "image.zarr", tmp_path / "seeds.zarr"
    assert "(`--data-range 676`)" in run("walk", *files, "-o", tmp_path / "o.zarr").stderr
    expected = rw.random_walker(wide, marks, data_range=1000, return_full_prob=True)
    for more in ((), ("--blocks", 8)):
        share = tmp_path / f"p{len(more)}.zarr"
        run("walk", *files, "-o", tmp_path / "o.zarr", "--probabilities", share, "--data-range", 1000, *more)
        np.testing.assert_allclose(read_image(share).values, expected, atol=1e-5)
    assert "must be positive" in run("walk", *files, "-o", tmp_path / "o.zarr", "--data-range", 0).stderr


def test_blocks_take_spacing_by_its_ratios_too(tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ".zarr", (10, 16, 24))
    for words in ("0.5,0.5,2", "1"):
        shares = [tmp_path / name for name in ("a.zarr", "b.zarr")]
        for share, more in zip(shares, ((), ("--blocks", 8)), strict=True):
            run("walk", image, seeds, "-o", tmp_path / "o.zarr", "--probabilities", share, "--spacing", words, *more)
        np.testing.assert_allclose(*(read_image(share).values for share in shares), atol=1e-5)


def test_seeds_of_another_format_come_in_the_order_of_the_image(tmp_path: Path) -> None:
    values, marks = two_halves(10, 16, 24)
    write_image(tmp_path / "image.nii.gz", ImageFile(values, axes="xyz"))
    write_image(tmp_path / "seeds.tif", ImageFile(marks, axes="xyz"))
    assert read_image(tmp_path / "seeds.tif").shape == (24, 16, 10)
    assert run("segment", tmp_path / "image.nii.gz", tmp_path / "seeds.tif", "-o", tmp_path / "o.nrrd").exit_code == 0
    assert (read_image(tmp_path / "o.nrrd").values != halves(10, 16, 24)).mean() < 0.02


@pytest.mark.parametrize("axis", [0, 2])
def test_the_shape_of_seeds_tells_which_axis_of_an_array_holds_channels(axis: int, tmp_path: Path) -> None:
    values, marks = two_halves(40, 60)
    colours = np.stack([values, values // 2, values // 3], axis=axis)
    np.save(tmp_path / "image.npy", colours)
    np.save(tmp_path / "seeds.npy", marks.astype(float))
    assert run("segment", tmp_path / "image.npy", tmp_path / "seeds.npy", "-o", tmp_path / "o.npy").exit_code == 0
    expected = rw.segment(colours, marks.astype(int), channel_axis=axis)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), expected)


def test_scribbles_in_colours_on_nothing_are_seeds(tmp_path: Path) -> None:
    image, _ = written(tmp_path)
    marks = two_halves(40, 60)[1]
    scribbles = np.zeros((40, 60, 4), np.uint8)
    scribbles[marks == 7], scribbles[marks == 3] = (0, 255, 0, 255), (255, 0, 0, 255)
    Image.fromarray(scribbles).save(tmp_path / "scribbles.png")
    run("segment", image, tmp_path / "scribbles.png", "-o", tmp_path / "o.png")
    expected = np.where(halves(40, 60) == 7, 1, 2)
    assert (read_image(tmp_path / "o.png").values != expected).mean() < 0.02


def test_outside_of_masks_and_below_zero_nothing_is_labelled(tmp_path: Path) -> None:
    image, _ = written(tmp_path)
    marks, inside = two_halves(40, 60)[1].astype(int), np.ones((40, 60), np.uint8)
    marks[:3], inside[:, :2] = -1, 0
    np.save(tmp_path / "seeds.npy", marks)
    write_image(tmp_path / "mask.png", ImageFile(inside))
    run("segment", image, tmp_path / "seeds.npy", "-o", tmp_path / "o.png", "--mask", tmp_path / "mask.png")
    np.testing.assert_array_equal(read_image(tmp_path / "o.png").values == 0, (marks < 0) | (inside == 0))


def test_what_no_seed_reaches_is_zero_with_a_warning(tmp_path: Path) -> None:
    values, marks = two_halves(40, 60)
    marks = marks.astype(int)
    marks[10], marks[5, :4] = -1, 7
    np.save(tmp_path / "image.npy", values)
    marks[:10] = np.where(marks[:10] > 0, 0, marks[:10])
    np.save(tmp_path / "seeds.npy", marks)
    answer = run("walk", tmp_path / "image.npy", tmp_path / "seeds.npy", "-o", tmp_path / "o.png")
    assert "Warning: 600 pixels are reached by no seed" in answer.stderr
    assert (read_image(tmp_path / "o.png").values[:11] == 0).all()


@pytest.mark.parametrize("command", ["segment", "walk"])
def test_a_log_of_strokes_gives_the_labels_of_its_session(command: str, tmp_path: Path) -> None:
    image, _ = written(tmp_path)
    values, marks = two_halves(40, 60)
    session = rw.Session(values, superpixels=command == "segment", beta=2.0)
    session.paint(1, marks == 7)
    session.paint(2, marks == 3)
    session.keep(2)
    session.save_log(tmp_path / "strokes.json")
    answer = run(command, image, tmp_path / "strokes.json", "-o", tmp_path / "o.png")
    assert answer.exit_code == 0, answer.output
    np.testing.assert_array_equal(read_image(tmp_path / "o.png").values, session.labels)
    other = "walk" if command == "segment" else "segment"
    assert f"was made by {command}" in run(other, image, tmp_path / "strokes.json", "-o", tmp_path / "o.png").stderr


def test_a_log_of_another_image_or_without_strokes_is_refused_by_name(tmp_path: Path) -> None:
    image, _ = written(tmp_path)
    for values, words in (
        (np.zeros((40, 50)), "`strokes.json` was made on an image of shape (40, 50)"),
        (two_halves(40, 60)[0][::-1], "`strokes.json` was made on another image of this shape"),
        (two_halves(40, 60)[0], "`strokes.json` holds no stroke"),
    ):
        rw.Session(values).save_log(tmp_path / "strokes.json")
        answer = run("segment", image, tmp_path / "strokes.json", "-o", tmp_path / "o.png")
        assert answer.exit_code == 1
        told = answer.stderr.replace(f"{tmp_path}{os.sep}", "")
        assert words in told
        assert "`image.png`" in told or "no stroke" in told
        assert not (tmp_path / "o.png").exists()


def test_a_log_on_colours_in_an_array_tells_which_axis_they_are(tmp_path: Path) -> None:
    colours = np.stack([two_halves(40, 60)[0]] * 3, axis=-1)
    np.save(tmp_path / "image.npy", colours)
    session = rw.Session(colours, channel_axis=-1)
    session.paint(1, (20, range(2, 6)))
    session.paint(2, (20, range(50, 56)))
    session.save_log(tmp_path / "strokes.json")
    answer = run("segment", tmp_path / "image.npy", tmp_path / "strokes.json", "-o", tmp_path / "o.png")
    assert answer.exit_code == 0, answer.stderr
    np.testing.assert_array_equal(read_image(tmp_path / "o.png").values, session.labels)


@pytest.mark.parametrize("name", ["transparent.png", "deep.tif", "channels.tif"])
def test_strokes_of_the_page_give_its_labels_or_are_refused(name: str, tmp_path: Path) -> None:
    grey, marks = two_halves(40, 60)
    path, log = tmp_path / name, tmp_path / "strokes.json"
    if name == "transparent.png":
        Image.fromarray(np.dstack([grey, grey, grey, np.uint8(255) * (np.indices(grey.shape)[1] > 19)])).save(path)
    elif name == "deep.tif":
        tifffile.imwrite(path, grey.astype(np.uint16) * 200)
    else:
        tifffile.imwrite(path, np.stack([grey, 255 - grey]), imagej=True, metadata={"axes": "CYX"})
    drawing = Drawing()
    drawing.open(page_reads(path.read_bytes()), name)
    for label, number in ((1, 7), (2, 3)):
        drawing.change(lambda session, label=label, number=number: session.paint(label, marks == number))
    log.write_text(drawing.log())
    answer = run("segment", path, log, "-o", tmp_path / "o.png")
    if name == "channels.tif":  # of which the page sees the first alone
        assert "was made on an image of shape (40, 60); this one is (2, 40, 60)" in answer.stderr
    else:
        np.testing.assert_array_equal(
            read_image(tmp_path / "o.png").values, drawing.ask(lambda session: session.labels)
        )


def test_hundreds_of_labels_take_sixteen_bits(tmp_path: Path) -> None:
    marks = np.zeros((40, 60), np.uint16)
    marks[::2, ::2] = np.arange(600).reshape(20, 30) + 1
    write_image(tmp_path / "seeds.png", ImageFile(marks))
    image, _ = written(tmp_path / "..", ".tif")
    run("walk", image, tmp_path / "seeds.png", "-o", tmp_path / "o.png")
    found = read_image(tmp_path / "o.png").values
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[::2, ::2], marks[::2, ::2])


def test_a_model_labels_in_place_of_superpixels(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    model = rw.models.LearnedRandomWalker(1, width=4)
    model.save(tmp_path / "w.safetensors")
    values, marks = two_halves(40, 60)
    expected = model.predict(values, marks)
    share = model.predict(values, marks, return_full_prob=True)
    common = (image, seeds, "--model", tmp_path / "w.safetensors", "--device", "cpu", "-o")
    run("segment", *common, tmp_path / "a.png")
    run("segment", *common, tmp_path / "b.png", "--probabilities", tmp_path / "p.npy")
    for name in "ab":
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.png").values, expected)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), share, atol=1e-6)


def test_on_a_device_walk_is_random_walker_on_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, seeds = written(tmp_path)
    common = ("walk", image, seeds, "--beta", 300, "-o")
    run(*common, tmp_path / "a.png", "--probabilities", tmp_path / "a.npy", "--entropy", tmp_path / "e.npy")
    devices = []

    def on_cpu(task: Task, device: torch.device, **options: Any) -> Answer:
        devices.append(device)
        return by_walker(task, torch.device("cpu"), **options)

    monkeypatch.setattr("graphrw.cli.segment.by_walker", on_cpu)
    monkeypatch.setattr("graphrw.cli.options.device_of", torch.device)
    run(*common, tmp_path / "b.png", "--device", "cuda:1")
    wanted = ("--probabilities", tmp_path / "c.npy", "--entropy", tmp_path / "f.npy")
    run(*common, tmp_path / "c.png", "--device", "cuda:1", *wanted)
    assert devices == [torch.device("cuda:1")] * 2
    for name in "bc":
        np.testing.assert_array_equal(*(read_image(tmp_path / f"{each}.png").values for each in (name, "a")))
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), np.load(tmp_path / "a.npy"), atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), np.load(tmp_path / "e.npy"), atol=1e-4)


def test_quiet_says_nothing(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    assert run("segment", image, seeds, "-o", tmp_path / "o.png", "--quiet").output == ""
    assert sorted(os.listdir(tmp_path)) == ["image.png", "o.png", "seeds.png"]
