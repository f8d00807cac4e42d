"""`graphrw walk --blocks`: every mistake names the file it is in."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from cli_files import run, written

MISTAKES = {  # the image, the seeds, more options, what the sentence says
    "seeds of another shape": ("image small", (), "`image.zarr` and `small.zarr` must share the spatial shape"),
    "no seed": ("image empty", (), "No seeds provided in `empty.zarr`"),
    "seeds that are fractions": ("image fractions", (), "`fractions.zarr` must be whole numbers; got 0.5"),
    "NaN in the image": (
        "nan seeds",
        (),
        "`nan.zarr` holds NaN or infinite values; fill them, or mark their pixels −1",
    ),
    "words": ("words seeds", (), "`words.zarr` must hold real numbers"),
    "words as a mask": ("image seeds", ("--mask", "words.zarr"), "`words.zarr` must hold real numbers"),
    "too few axes": ("row seeds", (), "`row.zarr` must hold an image or a volume"),
    "no array": ("nothing seeds", (), "`nothing.zarr` is no Zarr: it holds neither an array nor a group"),
    "a broken description": ("words_inside seeds", (), "`words_inside.zarr` is damaged"),
    "a broken part": ("broken seeds", (), "`broken.zarr` cannot be read as Zarr"),
    "other channels": ("image seeds", ("--channel-axis", "0"), "`image.zarr` with channels along `--channel-axis`"),
    "colours": ("colours seeds", (), "say `--channel-axis -1`"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With Zarrs of all that can be wrong."""
    folder = tmp_path_factory.mktemp("blocks")
    shape = (6, 16, 24)
    written(folder, ".zarr", shape)
    arrays = {
        "small": np.ones((4, 5, 6)),
        "empty": np.zeros(shape),
        "fractions": np.full(shape, 0.5),
        "nan": np.full(shape, np.nan),
        "words": np.full(shape, "a", dtype="S1"),
        "row": np.zeros(5),
        "broken": np.random.default_rng(0).random(shape),
        "colours": np.zeros((*shape, 3)),
    }
    for name, values in arrays.items():
        zarr.create_array(folder / f"{name}.zarr", data=values, zarr_format=2)
    for name in ("nothing", "words_inside"):
        (folder / f"{name}.zarr").mkdir()
    (folder / "words_inside.zarr" / ".zarray").write_text("words")
    (folder / "broken.zarr" / "0.0.0").write_bytes(b"words")
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_its_file(mistake: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    files, more, sentence = MISTAKES[mistake]
    answer = run("walk", *(f"{name}.zarr" for name in files.split()), "-o", "o.zarr", "--blocks", 8, *more)
    assert answer.exit_code == 1
    assert sentence in answer.stderr
    assert answer.stderr.startswith("Error: ")
    assert len(answer.stderr.splitlines()) == 1
    assert not list(folder.glob("o.zarr*"))


def test_a_full_disk_at_the_end_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise shutil.Error([(str(source), str(target), "[Errno 28] No space left on device")] * 2)

    monkeypatch.chdir(folder)
    monkeypatch.setattr(shutil, "move", full)
    answer = run("walk", "image.zarr", "seeds.zarr", "-o", "o.zarr", "--blocks", 8, "--scratch", "left")
    assert answer.exit_code == 1
    assert answer.stderr.endswith("could not be put in its place: [Errno 28] No space left on device\n")
    assert len(answer.stderr.splitlines()) == 1
    assert not (folder / "o.zarr").exists()
