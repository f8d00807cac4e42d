"""Derivatives of `step`, `resolvent`, `damp` and `pagerank`, of every order and under `torch.func`."""

from collections.abc import Callable

import pytest
import torch
from propagation_walks import GRAPHS, either_normalisation, features, inputs, plain_walk
from torch import Tensor

from graphrw import Graph, walk
from graphrw.functional.propagation import damp, pagerank, resolvent, step


def limit(graph: Graph, symmetric: bool, transpose: bool = False) -> Callable[..., Tensor]:
    def run(weight: Tensor, f: Tensor, alpha: Tensor, loops: Tensor) -> Tensor:
        damped = damp(walk(graph, weight), alpha, self_loops=loops)
        return resolvent(damped, f, self_loops=loops, symmetric=symmetric, transpose=transpose)

    return run


def some_steps(graph: Graph, symmetric: bool) -> Callable[..., Tensor]:
    def run(weight: Tensor, f: Tensor, alpha: Tensor, loops: Tensor) -> Tensor:
        return step(walk(graph, weight), f, 2, restart=1 - alpha, self_loops=loops, symmetric=symmetric)

    return run


DIFFERENTIATED = [
    ("grid", False),
    ("directed", False),
    ("directed", True),
    ("disconnected", True),
    ("batched", False),
    ("repeated eigenvalues", True),
    ("isolated nodes", False),
    ("isolated nodes", True),
]


@pytest.mark.parametrize(("name", "symmetric"), DIFFERENTIATED)
def test_all_derivatives_are_those_of_finite_differences(name: str, symmetric: bool) -> None:
    graph = GRAPHS[name]
    for run in (limit(graph, symmetric, transpose=symmetric), some_steps(graph, symmetric)):
        assert torch.autograd.gradcheck(run, inputs(graph), check_forward_ad=True, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, inputs(graph), fast_mode=True)


@either_normalisation
def test_derivatives_are_finite_beside_isolated_nodes(symmetric: bool) -> None:
    graph = GRAPHS["isolated nodes"]
    for make in (limit, some_steps):
        weight, f, alpha, _ = inputs(graph)
        loops = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        slopes = torch.autograd.grad(make(graph, symmetric)(weight, f, alpha, loops).square().sum(), (weight, f, alpha))
        assert all(bool(slope.isfinite().all()) for slope in slopes)


@pytest.mark.parametrize("make", [limit, some_steps])
def test_hessians_of_torch_func_are_those_of_autograd(make: Callable[..., Callable[..., Tensor]]) -> None:
    weight, f, alpha, loops = (leaf.detach() for leaf in inputs(GRAPHS["grid"]))

    def loss(weight: Tensor, alpha: Tensor) -> Tensor:
        return make(GRAPHS["grid"], False)(weight, f, alpha, loops).square().sum()

    ours = torch.func.hessian(loss, argnums=(0, 1))(weight, alpha)
    torch.testing.assert_close(ours, torch.autograd.functional.hessian(loss, (weight, alpha)))


@pytest.mark.parametrize("make", [limit, some_steps])
def test_vmap_over_features_is_one_call_with_more_columns(make: Callable[..., Callable[..., Tensor]]) -> None:
    weight, _, alpha, loops = (leaf.detach() for leaf in inputs(GRAPHS["directed"]))
    run, many = make(GRAPHS["directed"], True), features(GRAPHS["directed"], 6)
    together = torch.func.vmap(lambda f: run(weight, f, alpha, loops), in_dims=1, out_dims=1)(many)
    torch.testing.assert_close(together, run(weight, many, alpha, loops))


@pytest.mark.parametrize("place", [0, 2, 3], ids=["weight", "alpha", "loops"])
@pytest.mark.parametrize("make", [limit, some_steps])
def test_vmap_over_weights_is_refused(make: Callable[..., Callable[..., Tensor]], place: int) -> None:
    given = [leaf.detach() for leaf in inputs(GRAPHS["grid"])]
    given[place] = given[place].expand(3, *given[place].shape)
    with pytest.raises(ValueError, match="may run over right-hand sides"):
        torch.func.vmap(make(GRAPHS["grid"], False), tuple(0 if k == place else None for k in range(4)))(*given)


def test_vmap_over_starts_is_one_call_with_more_columns() -> None:
    walk, start = plain_walk(GRAPHS["directed"]), features(GRAPHS["directed"], 4).abs()
    together = torch.func.vmap(lambda column: pagerank(walk, 0.8, column), in_dims=1, out_dims=1)(start)
    torch.testing.assert_close(together, pagerank(walk, 0.8, start))
    many = start[:, :, None] * torch.tensor([1.0, 2.0])  # (N, 4, 2), the axis in the middle being mapped over
    pairs = torch.func.vmap(lambda columns: pagerank(walk, 0.8, columns), in_dims=1, out_dims=1)(many)
    torch.testing.assert_close(pairs, together[:, :, None].expand_as(pairs))


def test_vmap_over_starts_of_which_one_is_wrong_is_refused() -> None:
    walk, start = plain_walk(GRAPHS["grid"]), features(GRAPHS["grid"], 4).abs()
    over = torch.func.vmap(lambda column: pagerank(walk, 0.8, column), in_dims=1, out_dims=1)
    with pytest.raises(ValueError, match="`start` must have a positive sum in each column"):
        over(start * torch.tensor([1.0, 1.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="`start` must be finite and not negative; got -"):
        over(start * torch.tensor([1.0, 1.0, 1.0, -1.0]))
