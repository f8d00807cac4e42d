"""The spectral map and its adjoint: against SciPy and dense matrices, repeated eigenvalues, and what it refuses."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.errors import ConvergenceError
from graphrw.spectral import (
    SpectralCutWarning,
    davidson,
    deflated,
    power_iteration,
    power_iteration_as_published,
    spectral_map,
)
from graphrw.spectral.adjoint import divided_difference
from graphrw.spectral.matrix import SymmetricMatrix, symmetric_weight


def ring(count: int) -> Graph:
    nodes = torch.arange(count)
    return Graph(torch.stack([nodes, (nodes + 1) % count]), count)


def union(*graphs: Graph) -> Graph:
    """The disjoint union as one graph, not as a batch."""
    batch = Graph.batch(graphs)
    return Graph(batch.edges, batch.num_nodes)


def random_weight(graph: Graph, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)).to(dtype)


def random_walk(graph: Graph, seed: int = 0, killing: float = 0.0) -> Walk:
    return walk(graph, random_weight(graph, seed), killing)


def dense_matrix(moved: Walk) -> Tensor:
    """S entry by entry."""
    rate, matrix = moved.rate, torch.zeros(moved.graph.num_nodes, moved.graph.num_nodes, dtype=torch.float64)
    for (tail, head), weight in zip(moved.graph.edges.T.tolist(), moved.weight.tolist(), strict=True):
        if weight:
            matrix[tail, head] = matrix[head, tail] = weight / math.sqrt(rate[tail] * rate[head])
    return matrix


def leading_sizes(moved: Walk, k: int) -> Tensor:
    """(k,) the largest |λ| of S, densely."""
    sizes: Tensor = torch.linalg.eigvalsh(dense_matrix(moved)).abs().sort(descending=True).values
    return sizes[:k]


def random_loss(graph: Graph, seed: int = 1) -> Callable[[Tensor], Tensor]:
    """A loss of Z Zᵀ alone, so that no rotation of columns changes it."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(graph.num_nodes, (60, 2), generator=generator)
    price = torch.randn(60, generator=generator, dtype=torch.float64)

    def loss(z: Tensor) -> Tensor:
        return (price * torch.sin(3 * (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(1) + price)).sum()

    return loss


# --- eigenpairs -----------------------------------------------------------------------------------------------------

SMALL = {
    "grid": random_walk(grid_graph((4, 5))),
    "with killing": random_walk(grid_graph((4, 5)), killing=0.4),
    "uniform grid": walk(grid_graph((4, 4)), torch.ones(24, dtype=torch.float64)),
    "isolated nodes": random_walk(Graph(torch.tensor([[1, 2], [3, 3]]), 6)),
    "no edge": random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 3)),
    "one node": random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 1)),
    "two components": random_walk(union(ring(5), grid_graph((2, 3)))),
}


@pytest.mark.parametrize("moved", SMALL.values(), ids=list(SMALL))
def test_all_eigenpairs_of_a_small_graph_make_up_its_matrix(moved: Walk) -> None:
    count, matrix = moved.graph.num_nodes, dense_matrix(moved)
    vectors, values = spectral_map(moved, 0.0, count)
    torch.testing.assert_close(vectors * values @ vectors.T, matrix)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(count, dtype=torch.float64))
    torch.testing.assert_close(values.abs(), leading_sizes(moved, count))
    z, _ = spectral_map(moved, 1.5, count)
    torch.testing.assert_close(z @ z.T, vectors * values.abs() ** 3 @ vectors.T)


def smooth_grid(shape: tuple[int, int]) -> Walk:
    """Gaussian weights of a smooth image with noise."""
    graph = grid_graph(shape)
    rows, columns = torch.meshgrid(*(torch.linspace(0, 6, size, dtype=torch.float64) for size in shape), indexing="ij")
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = (torch.sin(rows) * torch.cos(columns) + 0.3 * noise).reshape(-1)
    tail, head = graph.edges
    return walk(graph, torch.exp(-3 * (image[tail] - image[head]).square()))


def geometric(count: int) -> Walk:
    """Points in the plane joined to their near ones, numbered at random."""
    points = torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distance = torch.cdist(points, points)
    near = (distance < math.sqrt(4 / count)).triu(1).nonzero().T
    return walk(Graph(near, count), torch.exp(-count * distance[near[0], near[1]].square()))


LARGE = {
    "grid": smooth_grid((20, 30)),
    "geometric": geometric(700),
    "with killing": random_walk(grid_graph((20, 30)), killing=0.1),
    "components": random_walk(union(ring(151), grid_graph((15, 15)), ring(149))),
}


@pytest.mark.parametrize("moved", LARGE.values(), ids=list(LARGE))
def test_iterated_eigenpairs_are_those_of_scipy(moved: Walk) -> None:
    k = 12
    start = np.random.default_rng(0).random(moved.graph.num_nodes)
    expected = eigsh(csr_array(dense_matrix(moved).numpy()), k, which="LM", v0=start)[0]
    vectors, values = spectral_map(moved, 0.0, k)
    torch.testing.assert_close(values.sort().values, torch.from_numpy(expected).sort().values, rtol=0, atol=1e-12)
    residual = torch.linalg.vector_norm(dense_matrix(moved) @ vectors - vectors * values, dim=0)
    assert float(residual.max()) <= 1.01e-10
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(k, dtype=torch.float64))


def test_iterations_run_on_large_graphs_and_dense_matrices_on_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = davidson.Davidson.run
    monkeypatch.setattr(davidson.Davidson, "run", lambda self: calls.append(self.matrix.num_nodes) or run(self))
    for moved in (LARGE["grid"], SMALL["grid"]):
        spectral_map(moved, 1.0, 4)
    assert calls == [600]


def test_an_eigenvalue_repeated_more_often_than_a_block_is_wide_is_found_whole() -> None:
    copies = random_walk(union(*[ring(13)] * 40))
    assert 2 * davidson.BLOCK < 40
    _, values = spectral_map(walk(copies.graph, torch.ones(520, dtype=torch.float64)), 0.0, 40)
    torch.testing.assert_close(values, torch.ones(40, dtype=torch.float64))


def test_a_large_matrix_of_low_rank_has_its_eigenpairs() -> None:
    hub = Graph(torch.stack([torch.zeros(599, dtype=torch.int64), torch.arange(1, 600)]), 600)
    for moved in (random_walk(hub), random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 600))):
        _, values = spectral_map(moved, 1.0, 4)
        torch.testing.assert_close(values.abs(), leading_sizes(moved, 4), rtol=0, atol=1e-12)


def test_eigenvectors_that_the_search_missed_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = LARGE["geometric"]
    expected = leading_sizes(moved, 6)
    blind = dense_matrix(moved)
    top = torch.linalg.eigh(blind).eigenvectors[:, -2:]
    hidden = top[SymmetricMatrix(moved.graph, symmetric_weight(moved)).layout.order]
    start = davidson.random_like

    def without_top(block: Tensor, seed: int) -> Tensor:
        block = start(block, seed)
        return block - hidden @ (hidden.T @ block) if seed == 0 else block

    found = []
    missed = davidson.Davidson._missed
    monkeypatch.setattr(davidson, "random_like", without_top)
    monkeypatch.setattr(davidson.Davidson, "_missed", lambda *a: found.append(missed(*a)) or found[-1])
    torch.testing.assert_close(spectral_map(moved, 0.0, 6)[1].abs(), expected)
    assert found[0] is not None
    assert found[-1] is None


def test_grids_have_eigenvalues_in_pairs_of_both_signs_the_positive_first() -> None:
    for shape in ((5, 6), (20, 30)):
        _, values = spectral_map(random_walk(grid_graph(shape)), 0.0, 8)
        torch.testing.assert_close(values[::2], -values[1::2])
        assert bool((values[::2] > 0).all())


