"""The spectral adjoint: repeated eigenvalues, simple ones, and iterated against dense."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
import torch
from spectral_walks import LARGE, multigrid_plan, random_loss, random_walk, random_weight, ring, union
from torch import Tensor

from graphrw import Graph, grid_graph, walk
from graphrw.solvers import Auto
from graphrw.spectral import deflated, eigenpairs, shifted, spectral_map
from graphrw.spectral.adjoint import divided_difference
from graphrw.spectral.matrix import SymmetricMatrix, symmetric_weight


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


MIXED = union(grid_graph((16, 20)), grid_graph((15, 17), connectivity=2))
ITERATED: dict[str, tuple[Graph, Tensor, int]] = {
    "grid": (LARGE["grid"].graph, LARGE["grid"].weight, 6),
    "uniform grid": (LARGE["grid"].graph, torch.ones_like(LARGE["grid"].weight), 6),
    "uniform square, between equal |λ|": (grid_graph((25, 25)), torch.ones(1200, dtype=torch.float64), 4),
    "odd k": (LARGE["grid"].graph, LARGE["grid"].weight, 5),
    "geometric": (LARGE["geometric"].graph, LARGE["geometric"].weight, 6),
    "uniform geometric": (LARGE["geometric"].graph, torch.ones_like(LARGE["geometric"].weight), 6),
    "one bipartite, one not": (MIXED, random_weight(MIXED), 7),
}


@pytest.fixture(params=["as it comes", "series", "factors", "multigrid"])
def solved_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the linear systems of the backward pass are solved by."""
    if request.param != "as it comes":
        monkeypatch.setattr(deflated, "LONG_SERIES", 10_000 if request.param == "series" else 0)
    if request.param == "multigrid":
        monkeypatch.setattr(Auto, "plan_for", lambda self, graph: multigrid_plan(graph))


@pytest.mark.usefixtures("solved_by")
@pytest.mark.filterwarnings("ignore::graphrw.spectral.SpectralCutWarning")
@pytest.mark.parametrize("killing", [0.0, 0.2])
@pytest.mark.parametrize(("graph", "weight", "k"), ITERATED.values(), ids=list(ITERATED))
def test_the_iterated_gradient_is_the_dense_one(
    graph: Graph, weight: Tensor, k: int, killing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = random_loss(graph)

    def slopes() -> tuple[Tensor, ...]:
        leaf, time = weight.clone().requires_grad_(), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        z = spectral_map(walk(graph, leaf, killing), time, k)[0] * math.sqrt(graph.num_nodes)
        return torch.autograd.grad(loss(z), (leaf, time))

    iterated = slopes()
    monkeypatch.setattr(eigenpairs, "_small", lambda *_: True)
    dense = slopes()
    for got, expected in zip(iterated, dense, strict=True):
        assert float((got - expected).norm() / expected.norm()) <= 1e-6


def test_conjugate_gradients_take_over_from_long_series(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = shifted.Shifted._by_iterations
    monkeypatch.setattr(
        shifted.Shifted, "_by_iterations", lambda self, *rest: calls.append(len(self.shifts)) or run(self, *rest)
    )
    for graph, k in ((grid_graph((2, 3000)), 6), (grid_graph((20, 30)), 6)):
        leaf = random_weight(graph).requires_grad_()
        random_loss(graph)(spectral_map(walk(graph, leaf), 1.0, k)[0]).backward()
    assert calls == [6]


def test_the_gradient_of_any_loss_is_right_where_eigenvalues_are_simple() -> None:
    graph = grid_graph((3, 4), connectivity=2)
    inputs = (random_weight(graph).requires_grad_(), torch.tensor(1.3, dtype=torch.float64, requires_grad=True))
    killing = (0.2 * random_weight(ring(12), seed=2)).requires_grad_()

    def run(weight: Tensor, time: Tensor, killing: Tensor) -> tuple[Tensor, ...]:
        z, values = spectral_map(walk(graph, weight, killing), time, 5)
        return z.square(), (z**3).sum(0).square(), values

    assert torch.autograd.gradcheck(run, (*inputs, killing))


def test_a_loss_may_leave_columns_out_and_time_may_be_0() -> None:
    graph = grid_graph((3, 4), connectivity=2)
    weight = random_weight(graph).requires_grad_()

    def first_two(weight: Tensor) -> Tensor:
        return spectral_map(walk(graph, weight), 1.0, 4)[0][:, :2].square()

    assert torch.autograd.gradcheck(first_two, weight)
    uniform = torch.ones(24, dtype=torch.float64, requires_grad=True)
    z, _ = spectral_map(walk(grid_graph((4, 4)), uniform), 0.0, 16)  # eigenvalues 0 among them
    random_loss(grid_graph((4, 4)))(z).backward()
    torch.testing.assert_close(uniform.grad, torch.zeros(24, dtype=torch.float64))  # Z Zᵀ is the identity


def test_eigenvalues_0_say_nothing_about_time() -> None:
    time = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    (
        spectral_map(random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 3)), time, 3)[0] - 1
    ).square().sum().backward()
    assert time.grad == 0


def test_what_float32_tells_of_single_eigenvectors_has_a_gradient() -> None:
    graph = grid_graph((3, 4), connectivity=2)
    slopes = []
    for dtype in (torch.float32, torch.float64):
        weight = random_weight(graph, dtype=torch.float32).to(dtype).requires_grad_()
        z, _ = spectral_map(walk(graph, weight), 1.0, 5)
        slopes.append(torch.autograd.grad((z**4).sum(0)[2], weight)[0])
    torch.testing.assert_close(slopes[0].double(), slopes[1], rtol=1e-3, atol=1e-3 * float(slopes[1].abs().max()))


def test_a_time_that_is_learned_alone_has_the_gradient_that_it_has_beside_weights() -> None:
    graph = ring(9)
    slopes = []
    for weight in (random_weight(graph), random_weight(graph).requires_grad_()):
        time = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
        random_loss(graph)(spectral_map(walk(graph, weight), time, 5)[0]).backward()
        slopes.append(time.grad)
    torch.testing.assert_close(*slopes, rtol=0, atol=0)


def test_eigenvalues_have_gradients_and_sums_of_repeated_ones_too() -> None:
    graph = ring(8)
    weight = torch.ones(8, dtype=torch.float64, requires_grad=True)

    def run(weight: Tensor) -> Tensor:
        values = spectral_map(walk(graph, weight), 1.0, 8)[1]
        return (values**3).sum()

    (slope,) = torch.autograd.grad(run(weight), weight)
    direction = random_weight(graph) - 1
    assert float(slope @ direction) == pytest.approx(along(run, weight.detach(), direction, 1e-2), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("power", ["0", "2", "3.25", "80"])
def test_near_equal_eigenvalues_lose_no_digits(power: str) -> None:
    values = [0.7, 0.7 * (1 - 1e-13), 0.7, -0.7, -0.3, 1e-3, 0.0, 0.0]
    got = divided_difference(torch.tensor(values, dtype=torch.float64), float(power))
    with localcontext(prec=60):
        for i, x in enumerate(map(Decimal, values)):
            for j, y in enumerate(map(Decimal, values)):
                if power == "0":
                    expected = Decimal(0)
                elif x == y:
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
