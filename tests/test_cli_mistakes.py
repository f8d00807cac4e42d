"""Every mistake of a user's ends in one sentence and the right exit code, and leaves no file behind."""

import os
from pathlib import Path

import numpy as np
import pytest
from cli_files import run, written
from deep_pictures import deep_png
from PIL import Image

from graphrw.cli import segment as segment_command
from graphrw.core.errors import ConvergenceError
from graphrw.files import ImageFile, read_labels, write_image

WRONG, USAGE = 1, 2
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # may write everywhere

MISTAKES = {  # arguments after "segment", exit code, what the sentence says
    "no image": ("nothing.png seeds.png -o o.png", WRONG, "There is no `nothing.png`."),
    "no seeds": ("image.png nothing.tif -o o.png", WRONG, "There is no `nothing.tif`."),
    "no log": ("image.png nothing.json -o o.png", WRONG, "There is no file `nothing.json`."),
    "a folder": (". seeds.png -o o.png", WRONG, "`.` is a folder"),
    "a folder that is called like an image": ("folder.png seeds.png -o o.png", WRONG, "is a folder"),
    "colours of 16 bits": ("deep.png seeds.png -o o.png", WRONG, "`deep.png` has channels of 16 bits"),
    "no image inside": ("text.png seeds.png -o o.png", WRONG, "`text.png` cannot be read as an image"),
    "no log inside": ("image.png text.json -o o.png", WRONG, "`text.json` is no log of strokes"),
    "an unknown ending": ("text.docx seeds.png -o o.png", WRONG, "`text.docx` ends like no image; known are .png"),
    "no ending": ("image.png seeds.png -o o", WRONG, "`o` ends like nothing that can be written: take .png"),
    "a lossy format": ("image.png seeds.png -o o.jpg", WRONG, "only read"),
    "no folder": ("image.png seeds.png -o nowhere/o.png", WRONG, "There is no folder"),
    "a folder as output": ("image.png seeds.png -o folder.png", WRONG, "`folder.png` is a folder"),
    "the image as output": ("image.png seeds.png -o ./image.png", WRONG, "would be replaced"),
    "the seeds as output": ("image.png seeds.png -o o.png --entropy seeds.png", WRONG, "would be replaced"),
    "a part of the image as output": ("image.zarr seeds.zarr -o image.zarr/0", WRONG, "is part of, what is read"),
    "one output twice": ("image.png seeds.png -o o.tif --entropy o.tif", WRONG, "`o.tif` is named twice"),
    "fractions in PNG": ("image.png seeds.png -o o.png --entropy e.png", WRONG, "PNG holds whole numbers alone"),
    "a volume in PNG": ("volume.tif volume_seeds.tif -o o.png", WRONG, "PNG holds no volume, such as 6 × 16 × 24"),
    "seeds of another shape": (
        "image.png small.png -o o.png",
        WRONG,
        "`image.png` is 40 × 60, but `small.png` is 4 × 5",
    ),
    "a mask of another shape": ("image.png seeds.png -o o.png --mask small.png", WRONG, "`small.png` is 4 × 5"),
    "no seed": ("image.png empty.png -o o.png", WRONG, "`empty.png` holds no seed: no number above 0."),
    "no seed inside": ("image.png seeds.png -o o.png --mask empty.png", WRONG, "holds no seed inside"),
    "seeds on white": ("image.png white.png -o o.png", WRONG, "no pixel to be labelled; 99 % of the pixels have 2"),
    "the photograph as seeds": ("image.png photo.png -o o.png", WRONG, "Is it a photograph"),
    "seeds in JPEG": ("image.png seeds.jpg -o o.png", WRONG, "`seeds.jpg`: JPEG changes labels"),
    "seeds that are fractions": ("image.png fractions.npy -o o.png", WRONG, "must hold whole numbers; got 0.5"),
    "NaN in the image": ("nan.npy seeds.png -o o.png", WRONG, "NaN or infinite values at 2400 of 2400 pixels. Fill"),
    "words in an array": ("words.npy seeds.png -o o.png", WRONG, "must hold real numbers"),
    "objects in an array": ("objects.npy seeds.png -o o.png", WRONG, "cannot be read as an array of numbers"),
    "too few numbers of spacing": ("image.png seeds.png -o o.png --spacing 1,2,3", WRONG, "--spacing has 3 numbers"),
    "spacing that is no number": (
        "image.png seeds.png -o o.png --spacing a",
        USAGE,
        "--spacing takes positive numbers",
    ),
    "spacing that is 0": ("image.png seeds.png -o o.png --spacing 0,1", USAGE, "--spacing takes positive numbers"),
    "channels that are not there": ("image.png seeds.png -o o.png --channel-axis 0", WRONG, "no channels along axis 0"),
    "beta below 0": ("image.png seeds.png -o o.png --beta -1", USAGE, "--beta"),
    "beta that is no number": ("image.png seeds.png -o o.png --beta one", USAGE, "--beta"),
    "beta that is not finite": ("image.png seeds.png -o o.png --beta nan", USAGE, "--beta"),
    "compactness of 0": ("image.png seeds.png -o o.png --compactness 0", WRONG, "`compactness` must be positive"),
    "no superpixels": ("image.png seeds.png -o o.png --n-segments 0", USAGE, "--n-segments"),
    "no such device": ("image.png seeds.png -o o.png --device tpu", USAGE, "there is no device 'tpu'"),
    "no such GPU": ("image.png seeds.png -o o.png --device cuda:99", USAGE, "there is no 'cuda:99' here"),
    "no model": ("image.png seeds.png -o o.png --model nothing", WRONG, "no file `nothing`, and no such weights"),
    "a folder as model": (
        "image.png seeds.png -o o.png --model folder.png",
        WRONG,
        "`folder.png` is a folder. Name the",
    ),
    "a model that is none": ("image.png seeds.png -o o.png --model text.png", WRONG, "is no safetensors file"),
    "a model with options": ("image.png seeds.png -o o.png --model text.png --band 2", USAGE, "--model brings edges"),
    "no output": ("image.png seeds.png", USAGE, "'--out'"),
    "no arguments": ("", USAGE, "Missing argument"),
    "an unknown option": ("image.png seeds.png -o o.png --gamma 1", USAGE, "--gamma"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With files of all that can be wrong."""
    folder = tmp_path_factory.mktemp("mistakes")
    written(folder)
    image, seeds = written(folder, ".tif", (6, 16, 24))
    image.rename(folder / "volume.tif")
    seeds.rename(folder / "volume_seeds.tif")
    written(folder, ".zarr")
    (folder / "folder.png").mkdir()
    for name in ("text.png", "text.json", "text.docx"):
        (folder / name).write_text("words")
    (folder / "deep.png").write_bytes(deep_png("RGB"))
    write_image(folder / "small.png", ImageFile(np.ones((4, 5), np.uint8)))
    write_image(folder / "empty.png", ImageFile(np.zeros((40, 60), np.uint8)))
    colours = np.full((40, 60, 3), 255, np.uint8)
    colours[5, 5:35] = 255, 0, 0
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    for name, values in (("white.png", colours), ("photo.png", photo)):
        Image.fromarray(values).save(folder / name)
    (folder / "seeds.jpg").write_bytes(b"words")
    np.save(folder / "fractions.npy", np.full((40, 60), 0.5))
    np.save(folder / "nan.npy", np.full((40, 60), np.nan))
    np.save(folder / "words.npy", np.full((40, 60), "a"))
    np.save(folder / "objects.npy", np.full((40, 60), None), allow_pickle=True)
    return folder


@pytest.mark.parametrize("command", ["segment", "walk"])
@pytest.mark.parametrize(("name", "label"), [("o.png", 70_000), ("o.tif", 2**32)])
def test_labels_that_a_format_does_not_hold_are_refused_before_the_work(
    command: str, name: str, label: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(segment_command, "by_session", _raising(AssertionError("work was done")))
    seeds = np.zeros((40, 60), np.int64)
    seeds[5, 5], seeds[30, 50] = 1, label
    np.save("large.npy", seeds)
    answer = run(command, "image.png", "large.npy", "-o", name)
    kind, most, cure = ("PNG", 65535, ".tif, .tiff, .nii") if name == "o.png" else ("TIFF", 2**32 - 1, ".nii, .nii.gz")
    assert answer.stderr.startswith(f"Error: `{name}`: {kind} holds labels up to {most}; got {label}. Take {cure}")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".zarr", ".npy"])
def test_labels_of_more_than_32_bits_come_back(ending: str, folder: Path, tmp_path: Path) -> None:
    seeds = np.zeros((40, 60), np.int64)
    seeds[:, 0], seeds[:, -1] = 1, 2**62
    np.save(tmp_path / "large.npy", seeds)
    answer = run("segment", folder / "image.png", tmp_path / "large.npy", "-o", tmp_path / f"o{ending}")
    assert answer.exit_code == 0, answer.stderr
    assert np.unique(read_labels(tmp_path / f"o{ending}").values).tolist() == [1, 2**62]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu", "there is no device 'tpu'"),
        ("cuda:99", "there is no 'cuda:99' here"),
        ("meta", "'meta' lacks float64 or is of no use here"),
    ],
)
def test_walk_refuses_devices_that_are_not_there(device: str, message: str, folder: Path) -> None:
    answer = run("walk", folder / "image.png", folder / "seeds.png", "-o", folder / "o.png", "--device", device)
    assert answer.exit_code == USAGE
    assert message in " ".join(answer.stderr.replace("│", " ").split())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence(mistake: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, code, sentence = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    before = sorted(os.listdir(folder))
    answer = run("segment", *arguments.split())
    assert answer.exit_code == code
    assert sentence in answer.stderr
    assert answer.stdout == ""
    said = [line for line in answer.stderr.splitlines() if line]
    assert said[-1].startswith("Error: ")
    assert len(said) == 1 if code == WRONG else said[0].startswith("Usage:")
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device", "o.png"), "Error: No space left on device: `o.png`."),
        (PermissionError(13, "Permission denied", "o.png"), "Error: Permission denied: `o.png`."),
        (MemoryError("The walk needs 9 GiB; 1 GiB are free."), "Error: The walk needs 9 GiB; 1 GiB are free."),
        (MemoryError(), "Error: the memory is full."),
        (RuntimeError("[enforce fail] can't allocate memory: 9 bytes"), "Error: the memory is full."),
        (ConvergenceError("CG reached 1e-3."), "Error: CG reached 1e-3."),
    ],
)
def test_what_the_machine_lacks_is_one_sentence(
    error: Exception, sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(segment_command, "by_session", _raising(error))
    answer = run("segment", "image.png", "seeds.png", "-o", "o.png")
    assert answer.exit_code == WRONG
    assert answer.stderr.startswith(sentence)
    assert len(answer.stderr.splitlines()) == 1


def test_on_a_full_disk_no_output_changes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, file: ImageFile) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "o.tif").write_text("old")
    monkeypatch.setattr("graphrw.files.npy.write", full)
    outputs = ("-o", tmp_path / "o.tif", "--probabilities", tmp_path / "p.npy")
    answer = run("walk", folder / "image.png", folder / "seeds.png", *outputs)
    assert (answer.exit_code, answer.stderr) == (1, f"Error: No space left on device: `{tmp_path / 'p.npy'}`.\n")
    assert (tmp_path / "o.tif").read_text() == "old"
    assert os.listdir(tmp_path) == ["o.tif"]


def test_ctrl_c_is_130_and_one_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(segment_command, "by_session", _raising(KeyboardInterrupt()))
    answer = run("segment", "image.png", "seeds.png", "-o", "o.png")
    assert (answer.exit_code, answer.stderr) == (130, "Interrupted.\n")


def test_a_bug_shows_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for error in (TypeError("no such argument"), RuntimeError("shapes do not match"), AssertionError()):
        monkeypatch.setattr(segment_command, "by_session", _raising(error))
        with pytest.raises(type(error)):
            run("segment", "image.png", "seeds.png", "-o", "o.png")


def test_traceback_shows_where_an_error_arose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    answer = run("--traceback", "segment", "nothing.png", "seeds.png", "-o", "o.png")
    assert answer.exit_code == WRONG
    assert "Traceback (most recent call last)" in answer.stderr


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_refused_before_the_work(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    answer = run("segment", folder / "image.png", folder / "seeds.png", "-o", tmp_path / "o.png")
    assert "Nothing may be written into the folder" in answer.stderr


def test_a_folder_that_may_not_be_written_to_is_refused_before_the_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr(segment_command, "by_session", _raising(AssertionError("work was done")))
    answer = run("segment", folder / "image.png", folder / "seeds.png", "-o", tmp_path / "o.png")
    assert answer.exit_code == WRONG
    assert f"Nothing may be written into the folder `{tmp_path}`" in answer.stderr


def _raising(error: BaseException) -> object:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail
