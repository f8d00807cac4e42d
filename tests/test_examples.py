"""Every example runs as it stands, writes its picture, and stays short."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_draws(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(example), "--out", str(tmp_path)])
    runpy.run_path(str(example), run_name="__main__")
    assert "picture: " in capsys.readouterr().out
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_at_most_a_hundred_lines(example):
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 100
