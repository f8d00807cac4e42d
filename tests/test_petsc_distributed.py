"""Walks on graphs of which each process holds a part: in one process, and in several (`.ci/petsc`)."""

import sys

import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw import distributed
from graphrw.core.errors import SingularWalkError
from graphrw.solvers import GAMG, PETSc
from graphrw.testing import dense_operator

pytest.importorskip("petsc4py")
pytest.importorskip("mpi4py")
from mpi4py import MPI

WORLD = MPI.COMM_WORLD
EXACT = PETSc(rtol=1e-12)
SHAPES = [(7,), (6, 9), (5, 4, 6)]


def gathered(part: Tensor) -> Tensor:
    """The rows of all processes, for a test to look at."""
    return torch.cat(WORLD.allgather(part.detach()))


def own_part(graph, image: Tensor) -> Tensor:
    return image[graph.block].reshape(-1, *image.shape[len(graph.shape) :])


def whole_image(graph, part: Tensor) -> Tensor:
    image = torch.zeros(*graph.shape, *part.shape[1:], dtype=part.dtype)
    for block, rows in WORLD.allgather((graph.block, part.detach())):
        image[block] = rows.reshape(image[block].shape)
    return image


def weights_of(graph, images: Tensor) -> Tensor:
    """(E,) of those edges that are here, from one image for each axis."""
    parts = [own_part(graph, image) for image in images]
    tails = graph.local.edges[0].split(graph.counts)
    return torch.cat([part[tail] for part, tail in zip(parts, tails, strict=True)])


def problem(shape):
    """An image of weights for each axis, killing, and right-hand sides: the same in all processes."""
    torch.manual_seed(0)
    images, killing = 0.5 + torch.rand(len(shape), *shape).double(), 0.5 + torch.rand(shape).double()
    return images, killing, torch.randn(*shape, 3).double()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_and_every_edge_is_somebodys(shape):
    graph, whole = distributed.grid_graph(shape), rw.grid_graph(shape)
    number = whole_image(graph, graph.halo.ids[: graph.owned]).reshape(-1)
    assert torch.equal(number.sort().values, torch.arange(whole.num_nodes))
    edges = torch.cat(WORLD.allgather(graph.halo.ids[graph.local.edges]), 1)
    expected = number[whole.edges]
    assert {tuple(e) for e in edges.T.tolist()} == {tuple(e) for e in expected.T.tolist()}
    assert edges.shape == expected.shape