def test_results_repeat_to_the_bit() -> None:
    torch.manual_seed(0)
    first = spectral_map(LARGE["grid"], 1.0, 6)
    torch.manual_seed(1)
    again = spectral_map(LARGE["grid"], 1.0, 6)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))


@pytest.mark.parametrize("shape", [(5, 6), (20, 30)])
def test_float32_is_computed_in_float64_and_returned_in_float32(shape: tuple[int, int]) -> None:
    graph = grid_graph(shape)
    weight = random_weight(graph, dtype=torch.float32).requires_grad_()
    z, values = spectral_map(walk(graph, weight), 2.0, 6)
    exact, _ = spectral_map(walk(graph, weight.double()), 2.0, 6)
    assert z.dtype == values.dtype == torch.float32
    torch.testing.assert_close(z @ z.T, (exact @ exact.T).float(), rtol=1e-4, atol=1e-5)
    (slope,) = torch.autograd.grad((z @ z.T).square().sum(), weight)
    (expected,) = torch.autograd.grad((exact @ exact.T).square().sum(), weight)
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


# --- derivatives ----------------------------------------------------------------------------------------------------


def along(function: Callable[[Tensor], Tensor], point: Tensor, direction: Tensor, step: float) -> float:
    """The derivative by central differences, extrapolated twice."""
    slopes = [
        float(function(point + h * direction) - function(point - h * direction)) / (2 * h)
        for h in (step, step / 2, step / 4)
    ]
    coarse, fine = ((4 * b - a) / 3 for a, b in (slopes[:2], slopes[1:]))
    return (16 * fine - coarse) / 15


REPEATED = {
    "ring": (ring(12), 6),
    "ring, all": (ring(12), 12),
    "odd ring": (ring(9), 5),
    "grid": (grid_graph((5, 5)), 6),
    "grid, all but zeros": (grid_graph((4, 4)), 12),
    "two equal components": (union(ring(6), ring(6)), 4),
    "complete": (Graph(torch.combinations(torch.arange(6)).T.contiguous(), 6), 6),
}


@pytest.mark.parametrize("time", [1.0, 2.6])
@pytest.mark.parametrize(("graph", "k"), REPEATED.values(), ids=list(REPEATED))
def test_gradients_with_repeated_eigenvalues_are_those_of_finite_differences(graph: Graph, k: int, time: float) -> None:
    loss, weight = random_loss(graph), torch.ones(graph.num_edges, dtype=torch.float64)

    def run(weight: Tensor) -> Tensor:
        return loss(spectral_map(walk(graph, weight), time, k)[0])

    leaf = weight.clone().requires_grad_()
    (slope,) = torch.autograd.grad(run(leaf), leaf)
    direction = random_weight(graph, seed=3) - 1
    expected = along(run, weight, direction, 1e-2)
    assert float(slope @ direction) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("moved", [LARGE["grid"], LARGE["geometric"]], ids=["grid", "geometric"])
