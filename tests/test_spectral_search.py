"""How eigenpairs are searched for: through one colour of bipartite graphs, with a filter, with an inverse."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from spectral_walks import (
    LARGE,
    dense_matrix,
    geometric,
    leading_sizes,
    multigrid_plan,
    random_walk,
    random_weight,
    ring,
    smooth_grid,
    union,
)
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.solvers import Auto
from graphrw.spectral import SpectralCutWarning, davidson, eigenpairs, filtered, missing, spectral_map
from graphrw.spectral.inverse import ShiftInvert, shift_invert
from graphrw.spectral.layout import fold, two_colours
from graphrw.spectral.matrix import Folded, Symmetric, SymmetricMatrix, symmetric_weight
from graphrw.spectral.subspace import Subspace
from graphrw.spectral.survey import Survey, survey

SQUARES = grid_graph((20, 30))
EIGHT = random_walk(grid_graph((20, 30), connectivity=2))
KILLED = walk(EIGHT.graph, EIGHT.weight, 9 * EIGHT.rate)
SEARCHED = {
    **LARGE,
    "8-connected": EIGHT,
    "isolated nodes": random_walk(union(grid_graph((20, 30)), Graph(torch.empty(2, 0, dtype=torch.int64), 30))),
    "one bipartite, one not": random_walk(union(grid_graph((16, 20)), grid_graph((15, 17), connectivity=2))),
    "killing of all kinds": walk(SQUARES, random_weight(SQUARES), 3 * random_weight(ring(600), seed=5) - 1.5),
}


def symmetric(moved: Walk) -> SymmetricMatrix:
    return SymmetricMatrix(moved.graph, symmetric_weight(moved), shift_invert(moved))


@pytest.fixture(params=["factors", "multigrid"])
def inverting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches use the inverse wherever they may."""
    monkeypatch.setattr(eigenpairs, "LONG_FILTER", 0)
    if request.param == "multigrid":
        monkeypatch.setattr(Auto, "plan_for", lambda self, graph: multigrid_plan(graph))


@pytest.mark.usefixtures("inverting")
@pytest.mark.parametrize("moved", SEARCHED.values(), ids=list(SEARCHED))
@pytest.mark.parametrize("k", [12, 6])
@pytest.mark.filterwarnings("ignore::graphrw.spectral.SpectralCutWarning")
def test_a_search_with_the_inverse_finds_the_leading_eigenpairs(moved: Walk, k: int) -> None:
    matrix = dense_matrix(moved)
    vectors, values = spectral_map(moved, 0.0, k)
    torch.testing.assert_close(values.abs(), leading_sizes(moved, k), rtol=0, atol=1e-12)
    assert float(torch.linalg.vector_norm(matrix @ vectors - vectors * values, dim=0).max()) <= 1.01e-10
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(k, dtype=torch.float64))


def test_the_inverse_is_used_on_large_graphs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    used = searches(monkeypatch)
    spectral_map(smooth_grid((20, 30)), 0.0, 4)
    spectral_map(walk(grid_graph((2, 2000)), random_weight(grid_graph((2, 2000)))), 0.0, 4)
    spectral_map(random_walk(near_bipartite(4000)), 0.0, 4)
    assert used == ["FilteredSubspace", "Davidson", "Davidson"]


