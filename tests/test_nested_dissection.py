"""A factor of a grid that changes with what is held: the answers of a fresh factor, whatever was held before."""

import numpy as np
import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw.core.errors import ConvergenceError
from graphrw.core.held import Held
from graphrw.core.walk import apply
from graphrw.solvers.grids import nested_dissection as module
from graphrw.solvers.grids.dissection import dissect
from graphrw.solvers.grids.nested_dissection import GridInverse, NestedDissection
from graphrw.solvers.grids.operator import GridWalk
from graphrw.solvers.operator import Operator

SHAPES = [(1,), (7,), (1, 9), (6, 1), (9, 7), (40, 33), (5, 1, 6), (6, 7, 8)]


def random_walk(shape: tuple[int, ...], killing: float = 0.0) -> rw.Walk:
    graph = rw.grid_graph(shape)
    weight = torch.rand(graph.num_edges, dtype=torch.float64) ** 3 + 1e-4
    return rw.walk(graph, weight, killing)


def inverse_of(walk: rw.Walk, shape: tuple[int, ...], held: Tensor) -> GridInverse:
    solver = NestedDissection(1e-10, shape)
    return solver.invert_held(walk, held, solver.plan_for(walk.graph))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_is_eliminated_once_before_those_on_the_border_of_its_box(shape: tuple[int, ...]) -> None:
    dissection = dissect(shape)
    own = torch.cat([boxes.own.reshape(-1) for boxes in dissection.boxes])
    assert torch.equal(own.sort().values, torch.arange(len(own)))
    for boxes in dissection.boxes:
        for n in range(len(boxes)):
            above = dissection.above(boxes.own[n])
            assert set(dissection.box_of[boxes.border[n]].tolist()) < set(above.tolist()) or not boxes.border.numel()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_solves_as_a_dense_solver_does(shape: tuple[int, ...]) -> None:
    walk = random_walk(shape, killing=0.01)
    b = torch.rand(walk.graph.num_nodes, 3, dtype=torch.float64)
    torch.testing.assert_close(
        rw.solve(walk, b, NestedDissection(1e-10, shape)), rw.solve(walk, b, rw.solvers.Dense()), rtol=1e-10, atol=1e-10
    )


def test_it_refuses_other_graphs() -> None:
    with pytest.raises(ValueError, match=r"needs the graph of a grid \(3, 4\)"):
        NestedDissection(1e-10, (3, 4)).plan_for(rw.grid_graph((4, 4)))


@pytest.mark.parametrize("shape", SHAPES[2:])
def test_shifted_images_are_the_operator_of_the_graph(shape: tuple[int, ...]) -> None:
    walk = random_walk(shape, killing=0.3)
    held = torch.rand(walk.graph.num_nodes) < 0.3
    expected, operator = Operator(Held(walk, held).ended), GridWalk(walk, shape).held_at(held)
    torch.testing.assert_close(operator.walk.weight, expected.walk.weight)
    torch.testing.assert_close(operator.walk.killing, expected.walk.killing)
    torch.testing.assert_close(operator.diagonal, expected.diagonal)
    torch.testing.assert_close(operator.degree, expected.degree, atol=1e-12, rtol=1e-9)
    x = torch.rand(len(held), 2, dtype=torch.float64)
    for name in ("matmul", "matmul_in_differences", "magnitude"):
        torch.testing.assert_close(getattr(operator, name)(x), getattr(expected, name)(x))


@pytest.mark.parametrize("shape", [(9, 7), (40, 33), (6, 7, 8), (1, 30)])
def test_what_is_held_and_freed_again_and_again_is_solved_as_by_a_fresh_factor(shape: tuple[int, ...]) -> None:
    walk, chance = random_walk(shape), np.random.default_rng(1)
    size = walk.graph.num_nodes
    held = torch.zeros(size, dtype=torch.bool)
    held[[0, size // 2]] = True
    inverse = inverse_of(walk, shape, held)
    for step in range(8):
        held = held.clone()
        if step % 3 == 2:  # some that were held at first, and some that came later
            held[held.nonzero().squeeze(1)[chance.permutation(int(held.sum()))[: int(held.sum()) // 2]]] = False
        start = int(chance.integers(size - size // 9))
        held[start : start + size // 9] = True
        inverse = inverse.held_at(held)
        b = torch.from_numpy(chance.random((size, 2))) * (torch.arange(size) % 3 == 0)[:, None]
        x = inverse.solve(b).x
        fresh = inverse_of(walk, shape, held).solve(b).x
        torch.testing.assert_close(x, fresh, rtol=0, atol=1e-10 * float(x.abs().max()))
        torch.testing.assert_close(apply(Held(walk, held).ended, x), b, atol=1e-9, rtol=1e-9)


def test_an_older_inverse_stays_what_it_was() -> None:
    walk, shape = random_walk((20, 20)), (20, 20)
    first, second = torch.zeros(400, dtype=torch.bool), torch.zeros(400, dtype=torch.bool)
    first[:5] = True
    second[[3, 200, 201]] = True
    inverse, b = inverse_of(walk, shape, first), torch.rand(400, 1, dtype=torch.float64)
    before = inverse.solve(b).x
    inverse.held_at(second).solve(b)
    assert torch.equal(inverse.solve(b).x, before)


def test_of_a_held_area_its_rim_alone_is_a_border() -> None:
    walk, held = random_walk((30, 30)), torch.zeros(30, 30, dtype=torch.bool)
    held[0, 0] = True
    inverse = inverse_of(walk, (30, 30), held.view(-1))
    held[10:20, 10:20] = True
    assert len(inverse.held_at(held.view(-1))._bordered.gram) == 36


def test_many_changes_make_a_new_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 4)
    walk, held = random_walk((12, 12)), torch.zeros(144, dtype=torch.bool)
    held[0] = True
    inverse = inverse_of(walk, (12, 12), held)
    for more, factors in ((4, 1), (5, 2)):
        held = held.clone()
        held[torch.arange(more) * 20 + 10] = True
        changed = inverse.held_at(held)
        assert (changed._bordered.base is inverse._bordered.base) == (factors == 1)


def test_a_border_that_has_lost_its_digits_makes_way_for_a_new_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, held = random_walk((12, 12)), torch.zeros(144, dtype=torch.bool)
    held[0] = True
    inverse = inverse_of(walk, (12, 12), held).held_at(torch.arange(144) % 70 == 0)
    inverse._bordered.gram.mul_(1.5)
    b = torch.rand(144, 1, dtype=torch.float64)
    expected = inverse_of(walk, (12, 12), torch.arange(144) % 70 == 0).solve(b).x
    torch.testing.assert_close(inverse.solve(b).x, expected, rtol=0, atol=1e-10 * float(expected.max()))
    monkeypatch.setattr(GridInverse, "substitute", lambda self, b, transpose: torch.full_like(b, torch.nan))
    with pytest.raises(ConvergenceError):
        inverse.solve(b)
