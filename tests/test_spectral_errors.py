"""What the spectral map warns of, and what it refuses, forward and backward."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from spectral_walks import LARGE, SMALL, leading_sizes, random_weight, ring, union
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.spectral import (
    SpectralCutWarning,
    power_iteration,
    power_iteration_as_published,
    spectral_map,
)

UNIFORM = SMALL["uniform grid"]
COMPLETE = Graph(torch.combinations(torch.arange(6)).T.contiguous(), 6)


@pytest.mark.parametrize(
    ("moved", "k", "cure"),
    [
        (UNIFORM, 1, r"k = 1 cuts .* \|λ\| = 1: .* Take k = 2\."),
        (UNIFORM, 4, r"k = 4 cuts .* Take k = 2 or k = 6\."),
        (SMALL["grid"], 5, r"Take k = 4 or k = 6\."),
        (LARGE["grid"], 3, r"Take k = 2 or k = 4\."),
        (walk(COMPLETE, torch.ones(15, dtype=torch.float64)), 3, r"Take k = 1 or k = 6\."),
        (walk(union(*[ring(13)] * 40), torch.ones(520, dtype=torch.float64)), 10, r"Take k = 40\."),
        (walk(union(*[ring(13)] * 40), torch.ones(520, dtype=torch.float64)), 50, r"Take k = 40 or a k above 66\."),
    ],
)
def test_a_k_that_cuts_equal_sizes_is_warned_of_with_a_better_one(moved: Walk, k: int, cure: str) -> None:
    with pytest.warns(SpectralCutWarning, match=cure):
        spectral_map(moved, 1.0, k)


def test_the_warning_of_a_cut_tells_the_size_that_is_cut() -> None:
    moved = SMALL["grid"]
    with pytest.warns(SpectralCutWarning, match=rf"\|λ\| = {float(leading_sizes(moved, 5)[4]):.6g}: which"):
        spectral_map(moved, 1.0, 5)


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


@pytest.mark.parametrize("moved", [UNIFORM, LARGE["grid"]], ids=["dense", "iterated"])
def test_a_gradient_that_is_not_finite_is_an_error(moved: Walk) -> None:
    leaf = moved.weight.clone().requires_grad_()
    z, _ = spectral_map(walk(moved.graph, leaf), 1.0, 6)
    with pytest.raises(ValueError, match="comes in to a spectral map must be finite: look at the loss"):
        (z / 0.0).sum().backward()


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
    "no eigenpair": (lambda: spectral_map(UNIFORM, 1.0, 0), r"`k` must be .* from 1 to 16, the number of nodes; got 0"),
    "too many": (lambda: spectral_map(UNIFORM, 1.0, 17), r"from 1 to 16, the number of nodes; got 17"),
    "negative time": (lambda: spectral_map(UNIFORM, -1.0, 2), r"`time` must be finite and not negative; got -1.0"),
    "NaN": (lambda: spectral_map(UNIFORM, math.nan, 2), "finite and not negative; got nan"),
    "several times": (lambda: spectral_map(UNIFORM, torch.ones(2), 2), r"a number or .* tensor \(\); got \(2,\)"),
    "whole tensor": (lambda: spectral_map(UNIFORM, torch.tensor(1), 2), r"floating-point .* got \(\) torch.int64"),
    "tolerance": (lambda: spectral_map(UNIFORM, 1.0, 2, 0.0), r"`tolerance` must lie in \(0, 0.01\]; got 0.0"),
    "rough tolerance": (lambda: spectral_map(UNIFORM, 1.0, 2, 0.02), r"must lie in \(0, 0.01\]; got 0.02"),
    "rounds": (lambda: power_iteration(UNIFORM, 2, rounds=0), "`rounds` must be .* from 1; got 0"),
    "steps": (
        lambda: power_iteration_as_published(UNIFORM, 2, steps=0),
        "`steps` must be .* from 1; got 0",
    ),
    "power, directed": (lambda: power_iteration(DIRECTED, 2), "undirected graphs only"),
    "published, directed": (lambda: power_iteration_as_published(DIRECTED, 2), "undirected graphs only"),
    "power, too many": (lambda: power_iteration(UNIFORM, 17), "from 1 to 16, the number of nodes; got 17"),
    "published, none": (lambda: power_iteration_as_published(UNIFORM, 0), "from 1 to 16, the number of nodes; got 0"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
