"""Two ways to eigenpairs and to their derivative: which comes first, what when it fails, and what errors then say."""

import math
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from spectral_walks import LARGE, dense_matrix, leading_sizes, random_loss, random_walk, random_weight, union
from torch import Tensor

from graphrw import Graph, Walk, diffusion_distance, grid_graph, knn_graph, walk
from graphrw.core.errors import ConvergenceError
from graphrw.spectral import davidson, deflated, eigenpairs, filtered, spectral_map
from graphrw.spectral.inverse import ShiftInvert, shift_invert
from graphrw.spectral.matrix import ChebyshevMatrix, SymmetricMatrix, symmetric_weight
from graphrw.spectral.route import Route, in_order, in_turn
from graphrw.spectral.shifted import Shifted


def of_networkx(graph: nx.Graph) -> Graph:
    return Graph(torch.tensor(list(graph.edges())).T.contiguous(), graph.number_of_nodes())


# Without any bottleneck: the largest eigenvalue stands alone, far above all others.
EXPANDERS: dict[str, Graph] = {
    "regular": of_networkx(nx.random_regular_graph(8, 700, seed=0)),
    "power law": of_networkx(nx.barabasi_albert_graph(700, 5, seed=0)),
    "dense": of_networkx(nx.gnp_random_graph(700, 0.05, seed=0)),
    "hypercube": of_networkx(nx.convert_node_labels_to_integers(nx.hypercube_graph(9))),
}


def slope(moved: Walk, k: int) -> Tensor:
    """The gradient of some loss of the map."""
    leaf = moved.weight.clone().requires_grad_()
    z = spectral_map(walk(moved.graph, leaf), 2.0, k)[0] * math.sqrt(moved.graph.num_nodes)
    (found,) = torch.autograd.grad(random_loss(moved.graph)(z), leaf)
    return found


@pytest.mark.parametrize("longest", [250, 10_000, 0], ids=["as it comes", "series", "iterations"])
@pytest.mark.parametrize("graph", EXPANDERS.values(), ids=list(EXPANDERS))
def test_a_largest_eigenvalue_far_above_all_others_spoils_no_gradient(
    graph: Graph, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflated, "LONG_SERIES", longest)
    monkeypatch.setattr(Shifted, "_by_series" if longest == 0 else "_by_iterations", useless)
    moved = random_walk(graph)
    got = slope(moved, 8)
    monkeypatch.setattr(eigenpairs, "_small", lambda *_: True)
    expected = slope(moved, 8)
    assert float((got - expected).norm() / expected.norm()) <= 1e-6