def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which searches are begun from now on."""
    used: list[str] = []
    for search in (davidson.Davidson, filtered.FilteredSubspace):
        monkeypatch.setattr(search, "_start", noting(used, search))
    return used


def noting(used: list[str], search: Any) -> Callable[..., Any]:
    start = search._start
    return lambda self, *rest: used.append(search.__name__) or start(self, *rest)


def as_dense(matrix: Symmetric) -> Tensor:
    return matrix.matmul(torch.eye(matrix.num_nodes, dtype=torch.float64))


def near_bipartite(count: int) -> Graph:
    """A ladder with one odd cycle: eigenvalues just above −1."""
    ladder = grid_graph((2, count // 2))
    return Graph(torch.cat([ladder.edges, torch.tensor([[0], [count // 2 + 1]])], 1), count)


# --- bipartite graphs -----------------------------------------------------------------------------------------------


def test_two_colours_are_found_wherever_no_cycle_is_odd() -> None:
    alone = Graph(torch.empty(2, 0, dtype=torch.int64), 3)
    for graph in (grid_graph((3, 4, 2)), ring(8), union(ring(4), grid_graph((2, 3)), alone)):
        colour = two_colours(graph.edges, graph.num_nodes)
        assert colour is not None
        assert bool((colour[graph.edges[0]] != colour[graph.edges[1]]).all())
    for graph in (ring(7), grid_graph((3, 4), connectivity=2), union(grid_graph((3, 3)), ring(5))):
        assert two_colours(graph.edges, graph.num_nodes) is None


def test_an_edge_without_weight_makes_no_cycle_odd() -> None:
    graph = ring(9)
    weight = torch.ones(9, dtype=torch.float64)
    assert fold(graph, weight) is None
    weight[4] = 0
    parts = fold(graph, weight)
    assert parts is not None
    assert len(parts.upper) == 4
    assert len(parts.lower) == 5


def test_what_is_folded_has_the_squares_of_the_eigenvalues_and_unfolds_to_both_signs() -> None:
    moved = random_walk(union(grid_graph((4, 5)), grid_graph((3, 3))), killing=0.1)
    whole = symmetric(moved)
    parts = fold(moved.graph, whole.values)
    assert parts is not None
    folded = Folded(whole, parts)
    squares, upper = torch.linalg.eigh(as_dense(folded))
    values, vectors = folded.unfolded(squares.flip(0)[:10], upper.flip(1)[:, :10])
    torch.testing.assert_close(values.abs(), leading_sizes(moved, 20))
    assert torch.equal(values[::2], -values[1::2])
    torch.testing.assert_close(whole.matmul(vectors), vectors * values)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(20, dtype=torch.float64))


@pytest.mark.parametrize("moved", [LARGE["grid"], EIGHT, KILLED], ids=["folded", "whole", "with common killing"])
def test_the_inverse_is_that_of_sigma_minus_s(moved: Walk) -> None:
    whole = symmetric(moved)
    parts = fold(moved.graph, whole.values)
    matrix = whole if parts is None else Folded(whole, parts)
    x = torch.randn(matrix.num_nodes, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(matrix.ceiling * matrix.apply_inverse(x) - matrix.matmul(matrix.apply_inverse(x)), x)
    assert float(torch.linalg.eigvalsh(as_dense(matrix))[-1]) < matrix.ceiling < 1.001


def test_the_mirrored_matrix_is_minus_s_with_an_inverse_of_its_own() -> None:
    whole = symmetric(EIGHT)
    mirrored = whole.mirrored
    x = torch.randn(600, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(mirrored.matmul(x), -whole.matmul(x))
    torch.testing.assert_close(
        mirrored.ceiling * mirrored.apply_inverse(x) + whole.matmul(mirrored.apply_inverse(x)), x
    )


def test_a_search_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cycle of references, which would keep factors of both ends until Python looks for it."""
    made: list[weakref.ref[ShiftInvert]] = []
    make = ShiftInvert.__init__
    monkeypatch.setattr(
        ShiftInvert, "__init__", lambda self, *rest: made.append(weakref.ref(self)) or make(self, *rest)
    )
    gc.disable()
    try:
        spectral_map(random_walk(near_bipartite(2000)), 0.0, 4)
        assert len(made) == 2  # of the walk, and of its double cover
        assert not any(inverse() for inverse in made)
    finally:
        gc.enable()


def test_common_killing_does_not_push_sigma_away_from_the_spectrum() -> None:
    graph = grid_graph((20, 30))
    weight = random_weight(graph)
    degree = walk(graph, weight).rate
    matrix = symmetric(walk(graph, weight, 9 * degree))
    assert matrix.ceiling == pytest.approx(0.1, rel=1e-5)


# --- both ends ------------------------------------------------------------------------------------------------------


def complete_bipartite_and_one_edge(left: int, right: int) -> Graph:
    pairs = torch.cartesian_prod(torch.arange(left), torch.arange(left, left + right)).T
    return Graph(torch.cat([pairs, torch.tensor([[0], [1]])], 1), left + right)


@pytest.mark.usefixtures("inverting")
@pytest.mark.parametrize(
    "graph", [complete_bipartite_and_one_edge(40, 560), near_bipartite(700)], ids=["complete", "ladder"]
)
@pytest.mark.filterwarnings("ignore::graphrw.spectral.SpectralCutWarning")
def test_a_large_lower_end_of_a_graph_that_is_not_bipartite_is_found(graph: Graph) -> None:
    moved = random_walk(graph)
    assert fold(graph, moved.weight) is None
    _, values = spectral_map(moved, 0.0, 8)
    torch.testing.assert_close(values.abs(), leading_sizes(moved, 8), rtol=0, atol=1e-12)
    assert float(values.min()) < -0.9


