"""What an answer will take, told before it is made."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import graphrw as rw
from graphrw.segmentation.session.forecast import band_shape, forecast
from graphrw.solvers import BiCGStab, Cholesky, Dense, Multigrid
from graphrw.solvers.cost import of_direct, of_multigrid
from graphrw.solvers.grid_cost import Grid, of_grid
from graphrw.solvers.levels import level_structure

TRUTH = """
import json, sys
sys.path.insert(0, "benchmarks")
from forecast import measure
told = {}
measure(told.update, *json.loads(sys.argv[1]))
print(json.dumps(told))
"""


def image(*shape: int) -> rw.Session:
    session = rw.Session(np.zeros(shape))
    session.paint(1, tuple([0] for _ in shape))
    session.paint(2, tuple([size - 1] for size in shape))
    return session


def test_nothing_is_left_to_do_once_the_answer_is_there_until_the_next_stroke() -> None:
    session = image(120, 160)
    first = session.forecast()
    _ = session.labels
    assert (session.forecast().seconds, session.forecast().bytes) == (0, 0)
    session.paint(1, ([3], [3]))
    again = session.forecast()
    assert 0 < again.seconds < first.seconds
    assert 0 < again.bytes < first.bytes


@pytest.mark.parametrize("superpixels", [True, False])
@pytest.mark.parametrize("solver", [rw.solvers.Auto(), Cholesky(), Multigrid(), rw.solvers.CG(), BiCGStab(), Dense()])
def test_it_grows_with_the_image_and_with_the_labels(superpixels: bool, solver: rw.solvers.Solver) -> None:
    options = {"superpixels": superpixels, "solver": solver}
    sizes = [forecast((side, side), **options) for side in (64, 128, 256, 512)]
    labels = [forecast((256, 256), num_labels=count, **options) for count in (2, 5, 12)]
    for one, more in zip([*sizes[:-1], *labels[:-1]], [*sizes[1:], *labels[1:]], strict=True):
        assert one.seconds <= more.seconds
        assert one.bytes <= more.bytes
    assert sizes[0].bytes < sizes[-1].bytes
    volumes = [forecast((side,) * 3, **options).bytes for side in (32, 64, 128)]
    assert volumes == sorted(volumes)


def test_what_is_foretold_is_not_allocated() -> None:
    tracemalloc.start()
    assert forecast((4000, 4000, 4000), superpixels=False).bytes > 1e12
    assert forecast((20_000, 20_000)).seconds > 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_it_reads_like_a_sentence() -> None:
    assert str(image(300, 400).forecast()).startswith("about ")
    assert repr(image(300, 400).forecast()).startswith("Forecast(seconds=")


@pytest.mark.parametrize("shape", [(7, 9), (5, 6, 4), (1, 8), (30, 30)])
def test_a_grid_is_told_as_the_graph_of_it(shape: tuple[int, ...]) -> None:
    grid, graph = Grid(shape), rw.grid_graph(shape)
    assert (grid.num_nodes, grid.num_edges) == (graph.num_nodes, graph.num_edges)
    assert grid.levels == level_structure(graph)
    assert of_grid(Multigrid(), shape, 16, planned=True) == of_multigrid(graph, Multigrid().rtol)


@pytest.mark.parametrize("shape", [(300, 200), (400, 400), (32, 32, 32)])
def test_a_factor_is_guessed_within_three_times_what_its_analysis_says(shape: tuple[int, ...]) -> None:
    analysed = of_direct(Cholesky(), rw.grid_graph(shape))
    guessed = of_grid(Cholesky(), shape, 16, planned=True)
    assert analysed is not None
    assert analysed.bytes / 3 < guessed.bytes < 3 * analysed.bytes
    assert analysed.seconds / 5 < guessed.seconds < 5 * analysed.seconds


def test_the_band_is_never_larger_than_the_image() -> None:
    for shape in ((30, 40), (500, 700), (40, 50, 60)):
        for labels in (2, 10, 1000):
            assert np.prod(band_shape(shape, labels, 4)) <= 1.2 * np.prod(shape)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize(
    ("shape", "labels", "superpixels"),
    [
        ((384, 384), 2, True),
        ((384, 384), 10, False),
        pytest.param((1024, 1024), 2, True, marks=pytest.mark.nightly),
        pytest.param((1024, 1024), 2, False, marks=pytest.mark.nightly),
        pytest.param((512, 512), 10, True, marks=pytest.mark.nightly),
        pytest.param((48, 96, 96), 10, True, marks=pytest.mark.nightly),
        pytest.param((48, 96, 96), 2, False, marks=pytest.mark.nightly),
    ],
)
def test_bytes_are_right_within_a_factor_of_three(shape: tuple[int, ...], labels: int, superpixels: bool) -> None:
    arguments = json.dumps([shape, labels, superpixels])
    run = subprocess.run(
        [sys.executable, "-c", TRUTH, arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    _, _, said, taken = json.loads(run.stdout)["first"]
    assert taken / 3 < said < 3 * taken
