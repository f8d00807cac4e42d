"""Sizes at both ends: what would need terabytes is refused at once, and of nothing there is an empty answer."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw import build, functional, nn, solvers
from graphrw.spectral import SpectralCutWarning

MANY = 10**6
NONE = torch.zeros(0, dtype=torch.int64)
PATH = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3)
EMPTY = rw.Graph(torch.zeros(2, 0, dtype=torch.int64), 0)


def long_walk() -> rw.Walk:
    nodes = torch.arange(MANY)
    graph = rw.Graph(torch.stack([nodes[:-1], nodes[1:]]), MANY)
    return rw.walk(graph, torch.ones(MANY - 1, requires_grad=True), killing=0.1)


def one_seed() -> Tensor:
    seeds = torch.full((MANY,), -1)
    seeds[0] = 0
    return seeds


HUGE: dict[str, Callable[[], Any]] = {
    "a grid": lambda: rw.grid_graph((MANY, MANY)),
    "a grid of a wide radius": lambda: rw.grid_graph((10**5, 10**5), radius=1e5),
    "neighbours": lambda: rw.knn_graph(torch.rand(MANY, 3), MANY - 1),
    "labels": lambda: rw.hitting_probabilities(long_walk(), one_seed(), 10**5 + 10**4),
    "distances": lambda: rw.diffusion_distance(long_walk(), 1.0, 2),
    "distances of a layer": lambda: nn.DiffusionDistance(2)(torch.zeros(MANY, 1), long_walk().graph),
    "eigenpairs": lambda: rw.diffusion_map(long_walk(), 1.0, MANY),
    "unrolled eigenpairs": lambda: functional.unrolled_diffusion_map(long_walk(), 1.0, MANY),
    "a dense matrix": lambda: rw.solve(long_walk(), torch.ones(MANY), solvers.Dense()),
    "right-hand sides": lambda: rw.solve(long_walk(), torch.ones(1, 1).expand(MANY, MANY)),
    "resistances with a gradient": lambda: rw.effective_resistance(long_walk(), torch.zeros(MANY, 2).long()),
    "a walk": lambda: rw.walk(rw.Graph(EMPTY.edges, 10**13), torch.ones(0)),
    "the border of a grid": lambda: functional.missing_neighbours((MANY, MANY)),
}


@pytest.mark.parametrize("call", HUGE.values(), ids=HUGE.keys())
def test_what_would_need_terabytes_is_refused_before_it_is_made(call: Callable[[], Any]) -> None:
    with pytest.raises(MemoryError, match=r"needs about [\d.,e+]+ TiB; .* GiB are free\. \S"):
        call()


def test_grids_that_fit_are_not_refused_by_the_first_guess_of_their_edges() -> None:
    for shape, radius in (((40, 40), 60.0), ((7, 300), 12.0), ((12, 11, 10), 9.0), ((500,), 400.0)):
        graph = rw.grid_graph(shape, radius=radius)
        assert build.grid._least_edges(shape, radius) <= graph.num_edges


def zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, requires_grad=True)


def killed() -> rw.Walk:
    return rw.walk(PATH, torch.ones(2, requires_grad=True), killing=0.5)


def nothing() -> rw.Walk:
    return rw.walk(EMPTY, zeros(0))


EMPTIES: dict[str, tuple[tuple[int, ...], Callable[[], Tensor]]] = {
    "harmonic, no nodes fixed": ((3, 2), lambda: rw.harmonic(killed(), NONE, zeros(0, 2))),
    "harmonic, no nodes fixed, one column": ((3,), lambda: rw.harmonic(killed(), NONE, zeros(0))),
    "harmonic, no nodes": ((0, 2), lambda: rw.harmonic(nothing(), NONE, zeros(0, 2))),
    "harmonic, no columns": ((3, 0), lambda: rw.harmonic(killed(), torch.tensor([0]), zeros(1, 0))),
    "hitting, no nodes": ((0, 2), lambda: rw.hitting_probabilities(nothing(), NONE, 2)),
    "hitting, no nodes nor labels": ((0, 0), lambda: rw.hitting_probabilities(nothing(), NONE)),
    "hitting, no seeds": ((3, 2), lambda: rw.hitting_probabilities(killed(), torch.full((3,), -1), 2)),
    "boundaries": ((0, 2), lambda: functional.boundary_probabilities(EMPTY, zeros(0), NONE, 2)),
    "solve": ((0, 2), lambda: rw.solve(nothing(), zeros(0, 2))),
    "solve, no columns": ((3, 0), lambda: rw.solve(killed(), zeros(3, 0))),
    "step": ((0, 2), lambda: rw.step(nothing(), zeros(0, 2))),
    "step, no columns": ((3, 0), lambda: rw.step(killed(), zeros(3, 0))),
    "resolvent": ((0, 2), lambda: rw.resolvent(nothing(), zeros(0, 2))),
    "pagerank": ((0,), lambda: functional.pagerank(nothing())),
    "diffusion map": ((0, 2), lambda: rw.diffusion_map(nothing(), 1.0, 2)),
    "diffusion map of a batch": (
        (0, 2),
        lambda: rw.diffusion_map(rw.walk(rw.Graph.batch([EMPTY, EMPTY]), zeros(0)), 1.0, 2),
    ),
    "diffusion distance, no pairs": ((0,), lambda: rw.diffusion_distance(killed(), 1.0, 3, NONE.reshape(0, 2))),
    "diffusion distance, no rows": ((0, 3), lambda: rw.diffusion_distance(killed(), 1.0, 3, rows=NONE)),
    "resistance, no pairs": ((0,), lambda: rw.effective_resistance(killed(), NONE.reshape(0, 2))),
    "hitting time": ((0,), lambda: rw.hitting_time(rw.walk(EMPTY, zeros(0)), NONE)),
    "its variance": ((0,), lambda: functional.hitting_time_variance(rw.walk(EMPTY, zeros(0)), NONE)),
    "absorption time": ((0, 2), lambda: rw.absorption_time(rw.walk(EMPTY, zeros(0)), NONE, 2)),
    "fates": ((0, 0), lambda: rw.fate_probabilities(rw.walk(EMPTY, zeros(0)), NONE)),
    "poisson": ((0, 2), lambda: rw.poisson_labels(nothing(), NONE, 2)),
    "class mass": ((0, 2), lambda: functional.class_mass_normalize(zeros(0, 2), NONE)),
    "region pooling": ((0, 2), lambda: functional.region_pooling(zeros(0, 2), zeros(0, 0))),
    "class maps": ((0, 2), lambda: functional.class_maps(zeros(0, 2), torch.ones(2)).scores),
    "interpolation": (
        (0, 1, 4, 4),
        lambda: functional.attentional_interpolation(zeros(0, 1, 2, 2), zeros(0, 3, 4, 4), scale=1.0),
    ),
    "affinity": ((0,), lambda: build.gaussian_affinity(EMPTY, zeros(0, 2), 1.0)),
    "mesh": ((0,), lambda: rw.mesh_graph(zeros(0, 3), NONE.reshape(0, 3))[1]),
    "dual mesh": ((0,), lambda: rw.mesh_dual_graph(zeros(3, 3), NONE.reshape(0, 3))[1]),
    "HarmonicLabels": ((0, 2, 4, 5), lambda: nn.HarmonicLabels(num_labels=2)(zeros(0, 2, 4, 5), NONE.view(0, 4, 5))),
    "HarmonicLabels, no labels": ((0, 0, 4, 5), lambda: nn.HarmonicLabels()(zeros(0, 2, 4, 5), NONE.view(0, 4, 5))),
    "BoundaryLabels": ((0, 2, 4, 5), lambda: nn.BoundaryLabels(num_labels=2)(zeros(0, 1, 4, 5), NONE.view(0, 4, 5))),
    "Propagation": ((0, 2), lambda: nn.Propagation()(zeros(0, 2), EMPTY)),
    "DiffusionDistance": ((0, 0), lambda: nn.DiffusionDistance(2)(zeros(0, 2), EMPTY)),
    "EdgeWeightsMLP": ((0,), lambda: nn.EdgeWeightsMLP(2)(zeros(3, 2), rw.Graph(EMPTY.edges, 3))),
    "EdgeWeightsCNN": ((0, 2, 4, 5), lambda: nn.EdgeWeightsCNN(2)(zeros(0, 2, 4, 5))),
    "LearnedRandomWalker": (
        (0, 0, 16, 16),
        lambda: rw.models.LearnedRandomWalker(1)(zeros(0, 1, 16, 16), NONE.view(0, 16, 16)),
    ),
    "limit": ((0, 2), lambda: functional.limit(rw.walk(EMPTY, zeros(0)), zeros(0, 2), 0.5)),
    "RWN": ((0, 2, 16, 16), lambda: rw.models.RWN(1, 2)(zeros(0, 1, 16, 16))),
}


@pytest.mark.parametrize(("shape", "call"), EMPTIES.values(), ids=EMPTIES.keys())
def test_of_nothing_there_is_an_empty_answer_with_a_gradient(
    shape: tuple[int, ...], call: Callable[[], Tensor]
) -> None:
    answer = call()
    assert answer.shape == shape
    assert not answer.any()
    answer.sum().backward()


def components() -> rw.Graph:
    """3 triangles, 9 pairs, 2 isolated nodes, and a path in which something kills."""
    triangles = [rw.Graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3)] * 3
    pairs = [rw.Graph(torch.tensor([[0], [1]]), 2)] * 9
    batch = rw.Graph.batch([*triangles, *pairs, rw.Graph(EMPTY.edges, 2), PATH])
    return rw.Graph(batch.edges, batch.num_nodes)


@pytest.mark.parametrize("wide", [False, True])
def test_where_components_share_an_eigenvalue_the_warning_names_the_k_that_holds_all(wide: bool) -> None:
    graph = components()
    if wide:  # more nodes than a dense search takes, and more components than it finds guards
        whole = rw.Graph.batch([graph] * 8)
        graph = rw.Graph(whole.edges, whole.num_nodes)
    killing = torch.zeros(graph.num_nodes, dtype=torch.float64)
    killing[graph.num_nodes // (8 if wide else 1) - 1 :: graph.num_nodes // (8 if wide else 1)] = 1.0
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing)
    right = (8 if wide else 1) * (3 + 2 * 9)
    with pytest.warns(SpectralCutWarning, match=rf"\|λ\| = 1: .* Take k = {right}\."):
        rw.diffusion_map(walk, 1.0, 5)
    rw.diffusion_map(walk, 1.0, right)


def test_cora_is_cut_by_no_advice() -> None:
    folder = Path(os.environ.get("GRAPHRW_DATA", "")) / "graphs"
    if not (folder / "cora.npz").exists():
        pytest.skip("needs Cora in GRAPHRW_DATA")
    file = np.load(folder / "cora.npz")
    graph = rw.Graph(torch.from_numpy(file["edges"]).long(), len(file["y"]))
    walk = rw.walk(graph, torch.ones(graph.num_edges))
    with pytest.warns(SpectralCutWarning, match=r"Take k = 140\."):
        rw.diffusion_map(walk, 8.0, 16)
    rw.diffusion_map(walk, 8.0, 140)
