"""Block Gauss–Seidel: its blocks, inverses that lose no digits, and where it needs few iterations."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.solvers import BiCGStab, BlockGaussSeidel
from graphrw.solvers.auto import _InTurn
from graphrw.solvers.directed.elimination import Entries, differences_by_leaving, grouped_inverse, inverse_by_leaving
from graphrw.solvers.directed.wells import ALWAYS, LARGEST, WIDEST, wells

DOUBLE = torch.float64


def one_way(count=3000, seed=0):
    """Cells along a line: steps ahead are likely, steps back rare, and pairs of neighbours hold walkers up."""
    random = np.random.default_rng(seed)
    tail = np.repeat(np.arange(count), 6)
    head = tail + random.integers(-8, 9, size=len(tail))
    kept = (head >= 0) & (head < count) & (head != tail)
    tail, head = np.unique(np.stack([tail[kept], head[kept]]), axis=1)
    weight = 1 / (1 + np.exp(-0.8 * (head - tail)))
    traps = random.choice(np.arange(0, count - 1, 2), size=count // 20, replace=False)
    pairs = np.stack([np.concatenate([traps, traps + 1]), np.concatenate([traps + 1, traps])])
    edges, place = np.unique(np.concatenate([np.stack([tail, head]), pairs], 1), axis=1, return_index=True)
    weight = np.concatenate([weight, np.full(pairs.shape[1], 1e4)])[place]
    graph = rw.Graph(torch.from_numpy(edges), count, directed=True)
    killing = torch.zeros(count, dtype=DOUBLE).index_fill(0, torch.arange(count - 10, count), 1.0)
    return rw.walk(graph, torch.from_numpy(weight), killing)


def groups_of(walk):
    (tail, head), weight = walk.graph.edges.numpy(), walk.weight.numpy()
    return wells(Entries(tail, head, weight), walk.killing.numpy())


def test_most_steps_lead_to_lower_groups_and_groups_are_small():
    walk = one_way()
    group = groups_of(walk)
    tail, head = walk.graph.edges.numpy()
    chance = (walk.weight / walk.rate[walk.graph.edges[0]]).numpy()
    assert chance[group[tail] < group[head]].sum() <= 0.1 * chance[group[tail] != group[head]].sum()
    size = np.bincount(group)
    assert size.max() <= WIDEST
    assert (size.astype(float) ** 2).sum() <= max(LARGEST * walk.graph.num_nodes, ALWAYS)


def pairs_of_pairs():
    """Two pairs whose nodes change places a million times; who leaves one goes to the other, all but once in 1e12."""
    ends = torch.tensor([[0, 1, 2, 3, 1, 3, 3], [1, 0, 3, 2, 2, 0, 4]])
    weight = torch.tensor([1.0, 1.0, 1.0, 1.0, 1e-6, 1e-6, 1e-18], dtype=DOUBLE)
    killing = torch.zeros(5, dtype=DOUBLE).index_fill(0, torch.tensor([4]), 1.0)
    return rw.walk(rw.Graph(ends, 5, directed=True), weight, killing)


def test_a_well_of_wells_is_one_group():
    group = groups_of(pairs_of_pairs())
    assert len(set(group[:4])) == 1
    assert group[4] < group[0]


def test_where_everything_hangs_together_each_node_is_a_group():
    near = np.arange(1000)
    tail, head = np.concatenate([near, near]), np.concatenate([(near + 1) % 1000, (near - 1) % 1000])
    assert len(np.unique(wells(Entries(tail, head, np.ones(2000)), np.full(1000, 1e-3)))) == 1000


def exact_inverse(step, leave):
    return np.array([[float(entry) for entry in row] for row in exact_fractions(step, leave)])


def exact_fractions(step, leave):
    """The inverse of diag(Σ_j step_ij + leave_i) − step, by Gauss–Jordan elimination."""
    size, step = len(leave), [[Fraction(float(entry)) for entry in row] for row in step]
    rows = [[-entry for entry in row] + [Fraction(int(i == j)) for j in range(size)] for i, row in enumerate(step)]
    for i in range(size):
        rows[i][i] += sum(step[i]) + Fraction(float(leave[i]))
    for i in range(size):
        rows[i] = [entry / rows[i][i] for entry in rows[i]]
        for j in range(size):
            if j != i:
                rows[j] = [b - rows[j][i] * a for a, b in zip(rows[i], rows[j], strict=True)]
    return [row[size:] for row in rows]


@pytest.mark.parametrize("rare", [1.0, 1e-12, 1e-40, 1e-200])
def test_every_entry_of_an_inverse_has_its_digits_however_rarely_walkers_leave(rare):
    random = np.random.default_rng(0)
    step = 10.0 ** random.uniform(-8, 0, (3, 7, 7)) * (1 - np.eye(7))
    leave = rare * random.random((3, 7)) * (random.random((3, 7)) < 0.5)
    for found, *given in zip(inverse_by_leaving(step, leave), step, leave, strict=True):
        np.testing.assert_allclose(found, exact_inverse(*given), rtol=1e-14)


def test_groups_of_all_sizes_are_inverted_in_their_places():
    random = np.random.default_rng(1)
    group = random.permutation(np.repeat(np.arange(6), [1, 2, 3, 5, 1, 8]))
    row, column = np.nonzero((group[:, None] == group) & ~np.eye(20, dtype=bool))
    inner, leave = Entries(row, column, random.random(len(row))), random.random(20)
    found = grouped_inverse(inner, leave, group)
    matrix, inverse = np.diag(leave), np.zeros((20, 20))
    matrix[row, column] -= inner.value
    np.add.at(matrix, (row, row), inner.value)
    inverse[found.row, found.column] = found.value
    np.testing.assert_allclose(inverse, np.linalg.inv(matrix), atol=1e-14)


@pytest.mark.parametrize("transpose", [False, True])
def test_places_that_hold_walkers_up_cost_few_iterations(transpose):
    walk, b = one_way(), torch.rand(3000, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    with rw.record_solves() as reports:
        found = rw.solve(walk, b, BlockGaussSeidel(rtol=1e-12), transpose)
    torch.testing.assert_close(found, rw.solve(walk, b, rw.solvers.LU(), transpose), rtol=1e-6, atol=1e-6)
    assert reports[0].iterations <= 80
    with pytest.raises(rw.ConvergenceError):
        rw.solve(walk, b, BiCGStab(max_iterations=200), transpose)


def with_a_trap(chance):
    """Two more nodes, which walkers come to from node 5 and leave with so little probability."""
    walk, count = one_way(), 3000
    ends = torch.tensor([[count, count + 1, count, 5], [count + 1, count, 100, count]])
    weight = torch.cat([walk.weight, torch.tensor([1.0, 1.0, chance, 0.5], dtype=DOUBLE)])
    graph = rw.Graph(torch.cat([walk.graph.edges, ends], 1), count + 2, directed=True)
    return rw.walk(graph, weight, torch.cat([walk.killing, torch.zeros(2, dtype=DOUBLE)]))


@pytest.mark.parametrize("chance", [1e-8, 1e-18, 1e-200])
def test_who_hardly_ever_leaves_ends_where_the_only_way_out_leads(chance):
    walk = with_a_trap(chance)
    b = walk.killing[:, None] * torch.rand(3002, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    with rw.record_solves() as reports:
        found = rw.solve(walk, b, BlockGaussSeidel(rtol=1e-12))
    torch.testing.assert_close(found[3000:], found[100].expand(2, 2), rtol=1e-10, atol=0)
    torch.testing.assert_close(rw.solve(walk, walk.killing, BlockGaussSeidel(rtol=1e-12)).min().item(), 1.0)
    assert reports[0].iterations <= 80


def well_with_two_ways_out(rare, weight=None):
    """A pair 0, 1, left to 2 at a rate of 2 `rare` and to 3 at 3 `rare`; who leaves 2 and 3 comes back, or ends."""
    ends = torch.tensor([[0, 1, 0, 1, 2, 3, 2, 3], [1, 0, 2, 3, 4, 5, 0, 1]])
    if weight is None:
        weight = torch.tensor([1.0, 1.0, 2 * rare, 3 * rare, 1.0, 1.0, 0.3, 0.2], dtype=DOUBLE, requires_grad=True)
    walk = rw.walk(rw.Graph(ends, 6, directed=True), weight)
    seeds = torch.tensor([-1, -1, -1, -1, 0, 1])
    return weight, rw.hitting_probabilities(walk, seeds, solver=BlockGaussSeidel(rtol=1e-12))[0, 0]


def ends_in_the_first(out):
    """The same, where steps within the pair cost nothing, from the rates (2,) of its two ways out."""
    first, second = out
    return first / 1.3 / (first * (1 - 0.3 / 1.3) + second * (1 - 0.2 / 1.2))


@pytest.mark.parametrize("rare", [1e-8, 1e-12, 1e-18, 1e-200])
def test_gradients_tell_the_ways_out_of_a_well_apart(rare):
    weight, ends = well_with_two_ways_out(rare)
    ends.backward()
    out = torch.tensor([2.0, 3.0], dtype=DOUBLE, requires_grad=True)
    expected = ends_in_the_first(out)
    expected.backward()
    torch.testing.assert_close(ends, expected, rtol=max(10 * rare, 1e-14), atol=0)
    torch.testing.assert_close(rare * weight.grad[2:4], out.grad, rtol=max(10 * rare, 1e-12), atol=0)
    # From node 0 walkers leave by the first way alone: the more often they come to it from 1, the more go that way.
    torch.testing.assert_close(weight.grad[1], -weight.grad[0], rtol=max(10 * rare, 1e-12), atol=0)
    torch.testing.assert_close(weight.grad[1], -3 * rare * weight.grad[3], rtol=max(10 * rare, 1e-12), atol=0)


def walk_steps(walk):
    size = walk.graph.num_nodes
    step = [[0.0] * size for _ in range(size)]
    for (tail, head), weight in zip(walk.graph.edges.T.tolist(), walk.weight.tolist(), strict=True):
        step[tail][head] = weight
        if not walk.graph.directed:
            step[head][tail] = weight
    return step


def exact_gradient(walk, b, g):
    """∂ gᵀx / ∂w of A x = b, in fractions."""
    ends, inverse = walk.graph.edges.T.tolist(), exact_fractions(walk_steps(walk), walk.killing.tolist())
    x = [sum(a * Fraction(value) for a, value in zip(row, b.tolist(), strict=True)) for row in inverse]
    y = [
        sum(a * Fraction(value) for a, value in zip(row, g.tolist(), strict=True)) for row in zip(*inverse, strict=True)
    ]
    left = [y[i] if walk.graph.directed else y[i] - y[j] for i, j in ends]
    return torch.tensor(
        [float(-adjoint * (x[i] - x[j])) for adjoint, (i, j) in zip(left, ends, strict=True)], dtype=DOUBLE
    )


def wells_in_wells(seed, decades, directed=True):
    """Ten nodes, two of which kill, with weights over so many powers of ten; and two vectors for them."""
    random = np.random.default_rng(seed)
    ends = np.nonzero(~np.eye(10, dtype=bool)) if directed else np.triu_indices(10, 1)
    edges = np.stack(ends)[:, random.random(len(ends[0])) < 0.6]
    weight = torch.from_numpy(10 ** random.uniform(-decades, 0, edges.shape[1])).requires_grad_()
    killing, vectors = torch.eye(10, dtype=DOUBLE)[-2:].sum(0), torch.from_numpy(random.standard_normal((2, 10)))
    return rw.walk(rw.Graph(torch.from_numpy(edges), 10, directed=directed), weight, killing), *vectors


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("decades", [3, 10, 30])
def test_gradients_are_those_of_fractions_however_deep_wells_lie_in_wells(decades, transpose, directed):
    for seed in range(6):
        walk, b, g = wells_in_wells(seed, decades, directed)
        right = walk.killing * b
        (gradient,) = torch.autograd.grad(
            rw.solve(walk, g if transpose else right, BlockGaussSeidel(rtol=1e-12), transpose)
            @ (right if transpose else g),
            walk.weight,
        )
        change = walk.weight.detach() * (gradient - exact_gradient(walk, right, g))
        assert float(change.abs().max()) <= 1e-10 * float(g.abs().max())


def test_differences_times_the_steps_along_them_are_those_of_fractions():
    random = np.random.default_rng(2)
    step, leave = 10.0 ** random.uniform(-8, 0, (6, 6)) * (1 - np.eye(6)), 1e-40 * random.random(6)
    source = leave[:, None] * random.random((6, 1))
    inverse = exact_fractions(step, leave)
    x = [sum(a * Fraction(value) for a, value in zip(row, source[:, 0], strict=True)) for row in inverse]
    exact = np.array([[float(one - other) for other in x] for one in x])
    given = (each[None] for each in (step, leave, source, np.array([[float(value)] for value in x])))
    off = differences_by_leaving(*given)[0, :, :, 0] - exact
    visits = np.array([float(max(column)) for column in zip(*inverse, strict=True)])
    assert np.abs(exact * step * visits[:, None]).max() > 1e-3
    assert np.abs(off * step * visits[:, None]).max() < 1e-14


def first_derivative(walk, weight, b, g, solver, transpose=False):
    def value(weight):
        return rw.solve(rw.walk(walk.graph, weight, walk.killing), b, solver, transpose) @ g

    return torch.func.grad(value)(weight)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_second_derivatives_are_those_of_a_factor(directed, transpose):
    walk, b, g = wells_in_wells(0, 2, directed)
    found, expected = (
        torch.func.jacrev(lambda weight: first_derivative(walk, weight, b, g, solver, transpose))(walk.weight.detach())  # noqa: B023
        for solver in (BlockGaussSeidel(rtol=1e-12), rw.solvers.Dense())
    )
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


def test_second_derivatives_and_forward_mode_are_an_error_where_rounding_would_lose_them():
    weight, ends = well_with_two_ways_out(1e-12)
    (gradient,) = torch.autograd.grad(ends, weight, create_graph=True)
    with pytest.raises(rw.ConvergenceError, match="neither second derivatives nor forward mode where walkers come to"):
        gradient.sum().backward()
    with pytest.raises(rw.ConvergenceError, match="forward mode"):
        torch.func.jvp(lambda weight: well_with_two_ways_out(1e-12, weight)[1], (weight,), (weight,))


def crowd(size, rare):
    """So many nodes all next to each other, left from node 0 to one end and half as often again from 1 to another."""
    tail, head = np.nonzero(~np.eye(size, dtype=bool))
    edges = np.stack([np.append(tail, [0, 1]), np.append(head, [size, size + 1])])
    weight = np.append(np.random.default_rng(0).uniform(0.5, 1.5, len(tail)), [2 * rare, 3 * rare])
    graph = rw.Graph(torch.from_numpy(edges), size + 2, directed=True)
    return rw.walk(graph, torch.from_numpy(weight).requires_grad_(), torch.eye(size + 2, dtype=DOUBLE)[-2:].sum(0))


@pytest.mark.parametrize(("size", "rare"), [(6, 1e-16), (8, 1e-20), (16, 1e-14)])
def test_answers_and_gradients_in_a_crowd_are_those_of_fractions(size, rare):
    walk, (b, g) = crowd(size, rare), torch.eye(size + 2, dtype=DOUBLE)[[size, 2]]
    found = rw.solve(walk, b, BlockGaussSeidel(rtol=1e-12))
    inverse = exact_fractions(walk_steps(walk), walk.killing.tolist())
    torch.testing.assert_close(found[2].detach().item(), float(inverse[2][size]), rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(found @ g, walk.weight)
    assert float((walk.weight.detach() * (gradient - exact_gradient(walk, b, g))).abs().max()) <= 1e-9


@pytest.mark.parametrize("transpose", [False, True])
def test_what_cancels_in_a_well_is_an_error_where_rounding_has_taken_it(transpose):
    walk = crowd(2, 1e-16)  # b: what (1, −1) would be the answer to, did nobody leave
    b = torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=DOUBLE) if transpose else torch.zeros(4, dtype=DOUBLE)
    if not transpose:
        b[:2] = walk.weight.detach()[:2] * torch.tensor([1.0, -1.0])
    with pytest.raises(rw.ConvergenceError, match="cannot tell an answer from rounding"):
        rw.solve(walk, b, BlockGaussSeidel(rtol=1e-12), transpose)


@pytest.mark.parametrize("chance", [1e-15, 1e-40])
def test_wells_of_three_nodes_may_be_as_deep_as_pairs(chance):
    walk = crowd(3, chance)
    fates = rw.fate_probabilities(rw.walk(walk.graph, walk.weight), torch.tensor([-1, -1, -1, 0, 1]))
    inverse = exact_fractions(walk_steps(walk), walk.killing.tolist())
    torch.testing.assert_close(float(fates[2, 0].detach()), float(inverse[2][3]), rtol=1e-10, atol=0)


def test_right_hand_sides_may_be_changed_in_place_before_backward():
    walk, b, _ = wells_in_wells(0, 2)
    expected, found = (rw.solve(walk, right, BlockGaussSeidel(1e-12)).sum() for right in (b.clone(), b))
    b.zero_()
    gradients = [torch.autograd.grad(each, walk.weight)[0] for each in (expected, found)]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


def test_whoever_solves_in_turn_asks_for_the_differences_of_the_one_that_has_them():
    walk = with_a_trap(1e-14)
    weight, b = walk.weight.clone().requires_grad_(), walk.killing * torch.arange(3002)
    moved, solvers = rw.walk(walk.graph, weight, walk.killing), (BiCGStab(max_iterations=20), BlockGaussSeidel(1e-12))
    factor = rw.factorize(moved, solvers[1])
    factors = replace(factor, inverse=_InTurn(walk, solvers)), factor
    in_turn, alone = (torch.autograd.grad(each.solve(b)[3000], weight)[0] for each in factors)
    torch.testing.assert_close(in_turn, alone, rtol=1e-12, atol=0)


def test_an_adjoint_may_begin_with_a_guess():
    walk, b = one_way(), torch.rand(3000, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    factor = rw.factorize(walk, BlockGaussSeidel(rtol=1e-10)).T
    found = factor.solve(b)
    with rw.record_solves() as reports:
        again = factor.solve(b, start=found)
    torch.testing.assert_close(again, found, rtol=1e-8, atol=0)
    assert reports[0].iterations <= 2


def test_who_never_leaves_as_far_as_float64_can_tell_is_named():
    words = r"could not factorise A: walkers never leave 2 nodes \(first: 3000\), as far as float64 can tell\. Likely"
    with pytest.raises(rw.ConvergenceError, match=words):
        rw.factorize(with_a_trap(1e-310), BlockGaussSeidel())


def test_nodes_without_edges_and_graphs_without_nodes_are_solved():
    empty = rw.walk(rw.Graph(torch.empty(2, 0, dtype=torch.int64), 0, directed=True), torch.ones(0, dtype=DOUBLE))
    assert rw.solve(empty, torch.ones(0, 2, dtype=DOUBLE), BlockGaussSeidel()).shape == (0, 2)
