"""Every example runs as it stands, draws one figure, and is written as the gallery wants it."""

import ast
import runpy
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*/plot_*.py"))
# They train, which takes 10 s and more.
SLOW = {"plot_citation_gnn", "plot_learn_weights", "plot_propagation_layer", "plot_scribbles"}


def fast_or_nightly(path):
    return pytest.param(path, id=path.stem, marks=[pytest.mark.nightly] if path.stem in SLOW else [])


@pytest.mark.parametrize("example", [fast_or_nightly(path) for path in EXAMPLES])
def test_an_example_runs_and_draws_one_figure(example, capsys):
    plt.switch_backend("Agg")
    plt.close("all")
    runpy.run_path(str(example), run_name="__main__")
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_the_slow_examples_and_those_with_thumbnails_are_there():
    thumbnails = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "_ext" / "thumbnails.py"))["PARTS"]
    assert {path.stem for path in EXAMPLES} >= SLOW | thumbnails.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_prose_between_steps(example):
    source = example.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert "=====" in ast.get_docstring(tree)  # a title, then the theory
    assert source.count("\n# %%\n# ") >= 3
    assert source.rstrip().endswith("plt.show()")
    assert "argparse" not in source
    assert "__main__" not in source


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example):
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 130
