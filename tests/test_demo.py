"""The demo of the README: a short run of it, and the pictures it learns from."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

DEMO = Path(__file__).parents[1] / "examples" / "cells"


@pytest.fixture
def demo(monkeypatch):
    """Runs the demo with options, beside the modules that lie beside it."""
    monkeypatch.syspath_prepend(DEMO)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["demo.py", *options])
        runpy.run_path(str(DEMO / "demo.py"), run_name="__main__")

    return run


@pytest.fixture
def beside(monkeypatch):
    """A module that lies beside the demo."""
    monkeypatch.syspath_prepend(DEMO)
    return importlib.import_module


def test_the_demo_learns_prints_its_scores_and_draws(demo, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    demo("--out", str(folder), "--steps", "2", "--learn", "2", "--pictures", "3", "--repeats", "2", "--drawn")
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if " pictures |" in line]
    assert len(rows) == 15  # five methods beside the learned walk, in each repeat and in the mean
    assert [" of 3 " in row[-1] for row in rows] == 10 * [True] + 5 * [False]
    assert all(" of 6 " in row[-1] for row in rows[-5:])
    assert all(0 < float(row[1]) < 1 for row in rows)
    assert str(folder) in printed
    assert {path.name for path in folder.glob("*.png")} == {"coins.png", "demo.png"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--steps", "0", "--steps must be at least 1; got 0"),
        ("--pictures", "2", "--pictures must be at least 3; got 2"),
        ("--clicks", "1", "--clicks must lie in 2 to 5; got 1. Of one click in a cell nothing is left to learn from."),
        ("--clicks", "6", "--clicks must lie in 2 to 5; got 6"),
    ],
)
def test_options_out_of_range_are_refused(demo, tmp_path, capsys, option, value, said):
    with pytest.raises(SystemExit):
        demo("--out", str(tmp_path), option, value)
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_file_in_place_of_the_folder_is_named(demo, capsys, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(SystemExit):
        demo("--out", str(tmp_path / "taken"))
    assert f"--out must be a folder that can be made or written to; got {tmp_path / 'taken'}" in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_to_install(demo, monkeypatch):
    monkeypatch.delitem(sys.modules, "methods", raising=False)
    monkeypatch.setitem(sys.modules, "skimage.filters", None)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(
        SystemExit, match=r"needs 'skimage[a-z.]*', which is not installed(?s:.*)pip install -e '\.\[image\]'"
    ):
        demo()


def test_cells_are_connected_and_each_layer_has_a_click_inside_each(beside):
    for picture in beside("tissue").tissues(4, seed=7):
        cells = np.unique(picture.truth)
        assert cells.tolist() == list(range(len(cells)))
        assert all(ndimage.label(picture.truth == cell)[1] == 1 for cell in cells)
        for layer in picture.clicks:
            np.testing.assert_array_equal(np.unique(layer), [-1, *cells])
            np.testing.assert_array_equal(layer[layer >= 0], picture.truth[layer >= 0])


def test_pictures_follow_from_their_seed_and_share_nothing_with_others(beside):
    tissues = beside("tissue").tissues
    first, again, other = tissues(2, seed=0), tissues(1, seed=0), tissues(2, seed=1)
    np.testing.assert_array_equal(first[0].image, again[0].image)
    images = [picture.image for picture in (*first, *other)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(images) for b in images[:i])


def test_learning_through_the_walk_sees_the_clicks_alone(beside):
    training, picture = beside("training"), beside("tissue").tissues(1, seed=0)[0]
    clicks = torch.from_numpy(picture.clicks)
    for _ in range(5):
        seeds, target = training._split(clicks)
        assert seeds.unique().tolist() == clicks.unique().tolist()  # each cell keeps a seed
        assert not ((seeds >= 0) & (target >= 0)).any()
        for known in (seeds, target):
            shown = known >= 0
            assert bool((clicks == known)[:, shown].any(0).all())