@pytest.mark.parametrize("longest", [10_000, 0], ids=["series", "iterations"])
@pytest.mark.parametrize("connectivity", [1, 2], ids=["folded", "whole"])
def test_a_gradient_is_proportional_to_the_loss_however_small_that_is(
    connectivity: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflated, "LONG_SERIES", longest)
    monkeypatch.setattr(Shifted, "_by_series" if longest == 0 else "_by_iterations", useless)
    weight = random_weight(grid_graph((20, 30), connectivity=connectivity)).requires_grad_()
    z = spectral_map(walk(grid_graph((20, 30), connectivity=connectivity), weight), 2.0, 4)[0]
    loss = random_loss(grid_graph((20, 30)))(z)
    (usual,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (small,) = torch.autograd.grad(loss * 2.0**-300, weight)
    torch.testing.assert_close(small * 2.0**300, usual, rtol=1e-12, atol=1e-12)


def test_distances_of_neighbours_in_many_dimensions_have_a_gradient() -> None:
    """5000 points in 12 dimensions, the 32 largest: the series lost all digits and the error blamed `k`."""
    generator = torch.Generator().manual_seed(1)
    graph, _ = knn_graph(torch.randn(5000, 12, generator=generator, dtype=torch.float64), 8)
    weight = 0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    direction = random_weight(graph, seed=3) - 1

    def run(weight: Tensor) -> Tensor:
        return diffusion_distance(walk(graph, weight), 8.0, 32, rows=torch.arange(4), tolerance=1e-12).mean()

    leaf = weight.clone().requires_grad_()
    run(leaf).backward()
    assert leaf.grad is not None
    slopes = [(run(weight + h * direction) - run(weight - h * direction)) / (2 * h) for h in (1e-3, 5e-4)]
    expected = (4 * slopes[1] - slopes[0]) / 3
    assert float(leaf.grad @ direction) == pytest.approx(float(expected), rel=1e-6)


def useless(*_: object, **__: object) -> Tensor:
    raise ConvergenceError("nothing")


def nothing(self: object, r: Tensor, *_: object, **__: object) -> Tensor:
    return torch.zeros_like(r)


def overflown(self: object, r: Tensor, *_: object, **__: object) -> Tensor:
    return torch.full_like(r, torch.nan)


def test_a_round_that_leaves_more_than_half_of_the_residual_is_the_last_of_its_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(Shifted, "solve", lambda self, route, r, _: asked.append(route) or nothing(self, r))
    with pytest.raises(ConvergenceError):
        slope(LARGE["grid"], 4)
    assert asked == [Route.POLYNOMIAL, Route.INVERSE]


LADDER = random_walk(grid_graph((2, 2000)))
BROKEN: list[Callable[..., Tensor]] = [useless, nothing, overflown]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("moved", [LARGE["grid"], LADDER], ids=["series first", "iterations first"])
def test_the_derivative_goes_the_other_way_where_the_first_fails(
    moved: Walk, broken: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = slope(moved, 6)
    for way in ("_by_series", "_by_iterations"):
        with monkeypatch.context() as patch:
            patch.setattr(Shifted, way, broken)
            got = slope(moved, 6)
        assert float((got - expected).norm() / expected.norm()) <= 1e-6


@pytest.mark.parametrize("broken", BROKEN)
def test_a_search_goes_the_other_way_where_the_first_fails(
    broken: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = random_walk(grid_graph((20, 30), connectivity=2))
    monkeypatch.setattr(davidson, "MAX_STEPS", 10)
    for longest, room, way in ((0, ShiftInvert, "apply"), (10_000, ChebyshevMatrix, "correction")):
        with monkeypatch.context() as patch:
            patch.setattr(eigenpairs, "LONG_FILTER", longest)
            patch.setattr(room, way, broken)
            vectors, values = spectral_map(moved, 0.0, 6)
        torch.testing.assert_close(values.abs(), leading_sizes(moved, 6), rtol=0, atol=1e-12)
        residual = torch.linalg.vector_norm(dense_matrix(moved) @ vectors - vectors * values, dim=0)
        assert float(residual.max()) <= 1.01e-10


def test_eigenpairs_that_neither_way_finds_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(davidson, "MAX_STEPS", 1)
    monkeypatch.setattr(filtered, "MAX_ROUNDS", 1)
    message = (
        r"The 10 leading eigenpairs did not converge to a residual of 5.0e-11: by Chebyshev polynomials, \d had "
        r"converged, and the others, from \|λ\| = .*, had residuals up to .* after 1 rounds; by an approximate "
        r"inverse, \d had converged after \d blocks of 8 vectors, and the next ones, near \|λ\| = "
        r"\[0\.\d+(, 0\.\d+)+\], had .*; by Chebyshev polynomials, \d had"
    )
    with pytest.raises(ConvergenceError, match=message):
        spectral_map(LARGE["grid"], 1.0, 4)


def test_a_derivative_that_neither_way_finds_is_an_error_that_says_what_each_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graphrw.spectral.shifted.MAX_SERIES", 2)
    monkeypatch.setattr(ShiftInvert, "apply", nothing)
    message = (
        r"did not get to a relative residual of 1.0e-10: by Chebyshev polynomials, a series would need more than 2 "
        r"terms; by an approximate inverse, a relative residual of \d\.\de.\d+ was left\. Likely cause: weights"
    )
    with pytest.raises(ConvergenceError, match=message):
        slope(LARGE["grid"], 4)


@pytest.mark.filterwarnings("ignore::graphrw.spectral.SpectralCutWarning")
def test_k_is_blamed_where_it_cuts_a_cluster_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    part = random_walk(grid_graph((15, 20), connectivity=2))
    graph = union(part.graph, part.graph)
    near = walk(graph, torch.cat([part.weight, part.weight + 1e-4 * random_weight(part.graph, seed=4)]))
    monkeypatch.setattr(Shifted, "solve", lambda self, route, r, target: torch.zeros_like(r))
    with pytest.raises(ConvergenceError, match=r"`k` = 7 cuts a cluster of eigenvalues: \|λ\| of the k-th is 0\.\d+"):
        slope(near, 7)
    with pytest.raises(ConvergenceError, match=r"residual of 1\.0e\+00 was left\. Likely cause: weights") as raised:
        slope(near, 6)
    assert "`k`" not in str(raised.value)


def test_the_shorter_way_is_asked_first_and_the_last_one_knows_that_it_is() -> None:
    assert in_order(150, 150) == (Route.POLYNOMIAL, Route.INVERSE)
    assert in_order(151, 150) == (Route.INVERSE, Route.POLYNOMIAL)
    asked = []

    def attempt(route: Route, last: bool) -> str:
        asked.append((route, last))
        if not last:
            raise ConvergenceError("not yet")
        return route.value

    routes = (Route.POLYNOMIAL, Route.INVERSE, Route.POLYNOMIAL)
    assert in_turn(routes, attempt, "", str) == Route.POLYNOMIAL.value
    assert asked == list(zip(routes, (False, False, True), strict=True))


def test_an_error_that_is_no_failure_to_converge_is_let_through() -> None:
    def attempt(route: Route, last: bool) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match=r"^a bug$"):
        in_turn(tuple(Route), attempt, "", str)


def test_eigenpairs_say_how_many_they_are_and_what_is_beyond_them() -> None:
    moved = LARGE["geometric"]
    found = eigenpairs.decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved), shift_invert(moved)), 6, 1e-10)
    sizes = found.values.abs().tolist()
    assert repr(found) == (
        f"Eigenpairs(6 of 700, |λ| from {sizes[0]:.6g} to {sizes[5]:.6g}; 16 guards from {sizes[6]:.6g}, beyond them "
        f"at most {sizes[-1]:.6g})"
    )
    small = random_walk(grid_graph((3, 3)))
    whole = eigenpairs.decompose(SymmetricMatrix(small.graph, symmetric_weight(small)), 2, 1e-10)
    assert repr(whole) == "Eigenpairs(2 of 9, |λ| from 1 to 1; all others are known)"
    moved = LARGE["grid"]
    half = eigenpairs.decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved)), 6, 1e-6).half
    assert repr(half).startswith("Half(3 of 300, |λ| from 1 to ")
