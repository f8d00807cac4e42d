"""The demo of the README: a short run of it, and the ground truth it learns from."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

COINS = Path(__file__).parents[1] / "examples" / "coins"
PANELS = ["lower_half", "upper_half"] + [
    f"{shown}_{weights}" for shown in ("labels", "entropy", "weights") for weights in ("plain", "learned")
]


@pytest.fixture
def demo(monkeypatch):
    """Runs the demo with options, beside the modules that lie beside it."""
    monkeypatch.syspath_prepend(COINS)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["demo.py", *options])
        runpy.run_path(str(COINS / "demo.py"), run_name="__main__")

    return run


@pytest.fixture
def ground_truth(monkeypatch):
    monkeypatch.syspath_prepend(COINS)
    return importlib.import_module("ground_truth")


def test_the_demo_learns_prints_its_scores_and_draws(demo, tmp_path, capsys):
    demo("--out", str(tmp_path / "new" / "folder"), "--steps", "2", "--placements", "1")
    printed = capsys.readouterr().out
    scores = [line for line in printed.splitlines() if line.startswith(("plain, ", "learned, "))]
    assert len(scores) == 4
    assert "Learning gains " in printed
    assert str(tmp_path / "new" / "folder") in printed
    assert {path.stem for path in (tmp_path / "new" / "folder").glob("*.png")} == {"demo", *PANELS}


def test_no_steps_are_refused(demo, tmp_path, capsys):
    with pytest.raises(SystemExit):
        demo("--out", str(tmp_path), "--steps", "0")
    assert "--steps and --placements must be at least 1; got 0 and 4" in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_is_named(demo, capsys, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(SystemExit):
        demo("--out", str(tmp_path / "taken"))
    assert f"--out must be a folder that can be made or written to; got {tmp_path / 'taken'}" in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_to_install(demo, monkeypatch):
    monkeypatch.delitem(sys.modules, "ground_truth", raising=False)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(SystemExit, match=r"needs 'skimage', which is not installed(?s:.*)pip install -e '\.\[image\]'"):
        demo()


def test_coins_do_not_overlap(ground_truth, monkeypatch):
    drawn_first_to_last = ground_truth.labels()
    ellipses = ground_truth.outlines()
    monkeypatch.setattr(ground_truth, "outlines", lambda: ellipses[::-1])
    drawn_last_to_first = ground_truth.labels()
    assert len(ellipses) == 24
    np.testing.assert_array_equal(drawn_first_to_last, np.where(drawn_last_to_first > 0, 25 - drawn_last_to_first, 0))


@pytest.mark.parametrize("phase", [0.0, 1.6, 4.0])
def test_seeds_lie_inside_their_coins(ground_truth, phase):
    truth, seeds = ground_truth.labels(), ground_truth.seeds(phase)
    np.testing.assert_array_equal(seeds[seeds >= 0], truth[seeds >= 0])
    assert set(np.unique(seeds)) == {-1, *range(25)}


def test_halves_share_neither_rows_nor_coins(ground_truth):
    truth = ground_truth.labels()
    test, train = (set(np.unique(truth[rows])) - {0} for rows in (ground_truth.TEST_ROWS, ground_truth.TRAIN_ROWS))
    assert ground_truth.TEST_ROWS.stop <= ground_truth.TRAIN_ROWS.start
    assert (test, train) == (set(range(1, 13)), set(range(13, 25)))
    for rows in (ground_truth.TEST_ROWS, ground_truth.TRAIN_ROWS):
        part = ground_truth.half(rows)
        assert part.image.shape == part.truth.shape == part.seeds.shape
        assert set(np.unique(part.truth)) == set(range(13))
        assert set(np.unique(part.seeds)) == {-1, *range(13)}
