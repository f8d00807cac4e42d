"""What holds of every walk, on random graphs: principles, symmetries and identities, not numbers."""

import torch
from hypothesis import strategies as st
from random_walks import searched, seeded_walks, walks, walks_with_vectors
from torch import Tensor

import graphrw as rw
from graphrw.core.held import Held
from graphrw.core.walk import apply
from graphrw.solvers.grids.nested_dissection import NestedDissection

NEAR = 1e-9  # of numbers up to about 1
MATCH = {"rtol": 1e-8, "atol": 1e-10}
NODES = st.integers(0, 11)


def shares(walk: rw.Walk, seeds: Tensor) -> Tensor:
    return rw.hitting_probabilities(walk, seeds, 3)


@searched(walks_with_vectors(killing=False), st.sets(NODES, min_size=1))
def test_a_harmonic_function_is_largest_and_least_where_it_is_held(
    given: tuple[rw.Walk, Tensor, Tensor], held: set[int]
) -> None:
    walk, values, _ = given
    nodes = torch.tensor(sorted({node % walk.graph.num_nodes for node in held}))
    x = rw.harmonic(walk, nodes, values[nodes])
    assert torch.equal(x[nodes], values[nodes])
    assert float(x.max() - values[nodes].max()) < NEAR
    assert float(values[nodes].min() - x.min()) < NEAR


@searched(walks(directed=None, killing=True), NODES, st.floats(0.01, 100))
def test_the_answer_to_a_source_is_positive_and_largest_there(walk: rw.Walk, node: int, rate: float) -> None:
    node %= walk.graph.num_nodes
    b = torch.zeros(walk.graph.num_nodes, dtype=torch.float64)
    b[node] = rate
    x = rw.solve(walk, b)
    assert float(x.min()) >= -NEAR * float(x[node])  # far away it is 0 to rounding, on either side
    assert float(x.max()) <= float(x[node]) * (1 + NEAR)


@searched(seeded_walks())
def test_hitting_probabilities_lie_in_the_unit_interval_and_sum_to_one(given: tuple[rw.Walk, Tensor]) -> None:
    z = shares(*given)
    assert float(z.min()) > -NEAR
    assert float((z.sum(1) - 1).abs().max()) < NEAR


@searched(seeded_walks(killing=True))
def test_with_killing_they_and_the_probability_to_be_killed_sum_to_one(given: tuple[rw.Walk, Tensor]) -> None:
    walk, seeds = given
    killed = rw.solve(Held(walk, seeds >= 0).ended, torch.where(seeds < 0, walk.killing, 0.0))
    total = shares(walk, seeds).sum(1) + killed
    torch.testing.assert_close(total, torch.ones_like(total), **MATCH)


@searched(seeded_walks(killing=True), st.randoms(use_true_random=False))
def test_numbering_nodes_and_edges_anew_numbers_the_answers_anew(given: tuple[rw.Walk, Tensor], chance) -> None:
    walk, seeds = given
    order = list(range(walk.graph.num_nodes))
    places = list(range(walk.graph.num_edges))
    chance.shuffle(order)
    chance.shuffle(places)
    number, place = torch.tensor(order), torch.tensor(places)
    back = number.argsort()  # node i is called number[i]
    graph = rw.Graph(number[walk.graph.edges[:, place]], len(number), walk.graph.directed)
    other = rw.walk(graph, walk.weight[place], walk.killing[back])
    torch.testing.assert_close(shares(other, seeds[back])[number], shares(walk, seeds), **MATCH)
    b = torch.sin(torch.arange(len(number), dtype=torch.float64))
    torch.testing.assert_close(rw.solve(other, b[back])[number], rw.solve(walk, b), **MATCH)


@searched(seeded_walks(killing=True), NODES, st.floats(0.01, 100))
def test_more_killing_never_raises_a_probability_nor_an_answer(
    given: tuple[rw.Walk, Tensor], node: int, more: float
) -> None:
    walk, seeds = given
    killing = walk.killing.clone()
    killing[node % len(killing)] += more
    other = rw.walk(walk.graph, walk.weight, killing)
    assert float((shares(other, seeds) - shares(walk, seeds)).max()) < NEAR
    b = torch.ones(len(killing), dtype=torch.float64)
    less = rw.solve(walk, b)
    assert float((rw.solve(other, b) - less).max()) <= NEAR * float(less.max())


@searched(seeded_walks(), NODES, st.integers(0, 2))
def test_one_seed_more_never_lowers_its_label_nor_raises_another(
    given: tuple[rw.Walk, Tensor], node: int, label: int
) -> None:
    walk, seeds = given
    node %= len(seeds)
    if seeds[node] >= 0:
        return
    more = seeds.clone()
    more[node] = label
    change = shares(walk, more) - shares(walk, seeds)
    assert float(change[:, label].min()) > -NEAR
    change[:, label] = 0
    assert float(change.max()) < NEAR


@searched(seeded_walks(killing=True), st.integers(-120, 120))
def test_the_unit_of_weights_and_killing_changes_no_probability(given: tuple[rw.Walk, Tensor], power: int) -> None:
    walk, seeds = given
    size = 10.0**power
    other = rw.walk(walk.graph, walk.weight * size, walk.killing * size)
    torch.testing.assert_close(shares(other, seeds), shares(walk, seeds), **MATCH)
    b = torch.ones(len(seeds), dtype=torch.float64)
    torch.testing.assert_close(rw.solve(other, b) * size, rw.solve(walk, b), **MATCH)


@searched(walks_with_vectors(directed=None, killing=True))
def test_a_transposed_is_the_adjoint_of_a_and_so_are_their_inverses(given: tuple[rw.Walk, Tensor, Tensor]) -> None:
    walk, x, adjoint = given
    size = float(walk.rate.max()) * 100
    left, right = apply(walk, adjoint[:, None], True)[:, 0] @ x, adjoint @ apply(walk, x[:, None])[:, 0]
    assert abs(float(left - right)) < 1e-13 * size * len(x)
    factor = rw.factorize(walk)
    left, right = factor.T.solve(adjoint) @ x, adjoint @ factor.solve(x)
    # A solve errs by its tolerance, and by rounding: component by component by few units of A⁻¹ (c ⊙ A⁻¹ |x|), which
    # is much where walks run in circles for long before they end.
    reach = factor.solve(x.abs())
    rounding = factor.solve(walk.rate * reach)
    assert abs(float(left - right)) <= float(adjoint.abs() @ (NEAR * reach + 1e-13 * rounding))


@searched(seeded_walks(killing=True))
def test_the_probabilities_of_labels_that_are_merged_add(given: tuple[rw.Walk, Tensor]) -> None:
    walk, seeds = given
    apart, merged = shares(walk, seeds), shares(walk, torch.where(seeds == 2, 0, seeds))
    torch.testing.assert_close(merged[:, 0], apart[:, 0] + apart[:, 2], **MATCH)
    torch.testing.assert_close(merged[:, 1], apart[:, 1], **MATCH)


@searched(walks_with_vectors(directed=None, killing=True), st.sets(NODES, min_size=1))
def test_what_nodes_are_held_at_tells_the_answer_at_all_others(
    given: tuple[rw.Walk, Tensor, Tensor], held: set[int]
) -> None:
    """Elimination in two steps: the answer, held at some nodes, is harmonic at the others."""
    walk, b, _ = given
    nodes = torch.tensor(sorted({node % len(b) for node in held}))
    b[[node for node in range(len(b)) if node not in nodes.tolist()]] = 0
    x = rw.solve(walk, b)
    torch.testing.assert_close(rw.harmonic(walk, nodes, x[nodes]), x, **MATCH)


PIXELS = st.lists(st.booleans(), min_size=12, max_size=12)


@searched(st.lists(PIXELS, min_size=2, max_size=4), st.integers(0, 2**20))
def test_a_factor_updated_from_stroke_to_stroke_answers_as_a_full_solve(strokes: list[list[bool]], chance: int) -> None:
    graph, generator = rw.grid_graph((3, 4)), torch.Generator().manual_seed(chance)
    weight = 10 ** (6 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64) - 3)
    walk, solver = rw.walk(graph, weight, 0.1), NestedDissection(1e-10, (3, 4))
    masks = [torch.tensor(stroke) for stroke in strokes]
    inverse = solver.invert_held(walk, masks[0], solver.plan_for(graph))
    for held in masks[1:]:
        inverse = inverse.held_at(held)  # by a Schur complement of what has changed
        b = torch.rand(12, 2, generator=generator, dtype=torch.float64).masked_fill(held[:, None], 0.0)
        full = rw.solve(Held(walk, held).ended, b, rw.solvers.Dense())
        torch.testing.assert_close(inverse.solve(b, False, None).x, full.masked_fill(held[:, None], 0.0), **MATCH)