def test_a_search_moves_on_to_the_inverse_where_its_filter_grows_long(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, used = random_walk(near_bipartite(2000)), searches(monkeypatch)
    monkeypatch.setattr(Survey, "leading", lambda *_: 0.5)
    _, values = spectral_map(moved, 0.0, 8)
    torch.testing.assert_close(values.abs(), leading_sizes(moved, 8), rtol=0, atol=1e-12)
    assert used == ["FilteredSubspace", "Davidson"]
    assert float(values.min()) < -0.99


def test_a_lower_end_that_the_survey_took_for_small_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search begins at the upper end alone."""
    moved = random_walk(near_bipartite(700))
    monkeypatch.setattr(eigenpairs, "LONG_FILTER", 0)
    monkeypatch.setattr(Survey, "leading", lambda *_: 2.0)
    _, values = spectral_map(moved, 0.0, 8)
    torch.testing.assert_close(values.abs(), leading_sizes(moved, 8), rtol=0, atol=1e-12)
    assert float(values.min()) < -0.9


@pytest.mark.parametrize("moved", SEARCHED.values(), ids=list(SEARCHED))
def test_the_survey_bounds_the_spectrum_and_guesses_its_upper_end(moved: Walk) -> None:
    seen, values = survey(symmetric(moved)), torch.linalg.eigvalsh(dense_matrix(moved)).flip(0)
    assert seen.lowest <= float(values[-1]) + 1e-12
    assert float(seen.shares.sum()) == pytest.approx(1)
    assert float(values[120]) < seen.leading(30, moved.graph.num_nodes) < float(values[5])


# --- what was missed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [missing.missing_by_filter, missing.missing_by_inverse])
@pytest.mark.parametrize("moved", [EIGHT, geometric(700)], ids=["8-connected", "geometric"])
def test_a_missing_eigenvector_shows(check: Callable[..., Tensor | None], moved: Walk) -> None:
    matrix = symmetric(moved)
    values, vectors = torch.linalg.eigh(matrix.dense())
    order = values.abs().argsort(descending=True)[:20]
    values, vectors = values[order].abs(), vectors[:, order]

    def look(found: Tensor) -> Tensor | None:
        last, first = float(values[9]), float(values[0])
        sizes = (last, first) if check is missing.missing_by_filter else last
        return check(matrix, found, float(values[19]), sizes, seed=1)

    assert look(vectors) is None
    for lost in (0, 4, 8):
        block = look(vectors[:, torch.arange(20) != lost])
        assert block is not None
        share = vectors[:, lost] @ block / torch.linalg.vector_norm(block, dim=0)
        assert float(share.abs().max()) > 0.5


@pytest.mark.parametrize("search", [davidson.Davidson, filtered.FilteredSubspace])
def test_eigenvectors_that_the_search_missed_are_noticed(search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, filtering = EIGHT, search is filtered.FilteredSubspace
    monkeypatch.setattr(eigenpairs, "LONG_FILTER", 10_000 if filtering else 0)
    top = torch.linalg.eigh(symmetric(moved).dense()).eigenvectors[:, -3:-1]
    missed = search._missed
    found: list[Tensor | None] = []

    def blind(joins: Callable[..., Any]) -> Callable[..., Any]:
        """Without the second and third eigenvectors, until the search is believed to be over."""
        return lambda of, block: joins(of, block if found else block - top @ (top.T @ block))

    def look(self: Any, *arguments: Any) -> Tensor | None:
        found.append(None)
        found[-1] = missed(self, *arguments)
        return found[-1]

    if filtering:
        monkeypatch.setattr(filtered, "rayleigh_ritz", blind(filtered.rayleigh_ritz))
    else:
        monkeypatch.setattr(Subspace, "expand", blind(Subspace.expand))
    monkeypatch.setattr(search, "_missed", look)
    torch.testing.assert_close(spectral_map(moved, 0.0, 6)[1].abs(), leading_sizes(moved, 6))
    assert found[0] is not None
    assert found[-1] is None


@pytest.mark.usefixtures("inverting")
def test_a_matching_whose_eigenvalues_are_all_the_same_ends() -> None:
    graph = Graph(torch.arange(1200).view(2, 600), 1200)
    with pytest.warns(SpectralCutWarning, match=r"Take k = 1200"):
        _, values = spectral_map(walk(graph, torch.ones(600, dtype=torch.float64)), 0.0, 5)
    torch.testing.assert_close(values.abs(), torch.ones(5, dtype=torch.float64))


@pytest.mark.usefixtures("inverting")
def test_an_eigenvalue_repeated_more_often_than_a_block_is_wide_is_found_whole() -> None:
    for part, k in ((ring(13), 50), (ring(14), 100)):
        copies = union(*[part] * 50)
        _, values = spectral_map(walk(copies, torch.ones(copies.num_edges, dtype=torch.float64)), 0.0, k)
        torch.testing.assert_close(values.abs(), torch.ones(k, dtype=torch.float64))
