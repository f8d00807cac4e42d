"""`graphrw train`, `info` and `page`."""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cli_files import patched, run, two_halves
from PIL import Image

import graphrw as rw
from graphrw.files import ImageFile, write_image
from graphrw.models import LearnedRandomWalker
from graphrw.segmentation.session.forecast import forecast

SHORT = ("--steps", 4, "--width", 4, "--crop", 24, "--device", "cpu")

AT_WORK = """
import graphrw.cli.train as command
fit = command.fit
def work(*arguments, **options):
    print("now", flush=True)
    return fit(*arguments, **options)
command.fit = work
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images with their segments."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for number in range(4):
        image, _ = two_halves(30, 36)
        segments = np.where(np.arange(36) < 18, 0, 5) * np.ones((30, 1), int)
        write_image(tmp_path / "images" / f"{number}.png", ImageFile(image))
        write_image(tmp_path / "labels" / f"{number}.tif", ImageFile(segments.astype(np.uint8)))
    return tmp_path


def test_a_folder_becomes_weights_that_segment_takes(folder: Path) -> None:
    out = folder / "w.safetensors"
    answer = run("train", folder, "-o", out, *SHORT)
    assert answer.exit_code == 0, answer.stderr
    assert "4 steps on 3 images, validation loss" in answer.stderr
    assert sorted(os.listdir(folder)) == ["images", "labels", "w.safetensors"]
    model = LearnedRandomWalker.load(out)
    assert model.input_scale.mean[0] == pytest.approx(two_halves(30, 36)[0].mean() / 255)
    seeds = folder / "seeds.png"
    write_image(seeds, ImageFile(two_halves(30, 36)[1]))
    common = ("segment", folder / "images" / "0.png", seeds, "-o", folder / "o.png", "--model", out)
    assert run(*common).exit_code == 0


def test_the_same_seed_gives_the_same_weights(folder: Path) -> None:
    for name in ("a", "b"):
        run("train", folder, "-o", folder / name, *SHORT)
    first, second = (LearnedRandomWalker.load(folder / name).state_dict() for name in ("a", "b"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_colours_and_volumes_are_learned_from_too(tmp_path: Path) -> None:
    for kind, shape in (("colours", (30, 36)), ("volumes", (12, 14, 16))):
        for part in ("images", "labels"):
            (tmp_path / kind / part).mkdir(parents=True)
        image, _ = two_halves(*shape)
        segments = (np.where(np.arange(shape[-1]) < shape[-1] // 2, 1, 2) * np.ones(shape)).astype(np.uint8)
        if kind == "colours":
            Image.fromarray(np.stack([image] * 3, axis=-1)).save(tmp_path / kind / "images" / "a.jpg")
            Image.fromarray(segments).save(tmp_path / kind / "labels" / "a.png")
        else:
            write_image(tmp_path / kind / "images" / "a.nii.gz", ImageFile(image))
            write_image(tmp_path / kind / "labels" / "a.nii.gz", ImageFile(segments))
        answer = run("train", tmp_path / kind, "-o", tmp_path / f"{kind}.st", *SHORT)
        assert answer.exit_code == 0, answer.stderr
    models = [LearnedRandomWalker.load(tmp_path / f"{kind}.st") for kind in ("colours", "volumes")]
    assert [(model.in_channels, model.axes) for model in models] == [(3, 2), (1, 3)]


MISTAKES = {  # what is changed in the folder, arguments, exit code, what the sentence says
    "no images": ("rm -r images", (), 1, "There is no folder"),
    "no labels": ("rm labels/*", (), 1, "holds no image"),
    "an image without labels": ("rm labels/2.tif", (), 1, "2.png` has no labels: there is no"),
    "labels of another shape": ("cp wide.tif labels/1.tif", (), 1, "but"),
    "other channels": ("cp colour.png images/3.png", (), 1, "`3` 2 axes and 3 channels of uint8"),
    "NaN in an image": (
        "mv nan.npy images/3.npy; rm images/3.png",
        (),
        1,
        "`images/3.npy` holds 30 values that are NaN",
    ),
    "one segment": ("", ("--val", "0", "--ignore", "5"), 1, "There are no two segments in `0`, `1`"),
    "nothing to resume": ("", ("--resume",), 1, "There is no `w.checkpoint` to go on from"),
    "a file of torch": ("", ("-o", "w.pt"), 1, "Take `w.safetensors`"),
    "an image as weights": ("", ("-o", "images/0.png"), 1, "`images/0.png` ends like an image; weights are written as"),
    "a volume as weights": ("", ("-o", "w.nii.gz"), 1, "Take `w.safetensors`"),
    "a link to an image as weights": ("ln -s images/0.png link", ("-o", "link"), 1, "`link` would be replaced"),
    "two images of one name": ("cp images/0.png images/0.bmp", (), 1, "0.bmp` and `images/0.png` have the same name"),
    "a left checkpoint": ("touch w.checkpoint", (), 1, "--resume goes on, or delete it"),
    "a broken checkpoint": ("touch w.checkpoint", ("--resume",), 1, "no checkpoint of this model"),
    "no steps": ("", ("--steps", "0"), 2, "--steps"),
    "a rate of 0": ("", ("--learning-rate", "0"), 1, "`learning_rate` must be positive"),
    "a stride that is no power of 2": ("", ("--stride", "3"), 1, "stride"),
    "no folder for weights": ("", ("-o", "nowhere/w"), 1, "There is no folder"),
    "a folder as weights": ("", ("-o", "images"), 1, "is a folder, which will not be replaced"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.skipif(sys.platform == "win32", reason="the changes are made by a shell of POSIX")
def test_a_mistake_ends_in_one_sentence(mistake: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change, arguments, code, sentence = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    write_image("wide.tif", ImageFile(np.zeros((3, 4), np.uint8)))
    Image.new("RGB", (36, 30)).save("colour.png")
    np.save("nan.npy", np.where(np.eye(30, 36), np.nan, 1.0))
    os.system(change)
    answer = run("train", ".", "-o", "w", *SHORT, *arguments)
    assert answer.exit_code == code
    assert sentence in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Error: ")
    assert not (folder / "w").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_ctrl_c_keeps_what_is_learned_for_resume(folder: Path) -> None:
    common = ("train", folder, "-o", folder / "w", "--width", 4, "--crop", 24, "--steps")
    process = patched(AT_WORK, *common, 100_000)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith("Stopped after ")
    assert errors.endswith("--resume goes on from there.\n")
    assert not (folder / "w").exists()
    done = int(errors.split()[2])
    answer = run(*common, done + 2, "--resume", "--width", 8)
    assert "w.checkpoint` is of a run with --width 4; this one has 8. Give what it had" in answer.stderr
    changed = next(iter(sorted((folder / "images").iterdir())))
    before = changed.read_bytes()
    Image.fromarray(255 - np.array(Image.open(changed))).save(changed)
    answer = run(*common, done + 2, "--resume")
    assert "is of a run with the images and labels " in answer.stderr
    changed.write_bytes(before)
    answer = run(*common, done + 2, "--resume")
    assert f"{done + 2} steps on 3 images" in answer.stderr
    assert sorted(os.listdir(folder)) == ["images", "labels", "w"]


def test_info_names_versions_solvers_and_devices() -> None:
    answer = run("info")
    assert answer.exit_code == 0
    for words in ("graphrw:", "torch ", "solvers:", "Multigrid", "devices:", "cpu (", "memory:"):
        assert words in answer.stdout


def test_info_says_what_would_be_chosen_and_its_cost() -> None:
    answer = run("info", "--shape", "64x64").stdout
    assert f"segment, 64 × 64: {forecast((64, 64))} with 2 labels, 400 superpixels. " in answer
    assert f"walk, 64 × 64: {forecast((64, 64), superpixels=False)} with 2 labels. NestedDissection" in answer
    assert "with 2 labels. More than is free" in run("info", "--shape", "9000x9000x9000").stdout


@pytest.mark.parametrize("shape", [(8, 16), (48, 64), (300, 400), (12, 14, 16), (24, 40, 40)])
@pytest.mark.parametrize("superpixels", [True, False])
def test_info_names_the_solver_that_a_session_takes(shape: tuple[int, ...], superpixels: bool) -> None:
    image, seeds = two_halves(*shape)
    session = rw.Session(image, superpixels=superpixels)
    session.paint(1, seeds == 7)
    session.paint(2, seeds == 3)
    with rw.record_solves() as solves:
        _ = session.labels
    told = run("info", "--shape", "x".join(map(str, shape))).stdout
    line = next(line for line in told.splitlines() if line.startswith("segment," if superpixels else "walk,"))
    named = line.partition(" superpixels. " if superpixels else " labels. ")[2].partition("(")[0]
    assert named in {type(solve.solver).__name__ for solve in solves}


@pytest.mark.parametrize("shape", ["64", "64x", "0x64", "ax64", "1x2x3x4", "-1x5"])
def test_info_refuses_what_is_no_shape(shape: str) -> None:
    answer = run("info", "--shape", shape)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "--shape takes two or three sizes" in answer.stderr


def test_page_serves_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setitem(
        sys.modules, "graphrw.page", SimpleNamespace(serve=lambda image, **options: seen.append((image, options)))
    )
    assert run("page", "photo.jpg", "--port", 8123, "--no-browser").exit_code == 0
    assert run("page", "--host", "0.0.0.0").exit_code == 0
    assert seen == [
        (Path("photo.jpg"), {"host": "127.0.0.1", "port": 8123, "open_browser": False}),
        (None, {"host": "0.0.0.0", "port": 8000, "open_browser": True}),
    ]


def test_without_its_libraries_page_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphrw.page", None)
    answer = run("page", "photo.jpg")
    assert answer.exit_code == 1
    assert answer.stderr == "Error: The page needs starlette and uvicorn: pip install 'graphrw[page]'\n"
