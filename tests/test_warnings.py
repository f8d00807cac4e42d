"""Every warning of the library points at the line of whoever called it, from whatever depth it is raised."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import Sequential

import graphrw
from graphrw import Session, diffusion_distance, diffusion_map, grid_graph, random_walker, segment, solve, walk
from graphrw.models import NDD, LearnedRandomWalker
from graphrw.nn import DiffusionDistance, HarmonicLabels
from graphrw.solvers import CG, Auto
from graphrw.spectral import SpectralCutWarning, spectral_map

SQUARE = grid_graph((4, 4))
UNIFORM = walk(SQUARE, torch.ones(24, dtype=torch.float64))
BOTH_WAYS = torch.cat([SQUARE.edges, SQUARE.edges.flip(0)], 1)
ALIKE = torch.ones(16, 2)  # features that make a uniform walk
IMAGE = torch.zeros(1, 1, 64, 64)
PAIRS, ALL_SEEDS = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]), torch.zeros(16, dtype=torch.int64)
SEEDS = np.array([[1, 0, -1, 0], [0, 2, -1, 0]])

layer = DiffusionDistance(3)
of_pyg = Sequential("x, edge_index", [(layer, "x, edge_index -> x")])
labeller = LearnedRandomWalker(1, 8)
model = NDD(1, 8, k=2, mu=1e-30)  # weights of 1, whatever the features

NOISE = np.random.default_rng(0).random((8, 9))
MARKS = np.zeros((8, 9), dtype=int)
MARKS[0, 0], MARKS[7, 8] = 1, 2

# Each of them stands on a line of its own, at which the warning has to point.
CALLS: dict[str, tuple[str, Callable[[], Any]]] = {
    "spectral map": ("k = 3 cuts", lambda: spectral_map(UNIFORM, 1.0, 3)),
    "diffusion map": ("k = 3 cuts", lambda: diffusion_map(UNIFORM, 1.0, 3)),
    "diffusion distance": ("k = 3 cuts", lambda: diffusion_distance(UNIFORM, 1.0, 3)),
    "layer": ("k = 3 cuts", lambda: layer(ALIKE, SQUARE)),
    "map of the layer": ("k = 3 cuts", lambda: layer.map(ALIKE, SQUARE)),
    "layer in PyG's Sequential": ("k = 3 cuts", lambda: of_pyg(ALIKE, BOTH_WAYS)),
    "model": ("k = 2 cuts", lambda: model(IMAGE)),
    "segments of the model": ("k = 2 cuts", lambda: model.segment(IMAGE, [2])),
    "pixels without seed": ("2 unlabelled pixels are", lambda: random_walker(np.zeros((2, 4)), SEEDS)),
    "all seeds": ("All nodes are seeds", lambda: graphrw.hitting_probabilities(UNIFORM, ALL_SEEDS)),
    "all seeds of a layer": ("All nodes are seeds", lambda: HarmonicLabels()(SQUARE, ALL_SEEDS)),
    "all seeds of a model": ("All nodes are seeds", lambda: labeller(IMAGE, torch.zeros(1, 64, 64).long())),
    "all pixels of a walk": ("nothing is left to label", lambda: random_walker(NOISE, MARKS + 1)),
    "all pixels of strokes": ("nothing is left to label", lambda: segment(NOISE, MARKS + 1)),
    "all pixels of a network": ("nothing is left to label", lambda: labeller.predict(NOISE, MARKS + 1)),
    "strokes in the convention of graphs": ("negative ones are outside", lambda: segment(NOISE, 2 * MARKS - 1)),
    "colours taken for a volume": ("is taken for a volume", lambda: Session(np.zeros((8, 9, 3)))),
    "edges that fall apart": ("falls into 2 components", lambda: DiffusionDistance(4)(ALIKE[:4], PAIRS)),
    "tolerance": (r"leave \[0, 1\]", lambda: random_walker(NOISE, MARKS, prob_tol=0.0, solver=CG(1e-2))),
}


@pytest.mark.parametrize(("message", "call"), CALLS.values(), ids=list(CALLS))
def test_a_warning_points_at_the_line_of_the_caller(message: str, call: Callable[[], Any]) -> None:
    with pytest.warns(UserWarning, match=message) as caught:
        call()
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, call.__code__.co_firstlineno)]


def test_a_hand_over_for_want_of_memory_points_at_the_line_that_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = grid_graph((20, 20))
    moved, first = walk(graph, torch.ones(graph.num_edges), killing=0.1), Auto().plan_for(graph).solvers[0]

    def no_room(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(type(first), "invert", no_room)
    with pytest.warns(UserWarning, match="ran out of memory") as caught:
        solve(moved, moved.killing)
    expected = sys._getframe().f_lineno - 1
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, expected)]


class Net(nn.Module):
    """Calls the layer, and knows from which line."""

    line = sys._getframe().f_lineno + 3

    def forward(self, x: Tensor) -> Tensor:
        return layer(x, SQUARE)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # dynamo asks for it where it resumes after a graph break
@pytest.mark.parametrize("wrap", [nn.Sequential, lambda net: torch.compile(net, backend="eager")])
def test_a_warning_inside_a_module_points_at_its_line_and_not_at_torchs_wrappers(wrap: Callable[..., Any]) -> None:
    with pytest.warns(SpectralCutWarning) as caught:
        wrap(Net())(ALIKE)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, Net.line)]


def test_a_warning_is_shown_once_from_each_line_however_often_it_comes() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            spectral_map(UNIFORM, 1.0, 3)
    assert len(caught) == 1


def test_a_warning_without_any_caller_outside_names_the_outermost_frame() -> None:
    names: dict[str, Any] = {"__name__": "graphrw.somewhere"}
    exec(
        "from graphrw.core.warn import _levels_to_caller as levels\nfar = lambda n: far(n - 1) if n else levels()",
        names,
    )
    assert names["far"](2) == names["far"](0) + 2


def test_nothing_warns_in_another_way() -> None:
    room = Path(graphrw.__file__).parent
    found = [str(file.relative_to(room)) for file in room.rglob("*.py") if "warnings.warn(" in file.read_text("utf-8")]
    assert found == ["core/warn.py"]