@pytest.mark.parametrize("uniform", [False, True])
def test_the_iterated_gradient_is_the_dense_one(moved: Walk, uniform: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, loss = moved.graph, random_loss(moved.graph)
    weight = torch.ones_like(moved.weight) if uniform else moved.weight

    def slopes() -> tuple[Tensor, ...]:
        leaf, time = weight.clone().requires_grad_(), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        z = spectral_map(walk(graph, leaf), time, 6)[0] * math.sqrt(graph.num_nodes)
        return torch.autograd.grad(loss(z), (leaf, time))

    iterated = slopes()
    monkeypatch.setattr("graphrw.spectral.eigenpairs.EXPANSIONS", 10_000)
    dense = slopes()
    for got, expected in zip(iterated, dense, strict=True):
        assert float((got - expected).norm() / expected.norm()) <= 1e-6


def test_the_gradient_of_any_loss_is_right_where_eigenvalues_are_simple() -> None:
    graph = grid_graph((3, 4), connectivity=2)
    inputs = (random_weight(graph).requires_grad_(), torch.tensor(1.3, dtype=torch.float64, requires_grad=True))
    killing = (0.2 * random_weight(ring(12), seed=2)).requires_grad_()

    def run(weight: Tensor, time: Tensor, killing: Tensor) -> tuple[Tensor, ...]:
        z, values = spectral_map(walk(graph, weight, killing), time, 5)
        return z.square(), (z**3).sum(0).square(), values

    assert torch.autograd.gradcheck(run, (*inputs, killing))


def test_eigenvalues_have_gradients_and_sums_of_repeated_ones_too() -> None:
    graph = ring(8)
    weight = torch.ones(8, dtype=torch.float64, requires_grad=True)

    def run(weight: Tensor) -> Tensor:
        values = spectral_map(walk(graph, weight), 1.0, 8)[1]
        return (values**3).sum()

    (slope,) = torch.autograd.grad(run(weight), weight)
    direction = random_weight(graph) - 1
    assert float(slope @ direction) == pytest.approx(along(run, weight.detach(), direction, 1e-2), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("power", ["2", "3.25", "80"])
def test_near_equal_eigenvalues_lose_no_digits(power: str) -> None:
    values = [0.7, 0.7 * (1 - 1e-13), 0.7, -0.7, -0.3, 1e-3, 0.0, 0.0]
    got = divided_difference(torch.tensor(values, dtype=torch.float64), float(power))
    with localcontext(prec=60):
        for i, x in enumerate(map(Decimal, values)):
            for j, y in enumerate(map(Decimal, values)):
                if x == y:
                    expected = Decimal(power) * abs(x) ** (Decimal(power) - 1) * (1 if x > 0 else -1)
                else:
                    expected = (abs(x) ** Decimal(power) - abs(y) ** Decimal(power)) / (x - y)
                assert float(got[i, j]) == pytest.approx(float(expected), rel=1e-13, abs=1e-300)


def test_the_series_of_the_backward_solve_works_in_place() -> None:
    matrix = SymmetricMatrix(LARGE["grid"].graph, symmetric_weight(LARGE["grid"]))
    x = torch.ones(600, 1, dtype=torch.float64)
    previous, current = x.clone(), matrix.matmul(x)
    places = {previous.data_ptr(), current.data_ptr()}
    for _ in range(5):
        matrix.advance(previous, current, 1.0)
        previous, current = current, previous
    assert {previous.data_ptr(), current.data_ptr()} == places


# --- what is warned of and refused ----------------------------------------------------------------------------------

UNIFORM = SMALL["uniform grid"]


@pytest.mark.parametrize(
    ("moved", "k", "cure"),
    [
        (UNIFORM, 1, r"k = 1 cuts .* \|λ\| = 1: .* Take k = 2\."),
        (UNIFORM, 4, r"k = 4 cuts .* Take k = 2 or k = 6\."),
        (SMALL["grid"], 5, r"Take k = 4 or k = 6\."),
        (LARGE["grid"], 3, r"Take k = 2 or k = 4\."),
        (walk(union(*[ring(13)] * 40), torch.ones(520, dtype=torch.float64)), 10, r"Take a k above 26\."),
    ],
)
def test_a_k_that_cuts_equal_sizes_is_warned_of_with_a_better_one(moved: Walk, k: int, cure: str) -> None:
    with pytest.warns(SpectralCutWarning, match=cure):
        spectral_map(moved, 1.0, k)


def test_a_cut_too_far_down_to_matter_is_not_warned_of() -> None:
    spectral_map(UNIFORM, 1.0, 14)  # among eigenvalues 0
    spectral_map(UNIFORM, 100.0, 4)


@pytest.mark.parametrize("shape", [(4, 4), (30, 30)])
@pytest.mark.filterwarnings("ignore::graphrw.spectral.SpectralCutWarning")
def test_a_cut_through_a_repeated_eigenvalue_has_no_derivative(shape: tuple[int, int]) -> None:
    graph = grid_graph(shape)
    weight = torch.ones(graph.num_edges, dtype=torch.float64, requires_grad=True)
    z, _ = spectral_map(walk(graph, weight), 1.0, 3)
    with pytest.raises(ValueError, match=r"`k` = 3 cuts through equal eigenvalues"):
        z.square().sum().backward()


def test_a_loss_that_tells_equal_eigenvectors_apart_has_no_derivative() -> None:
    weight = torch.ones(12, dtype=torch.float64, requires_grad=True)
    z, values = spectral_map(walk(ring(12), weight), 1.0, 6)
    with pytest.raises(ValueError, match=r"tells apart eigenvectors of one eigenvalue \(λ = .*, 2 times\)"):
        (torch.arange(12)[:, None] * z**4).sum().backward(retain_graph=True)
    with pytest.raises(ValueError, match=r"tells equal eigenvalues apart \(λ = .*, 2 times\)"):
        (values * torch.arange(6)).sum().backward()


def test_short_times_have_no_derivative_at_eigenvalue_zero() -> None:
    weight = torch.ones(24, dtype=torch.float64, requires_grad=True)
    z, _ = spectral_map(walk(UNIFORM.graph, weight), 0.4, 16)
    with pytest.raises(ValueError, match=r"no derivative at λ = 0 for t ≤ ½, .* at t = 0.4"):
        z.sum().backward()


def simple(weight: Tensor) -> Tensor:
    return spectral_map(walk(grid_graph((2, 3)), weight), 1.0, 2)[0].square()


def second(weight: Tensor) -> Tensor:
    leaf = weight.clone().requires_grad_()
    (slope,) = torch.autograd.grad(simple(leaf).sum() ** 2, leaf, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), leaf)
    return curvature


WEIGHT = random_weight(grid_graph((2, 3)))
UNKNOWN: dict[str, tuple[Callable[[], Any], str]] = {
    "second": (lambda: second(WEIGHT), "has no second derivatives"),
    "grad of grad": (
        lambda: torch.func.grad(lambda w: torch.func.grad(lambda v: simple(v)[0, 0])(w).sum())(WEIGHT),
        "has no second derivatives",
    ),
    "jvp": (lambda: torch.func.jvp(simple, (WEIGHT,), (WEIGHT,)), "has no forward-mode derivative"),
    "forward over reverse": (
        lambda: torch.func.jvp(torch.func.grad(lambda w: simple(w).sum()), (WEIGHT,), (WEIGHT,)),
        "has no forward-mode derivative",
    ),
    "jacrev": (lambda: torch.func.jacrev(simple)(WEIGHT), "cannot be run under `vmap`"),
    "vmap": (
        lambda: torch.func.vmap(
            lambda w: spectral_map(Walk(grid_graph((2, 3)), w, torch.zeros(6, dtype=torch.float64)), 1.0, 2)[0]
        )(WEIGHT.expand(2, -1)),
        "cannot be run under `vmap`",
    ),
}


@pytest.mark.parametrize(("call", "message"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_derivatives_that_do_not_exist_are_errors_and_never_zeros(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(NotImplementedError, match=message):
        call()


DIRECTED = walk(Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True), torch.ones(2))
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "directed": (lambda: spectral_map(DIRECTED, 1.0, 2), "undirected graphs only, .*; got a directed one"),
    "no eigenpair": (lambda: spectral_map(UNIFORM, 1.0, 0), r"`k` must be .* from 1 to N = 16; got 0"),
    "too many": (lambda: spectral_map(UNIFORM, 1.0, 17), r"from 1 to N = 16; got 17"),
    "negative time": (lambda: spectral_map(UNIFORM, -1.0, 2), r"`time` must be finite and not negative; got -1.0"),
    "NaN": (lambda: spectral_map(UNIFORM, math.nan, 2), "finite and not negative; got nan"),
    "several times": (lambda: spectral_map(UNIFORM, torch.ones(2), 2), r"a number or .* tensor \(\); got \(2,\)"),
    "whole tensor": (lambda: spectral_map(UNIFORM, torch.tensor(1), 2), r"floating-point .* got \(\) torch.int64"),
    "tolerance": (lambda: spectral_map(UNIFORM, 1.0, 2, 0.0), r"`tolerance` must lie in \(0, 0.01\]; got 0.0"),
    "rounds": (lambda: power_iteration(UNIFORM, 2, rounds=0), "`rounds` and `steps` must be at least 1; got 0 and 20"),
    "steps": (lambda: power_iteration_as_published(UNIFORM, 2, steps=0), "at least 1; got 2 and 0"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_eigenpairs_that_do_not_converge_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(davidson, "MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match=r"of 20 leading eigenpairs converged after 2 blocks of 16 .* up to"):
        spectral_map(LARGE["grid"], 1.0, 4)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("MAX_DEGREE", 2, r"needs a series of \d+ terms, more than 2"), ("MAX_ROUNDS", 1, "after 1 rounds; asked was")],
)
def test_a_derivative_that_does_not_converge_is_an_error(
    name: str, value: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflated, name, value)
    graph = LARGE["grid"].graph
    leaf = LARGE["grid"].weight.clone().requires_grad_()
    z, _ = spectral_map(walk(graph, leaf), 1.0, 4)
    with pytest.raises(ConvergenceError, match=message):
        random_loss(graph)(z).backward()


# --- the published method -------------------------------------------------------------------------------------------


def test_power_iteration_tends_to_the_leading_eigenpairs() -> None:
    moved = random_walk(grid_graph((3, 4), connectivity=2))
    vectors, values = spectral_map(moved, 0.0, 3)
    sizes, columns = power_iteration(moved, 3, rounds=300, steps=2)
    torch.testing.assert_close(sizes, values.abs())
    torch.testing.assert_close(columns @ columns.T, vectors @ vectors.T)


def test_power_iteration_on_p_gives_schur_vectors() -> None:
    moved = random_walk(grid_graph((3, 4), connectivity=2))
    transition = torch.zeros(12, 12, dtype=torch.float64)
    tail, head = moved.graph.edges
    transition[tail, head] = transition[head, tail] = moved.weight
    transition /= moved.rate[:, None]
    sizes, columns = power_iteration_as_published(moved, 3, rounds=300, steps=2)
    triangle = columns.T @ transition @ transition @ columns
    torch.testing.assert_close(triangle.tril(-1), torch.zeros(3, 3, dtype=torch.float64))
    torch.testing.assert_close(triangle.diagonal().sqrt(), sizes)
    torch.testing.assert_close(sizes, leading_sizes(moved, 3))
    leak = transition @ columns - columns @ (columns.T @ transition @ columns)
    assert float(leak.abs().max()) < 1e-10
    assert (
        float((columns.T @ transition @ columns).triu(1).abs().max()) > 1e-3
    )  # columns after the first are no eigenvectors


@pytest.mark.parametrize("iterate", [power_iteration, power_iteration_as_published])
def test_the_unrolled_method_is_differentiated_by_plain_autograd(iterate: Callable[..., Any]) -> None:
    graph = grid_graph((2, 3), connectivity=2)
    weight = random_weight(graph).requires_grad_()

    def run(weight: Tensor) -> tuple[Tensor, Tensor]:
        sizes, columns = iterate(walk(graph, weight), 2, steps=3)
        return sizes, columns

    assert torch.autograd.gradcheck(run, weight)
    assert torch.autograd.gradgradcheck(run, weight)