@pytest.mark.parametrize("solver", [EXACT, PETSc(rtol=1e-12, preconditioner=GAMG())], ids=["hypre", "gamg"])
@pytest.mark.parametrize("shape", SHAPES)
def test_solutions_are_those_of_one_process(shape, solver):
    images, killing, b = problem(shape)
    graph = distributed.grid_graph(shape)
    walk = distributed.walk(graph, weights_of(graph, images), own_part(graph, killing))
    x = distributed.solve(walk, own_part(graph, b), solver)
    one = rw.walk(rw.grid_graph(shape), rw.build.grid_weight(images, shape), killing.reshape(-1))
    expected = torch.linalg.solve(dense_operator(one), b.reshape(-1, 3))
    torch.testing.assert_close(whole_image(graph, x).reshape(-1, 3), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_both_orders_are_those_of_one_process(shape):
    images, killing, b = problem(shape)
    chosen = torch.randn(*shape, 3).double()

    def loss_of(x, weights):
        return (x.sin() * weights).sum()

    def both(leaves, loss):
        first = torch.autograd.grad(loss, leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), leaves)
        return [g.detach() for g in (*first, *second)]

    graph = distributed.grid_graph(shape)
    leaves = [weights_of(graph, images), own_part(graph, killing), own_part(graph, b).clone()]
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    walk = distributed.walk(graph, *leaves[:2])
    found = both(leaves, loss_of(distributed.solve(walk, leaves[2], EXACT), own_part(graph, chosen)))

    whole = rw.grid_graph(shape)
    ones = [rw.build.grid_weight(images, shape), killing.reshape(-1), b.reshape(-1, 3)]
    ones = [leaf.clone().requires_grad_() for leaf in ones]
    one = rw.walk(whole, *ones[:2])
    expected = both(ones, loss_of(rw.solve(one, ones[2], rw.solvers.Dense()), chosen.reshape(-1, 3)))
    for order in (0, 3):
        planes = rw.build.weight_images(expected[order], shape)
        torch.testing.assert_close(found[order], weights_of(graph, planes), rtol=1e-7, atol=1e-8)
        for place in (1, 2):
            image = expected[order + place].reshape(*shape, *expected[order + place].shape[1:])
            torch.testing.assert_close(found[order + place], own_part(graph, image), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_hitting_probabilities_and_their_gradients_are_those_of_one_process(shape):
    images, _, chosen = problem(shape)
    seeds = torch.full(shape, -1)
    seeds.view(-1)[torch.tensor([0, 3, -1])] = torch.tensor([0, 1, 2])
    graph = distributed.grid_graph(shape)
    weight = weights_of(graph, images).requires_grad_()
    found = distributed.hitting_probabilities(distributed.walk(graph, weight), own_part(graph, seeds), solver=EXACT)
    (found * own_part(graph, chosen)).sum().backward()
    planes = rw.build.grid_weight(images, shape).requires_grad_()
    expected = rw.hitting_probabilities(rw.walk(rw.grid_graph(shape), planes), seeds.reshape(-1))
    (expected * chosen.reshape(-1, 3)).sum().backward()
    torch.testing.assert_close(whole_image(graph, found).reshape(-1, 3), expected.detach(), rtol=0, atol=1e-9)
    torch.testing.assert_close(weight.grad, weights_of(graph, rw.build.weight_images(planes.grad, shape)))


def test_a_piece_without_a_seed_is_named_in_every_process_or_filled():
    shape = (8, 6)
    images, _, _ = problem(shape)
    images[0, 3] = 0.0  # nobody walks from row 3 to row 4
    seeds = torch.full(shape, -1)
    seeds[0, 0], seeds[2, 5] = 0, 1
    graph = distributed.grid_graph(shape)
    walk = distributed.walk(graph, weights_of(graph, images))
    with pytest.raises(SingularWalkError, match="24 of 48 nodes are in components without any seed"):
        distributed.hitting_probabilities(walk, own_part(graph, seeds))
    fill = torch.tensor([0.25, 0.75])
    found = distributed.hitting_probabilities(walk, own_part(graph, seeds), unreachable=fill)
    image = whole_image(graph, found)
    torch.testing.assert_close(image[4:], fill.double().expand(4, 6, 2))
    assert float((image[:4].sum(-1) - 1).abs().max()) < 1e-6
    with pytest.raises(SingularWalkError, match="48 of 48 nodes can reach no node with killing"):
        distributed.solve(walk, torch.zeros(graph.owned))


def test_a_solve_that_does_not_converge_says_so_in_every_process():
    graph = distributed.grid_graph((40, 40))
    walk = distributed.walk(graph, torch.rand(graph.local.num_edges) ** 8, 1e-8)
    with pytest.raises(rw.solvers.base.ConvergenceError, match="left a true relative residual"):
        distributed.solve(walk, torch.ones(graph.owned), PETSc(rtol=1e-14, max_iterations=1))


def contrast_walk(decades: float, seed: int = 0):
    """A walk on 20 × 20 pixels that ends in the first alone, over weights of so many decades; and its killing."""
    torch.manual_seed(seed)
    graph, images, killing = distributed.grid_graph((20, 20)), torch.rand(2, 20, 20).double(), torch.zeros(20, 20)
    killing[0, 0] = 1.0
    own = own_part(graph, killing.double())
    return distributed.walk(graph, weights_of(graph, 10 ** (-decades * images)), own), own


@pytest.mark.parametrize("solver", [PETSc(rtol=1e-3), PETSc(rtol=1e-3, preconditioner=GAMG())], ids=["hypre", "gamg"])
def test_a_small_residual_that_hides_a_large_error_is_made_smaller(solver):
    sharpness = []
    for seed in range(4):
        walk, killing = contrast_walk(8.0, seed)
        factor = distributed.factorize(walk, solver)
        x = factor.solve(killing)
        assert WORLD.allreduce(float((x - 1).abs().max()), MPI.MAX) < 0.02
        assert WORLD.allgather(factor.sharpness) == [factor.sharpness] * WORLD.size
        sharpness.append(factor.sharpness)
    assert min(sharpness) < 1
    easy, _ = contrast_walk(0.0)
    assert distributed.factorize(easy, solver).sharpness == 1


def test_an_answer_that_no_residual_vouches_for_is_refused_in_every_process(monkeypatch):
    solving = sys.modules["graphrw.distributed.solve"]  # not the function of this name
    monkeypatch.setattr(solving, "SHARPNESSES", (1.0,))
    monkeypatch.setattr(solving, "WORST_ANSWER", 0.0)
    walk, killing = contrast_walk(8.0)
    with pytest.raises(rw.solvers.base.ConvergenceError, match=r"a relative error of .* on A 1 = killing"):
        distributed.solve(walk, killing, PETSc(rtol=1e-3))
