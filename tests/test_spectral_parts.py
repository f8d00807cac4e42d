"""What a search for eigenpairs is made of, number by number."""

import math
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from types import ModuleType

import pytest
import torch
from spectral_walks import random_walk, ring, union

from graphrw import Graph, diffusion_map, grid_graph, walk
from graphrw.core import memory
from graphrw.core.errors import ConvergenceError
from graphrw.spectral import davidson, filtered, power_iteration, power_iteration_as_published
from graphrw.spectral import survey as surveys
from graphrw.spectral.adjoint import _noise
from graphrw.spectral.checks import SpectralCutWarning, check_count, check_time
from graphrw.spectral.davidson import Davidson
from graphrw.spectral.eigenpairs import Eigenpairs, Half, decompose
from graphrw.spectral.filtered import FilteredSubspace, Ritz
from graphrw.spectral.goal import Goal
from graphrw.spectral.inverse import shift_invert
from graphrw.spectral.layout import Fold, Layout, double_cover, fold, in_odd_cycles, layout, two_colours
from graphrw.spectral.matrix import MIN_BOUND, Symmetric, SymmetricMatrix, symmetric_weight
from graphrw.spectral.missing import LIFT, MAX_STEPS, PROBES, missing_by_inverse
from graphrw.spectral.route import LONG_FILTER, Route, in_order, in_turn
from graphrw.spectral.shifted import MAX_SERIES, Shifted, _AtOneEnd
from graphrw.spectral.subspace import Subspace, orthonormal_beside, random_like
from graphrw.spectral.survey import Survey

LINE = grid_graph((4,))
LIKE = torch.ones(1, dtype=torch.float64)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Diagonal(Symmetric):
    """With its exact inverse for σ = 1, which notes how many columns it is asked for."""

    ceiling = 1.0

    def __init__(self, values: torch.Tensor) -> None:
        self.values, self.num_nodes, self.device = values[:, None], len(values), values.device
        self.inverted: list[int] = []

    def matmul(self, x: torch.Tensor) -> torch.Tensor:
        return self.values * x

    def apply_inverse(self, r: torch.Tensor) -> torch.Tensor:
        self.inverted.append(r.shape[1])
        return r / (1 - self.values)


@pytest.mark.parametrize("time", [0, 0.0, 3, torch.tensor(2.5), torch.tensor(0.0, dtype=torch.float64)])
def test_a_time_is_a_number_from_0_on(time: float) -> None:
    assert float(check_time(time, LIKE)) == float(time)


@pytest.mark.parametrize("time", [-1e-9, math.inf, math.nan, torch.tensor(-1.0)])
def test_a_time_out_of_range_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="`time` must be finite and not negative"):
        check_time(time, LIKE)


@pytest.mark.parametrize("time", [torch.ones(1), torch.ones(2, 2), torch.tensor(1)])
def test_a_time_that_is_no_single_float_is_refused(time: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"`time` must be a number or a floating-point tensor \(\)"):
        check_time(time, LIKE)


def test_as_many_eigenpairs_as_there_are_nodes_may_be_asked_for_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = random_walk(LINE)
    for k in (1, 4):
        check_count(moved, k)
    for k in (0, 5, True):
        with pytest.raises(ValueError, match="`k`"):
            check_count(moved, k)
    monkeypatch.setattr(memory, "EVERY_DAY", 63)
    monkeypatch.setattr(memory, "available_memory", lambda: 64)
    check_count(moved, 1)  # two arrays of 4 × 1 numbers
    with pytest.raises(MemoryError, match=r"A map of 2 eigenpairs of 4 nodes .* Take fewer"):
        check_count(moved, 2)


def test_a_cut_among_those_that_last_is_cured_by_their_number() -> None:
    """λ = 1 of three components, one of which has no odd cycle: −1, too; what kills, or has no edge, does not last."""
    lasting = union(ring(5), ring(4), ring(3), ring(6), Graph(torch.empty(2, 0, dtype=torch.int64), 2))
    killing = torch.zeros(20, dtype=torch.float64)
    killing[13] = 0.5  # in the ring of six
    with pytest.warns(SpectralCutWarning, match=r"\|λ\| = 1: .*Take k = 4\.") as told:
        diffusion_map(walk(lasting, torch.ones(18, dtype=torch.float64), killing), 1.0, 2)
    assert len(told) == 1


def test_nodes_of_odd_cycles_have_no_colour() -> None:
    edges = union(ring(3), ring(4), LINE).edges
    assert in_odd_cycles(edges, 11).tolist() == [True] * 3 + [False] * 8
    assert two_colours(edges, 11) is None
    colour = two_colours(ring(4).edges, 4)
    assert colour is not None
    assert bool((colour[:-1] != colour[1:]).all())


def test_the_double_cover_crosses_with_every_edge() -> None:
    assert double_cover(torch.tensor([[0, 1], [1, 2]]), 3).tolist() == [[0, 1, 3, 4], [4, 5, 1, 2]]


def test_a_layout_numbers_neighbours_close_together_and_knows_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["graphrw.spectral.layout"], "FEW", 0)
    shuffled = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    line = Graph(shuffled[grid_graph((30,)).edges], 30)
    found = layout(line)
    assert layout(line) is found
    assert torch.equal(found.order[found.rank], torch.arange(30))
    assert torch.equal(found.rank[line.edges], found.edges)
    assert int((found.edges[0] - found.edges[1]).abs().max()) == 1
    row = torch.repeat_interleave(torch.arange(30), found.indptr.diff())
    for at, beyond, edge in zip(row.tolist(), found.indices.tolist(), found.source.tolist(), strict=True):
        assert {at, beyond} == set(found.edges[:, edge].tolist())


@pytest.mark.parametrize(("count", "value"), [(1, 0.9), (2, 0.9), (3, 0.5), (4, 0.5), (5, 0.1), (8, 0.1), (99, 0.1)])
def test_a_survey_guesses_eigenvalues_from_their_shares(count: int, value: float) -> None:
    assert Survey(numbers(0.9, 0.5, 0.1), numbers(0.25, 0.25, 0.5), -1.0).leading(count, 8) == value


def test_a_survey_is_a_gauss_rule_and_bounds_the_lower_end() -> None:
    found = surveys._survey(numbers(0.5, 0.25, 0.0), numbers(0.1, 0.2), 100)
    matrix = torch.tensor([[0.5, 0.1, 0.0], [0.1, 0.25, 0.2], [0.0, 0.2, 0.0]], dtype=torch.float64)
    for power in range(5):  # exact up to twice the steps less one
        moment = float(torch.linalg.matrix_power(matrix, power)[0, 0])
        assert float((found.shares * found.values**power).sum()) == pytest.approx(moment, abs=1e-14)
    assert bool((found.values.diff() < 0).all())
    assert found.lowest == -1.0  # after three steps nothing is sure
    steps = 50
    many = surveys._survey(torch.zeros(steps, dtype=torch.float64), torch.full((steps - 1,), 0.25).double(), 100)
    least = float(many.values[-1])
    e = (math.log(1.648 * 10 / 1e-8) / (2 * steps - 1)) ** 2
    assert many.lowest == pytest.approx((least - e) / (1 - e), rel=1e-12)


def test_a_subspace_projects_grows_and_shrinks_to_what_is_kept() -> None:
    moved = random_walk(grid_graph((4, 5)))
    matrix = SymmetricMatrix(moved.graph, symmetric_weight(moved))
    dense = matrix.dense()
    besides = torch.linalg.eigh(dense).eigenvectors[:, -1:].T
    space = Subspace(matrix, 9, besides)
    assert space.fits(9)
    assert not space.fits(10)
    product = space.expand(random_like(torch.empty(20, 4), seed=1))
    space.expand(product)
    assert (space.size, space.fits(1), space.fits(2)) == (8, True, False)
    basis = space.combine(torch.eye(8, dtype=torch.float64))
    torch.testing.assert_close(basis.T @ basis, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-12)
    assert float((besides @ basis).abs().max()) < 1e-12
    torch.testing.assert_close(product, dense @ basis[:, :4])
    projected = torch.linalg.eigvalsh(basis.T @ dense @ basis)
    by_value, by_size = (space.ritz(by_size=way) for way in (False, True))
    torch.testing.assert_close(by_value[0], projected.flip(0))
    torch.testing.assert_close(by_size[0].abs(), projected.abs().sort(descending=True).values)
    wanted = basis @ by_value[1][:, :3]
    space.compress(by_value[0][:3], by_value[1][:, :3])
    assert space.size == 3
    torch.testing.assert_close(space.combine(torch.eye(3, dtype=torch.float64)), wanted)
    torch.testing.assert_close(space.ritz(by_size=False)[0], by_value[0][:3])


def test_what_adds_nothing_to_a_basis_is_filled_up_and_always_the_same() -> None:
    rows = torch.eye(2, 30, dtype=torch.float64)
    filled = orthonormal_beside(rows, rows)
    assert torch.equal(filled, orthonormal_beside(rows, rows))
    assert float((filled @ rows.T).abs().max()) < 1e-13
    assert torch.equal(random_like(rows, 3), random_like(rows, 3))
    assert not torch.equal(random_like(rows, 3), random_like(rows, 4))


def test_the_route_with_few_terms_comes_first_and_errors_name_both() -> None:
    assert in_order(LONG_FILTER, LONG_FILTER) == (Route.POLYNOMIAL, Route.INVERSE)
    assert in_order(LONG_FILTER + 1, LONG_FILTER) == (Route.INVERSE, Route.POLYNOMIAL)
    seen = []

    def attempt(route: Route, last: bool) -> int:
        seen.append((route, last))
        raise ConvergenceError(f"{len(seen)} is left.")

    with pytest.raises(ConvergenceError) as told:
        in_turn(in_order(1, 2), attempt, "Nothing", lambda: "Why?")
    assert seen == [(Route.POLYNOMIAL, False), (Route.INVERSE, True)]
    assert str(told.value) == (
        "Nothing: by Chebyshev polynomials, 1 is left.; by an approximate inverse, 2 is left.. Why?"
    )


def test_what_is_no_walk_or_goes_one_way_has_no_map() -> None:
    with pytest.raises(ValueError, match="`walk` must be a `Walk`"):
        check_count("a walk", 1)
    with pytest.raises(ValueError, match="got a directed one"):
        check_count(walk(Graph(LINE.edges, 4, directed=True), torch.ones(3)), 1)


def test_colours_that_hang_on_the_structure_alone_are_found_once() -> None:
    small = torch.full((3,), 0.5, dtype=torch.float64)
    assert fold(LINE, small) is fold(LINE, 2 * small)
    cut = fold(LINE, torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64))
    assert cut is not None
    assert len(cut.source) == 2


@pytest.mark.parametrize("noun", [Layout, Fold, Goal, Ritz, Survey, Shifted, Eigenpairs, Half])
def test_nouns_hold_still_and_those_of_many_tensors_are_told_apart_as_such(noun: type) -> None:
    one, other = (noun(*(torch.ones(2) for _ in fields(noun))) for _ in range(2))
    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(noun)[0].name, None)
    if noun not in (Goal, Ritz, Survey):
        assert one != other
        assert len({one, other, one}) == 2


@pytest.mark.parametrize(("kept", "guards"), [(4, 16), (64, 16), (68, 17), (100, 25)])
def test_there_are_sixteen_guards_or_a_quarter_of_what_is_kept(kept: int, guards: int) -> None:
    moved = random_walk(grid_graph((15, 50), connectivity=2))
    found = decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved)), kept, 1e-3)
    assert len(found.values) == kept + guards


@pytest.mark.parametrize(("guess", "bound"), [(0.9, 0.55), (0.5, 0.5), (0.1, 0.4)], ids=["high", "near", "low"])
def test_the_bound_of_a_filter_is_the_guess_between_what_spare_columns_say(guess: float, bound: float) -> None:
    """Eight are wanted; half of the spare columns are beyond 0.55, and three quarters beyond 0.4."""
    values = numbers(*[0.8] * 7, 0.7, *[0.6] * 4, *[0.55] * 2, *[0.4] * 2)
    search = FilteredSubspace(Diagonal(torch.ones(16)), Goal(torch.ones(8), 4), guess, 9)
    assert search._bound(Ritz(values, LIKE, LIKE, LIKE, 1.0)) == bound


def test_the_bound_of_a_filter_stays_below_what_is_wanted_and_above_0() -> None:
    search = FilteredSubspace(Diagonal(torch.ones(16)), Goal(torch.ones(8), 4), 0.7, 9)
    assert search._bound(Ritz(numbers(*[0.7] * 16), LIKE, LIKE, LIKE, 1.0)) == pytest.approx(0.7 * 0.999)
    assert search._bound(Ritz(numbers(*[0.0] * 16), LIKE, LIKE, LIKE, 1.0)) == MIN_BOUND


def test_a_filter_is_cleared_of_a_lone_largest_eigenvector_as_often_as_that_one_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved = random_walk(grid_graph((4, 5), connectivity=2))
    matrix = SymmetricMatrix(moved.graph, symmetric_weight(moved))
    values, norms = numbers(1.0, *[0.3] * 7, *[0.28] * 8), numbers(1e-9, *[1e-3] * 14, 1e-5)
    ritz = Ritz(values, torch.ones(20, 16).double(), torch.zeros(20, 16).double(), norms, 1.0)
    search, seen = FilteredSubspace(matrix, Goal(torch.full((8,), 1e-8), 4), 0.25, 200), {}

    def note(residual: torch.Tensor, values: torch.Tensor, bound: float, degree: int, **rest: object) -> torch.Tensor:
        seen.update(rest, columns=len(values), bound=bound, degree=degree)
        return torch.zeros_like(residual)

    monkeypatch.setattr(matrix, "correction", note)
    search._filter(ritz, norms[:8] / 1e-8)
    assert seen["known"].shape == (20, 1)
    assert seen["columns"] == 14  # the last spare one has done its part
    growth = math.acosh(1 / seen["bound"])
    assert seen["stride"] == int(math.acosh(1e6 / 1e-3) / growth)
    assert seen["degree"] == matrix.filter_degree(0.3, seen["bound"], 30 * 1e-3 / 1e-8, 200) > seen["stride"]
    search.longest = int(math.acosh(1e6) / growth) - 1
    with pytest.raises(ConvergenceError, match=f"1 had converged, .* needed over {search.longest} terms"):
        search._filter(ritz, norms[:8] / 1e-8)


@pytest.mark.parametrize(("last", "bound"), [(0.8, 0.6), (0.7, 0.6), (0.9, 0.5), (0.999999, 0.0), (0.5, 0.5)])
def test_a_missing_eigenvector_is_looked_for_in_as_many_steps_as_lift_it(last: float, bound: float) -> None:
    values = torch.linspace(0, bound - 0.01, 400, dtype=torch.float64)
    matrix = Diagonal(values)
    assert missing_by_inverse(matrix, torch.zeros(400, 0, dtype=torch.float64), bound, last, seed=1) is None
    y = 2 * (1 - bound) / (1 - last) - 1
    steps = next((n for n in range(1, MAX_STEPS) if y > 1 and math.cosh(n * math.acosh(y)) >= LIFT), MAX_STEPS)
    assert matrix.inverted == [PROBES] * (steps + 1)


@pytest.mark.parametrize(
    ("iterate", "rounds", "steps"), [(power_iteration, 20, 2), (power_iteration_as_published, 2, 20)]
)
def test_power_iterations_take_forty_steps_unless_told_otherwise(
    iterate: Callable[..., tuple[torch.Tensor, torch.Tensor]], rounds: int, steps: int
) -> None:
    moved = random_walk(grid_graph((4, 5), connectivity=2))
    for one, other in zip(iterate(moved, 3), iterate(moved, 3, rounds=rounds, steps=steps), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("shape", "half"), [((22, 24), None), ((24, 24), 3)])
def test_a_bipartite_graph_is_folded_unless_its_half_is_small(shape: tuple[int, int], half: int | None) -> None:
    moved = random_walk(grid_graph(shape))
    found = decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved)), 5, 1e-6)
    assert (found.half and found.half.kept) == half
    assert len(found.values) == (21 if half is None else 22)


@pytest.mark.parametrize(("shape", "first"), [((2, 2000), Davidson), ((20, 30), FilteredSubspace)])
def test_a_long_graph_is_searched_with_the_inverse_first(
    shape: tuple[int, int], first: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: object, *_: object) -> None:
        raise RuntimeError(type(self))

    for search in (Davidson, FilteredSubspace):
        monkeypatch.setattr(search, "run", ask)
    moved = random_walk(grid_graph(shape, connectivity=2))
    with pytest.raises(RuntimeError) as told:
        decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved), shift_invert(moved)), 4, 1e-10)
    assert told.value.args == (first,)


def test_at_nodes_without_any_rate_the_inverse_is_1() -> None:
    alone = random_walk(union(LINE, Graph(torch.empty(2, 0, dtype=torch.int64), 2)))
    assert shift_invert(alone).apply(torch.ones(6, 1, dtype=torch.float64))[4:].tolist() == [[1.0], [1.0]]


def test_what_may_be_rounding_of_a_gradient_is_the_same_for_both_of_two_eigenvectors() -> None:
    z, g = torch.tensor([[1.0, 0.0], [-2.0, 1.0]]).double(), torch.tensor([[0.5, 3.0], [0.0, -4.0]]).double()
    dropped, refused = _noise(z, g, 1e-9)
    assert (1e9 * dropped).round().tolist() == [[1, 11], [11, 8]]
    mixed = 5 * 5**0.5 + 0.5
    torch.testing.assert_close(1e6 * refused, numbers(5**0.5, mixed, mixed, 10).view(2, 2))


def found_on_a_grid() -> Eigenpairs:
    moved = random_walk(grid_graph((20, 30), connectivity=2))
    return decompose(SymmetricMatrix(moved.graph, symmetric_weight(moved), shift_invert(moved)), 4, 1e-8)


def test_a_shift_on_the_bound_of_the_spectrum_needs_a_series_without_end() -> None:
    found = found_on_a_grid()
    assert Shifted(found, 4, numbers(found.bound)).terms == MAX_SERIES + 1
    assert Shifted(found, 4, numbers(1.1 * found.bound)).terms < 50


def test_what_a_system_makes_of_kept_eigenvectors_is_beside_them() -> None:
    found = found_on_a_grid()
    system = _AtOneEnd(found.matrix, Shifted(found, 4, found.values[:2]), 1, torch.arange(2))
    x = found.vectors[:, :2] + found.vectors[:, 1:3] + found.vectors[:, 8:10]
    made = system.matmul(x, torch.empty_like(x))
    assert float((found.vectors[:, :4].T @ made).abs().max()) < 1e-15
    expected = (found.values[:2] - found.values[8:10]) * found.vectors[:, 8:10]
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)  # guards are known to 1e-6


def test_a_preconditioner_knows_the_guards_at_both_ends() -> None:
    found = found_on_a_grid()
    top, bottom = numbers(1.2, 1.3), numbers(-1.2, -1.3)
    for sign, end, shifts in ((1, found.matrix, top), (-1, found.matrix.mirrored, bottom)):
        system = _AtOneEnd(end, Shifted(found, 4, shifts), sign, torch.arange(2))
        r = found.vectors[:, 8:10]
        expected = r / (sign * (shifts - found.values[8:10]))
        torch.testing.assert_close(system.precondition(r), expected, rtol=0, atol=1e-5)  # guards are known to 1e-6


def test_a_series_is_cleared_of_a_largest_eigenvalue_that_stands_alone_and_of_none_else() -> None:
    dense = torch.combinations(torch.arange(40)).T.contiguous()
    alone = random_walk(union(Graph(dense, 40)))
    whole = decompose(SymmetricMatrix(alone.graph, symmetric_weight(alone)), 1, 1e-8)
    guarded = Eigenpairs(whole.matrix, whole.values[:9], whole.vectors[:, :9], 1)
    system = Shifted(guarded, 1, numbers(1.01 * guarded.bound))
    pace = math.acosh(float(whole.values[0]) / guarded.bound)
    assert system._stride(system._root[1]) == int(math.log(1e6) / pace) < system.terms
    many = Shifted(found_on_a_grid(), 4, numbers(1.1))
    assert many._stride(many._root[1]) > many.terms


def test_a_filter_has_the_degree_at_which_it_grows_so_much_and_no_more_than_allowed() -> None:
    moved = random_walk(LINE)
    matrix = SymmetricMatrix(moved.graph, symmetric_weight(moved))
    assert matrix.filter_degree(0.5, 0.25, 1e3, 99) == int(math.acosh(1e3) / math.acosh(2))
    assert matrix.filter_degree(0.5, 0.25, 1e3, 3) == 3
    assert matrix.filter_degree(0.5, 0.25, 1.5, 99) == 1
    assert matrix.filter_degree(0.25, 0.25, 1e3, 99) == matrix.filter_degree(0.2, 0.25, 1e3, 99) == 99


@pytest.mark.parametrize(("search", "check"), [(filtered, "missing_by_filter"), (davidson, "missing_by_inverse")])
def test_between_the_last_kept_and_the_last_found_nothing_may_be_missing(
    search: ModuleType, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = random_walk(grid_graph((4, 5), connectivity=2))
    matrix = SymmetricMatrix(moved.graph, symmetric_weight(moved))
    values, found = numbers(1.0, -0.9, 0.8, -0.7, 0.6, 0.5), torch.eye(20, 6, dtype=torch.float64)
    asked = []
    monkeypatch.setattr(search, check, lambda _, found, *rest, seed: asked.append((found.shape[1], *rest)))
    goal = Goal(torch.full((5,), 1e-8), 3)
    if search is filtered:
        assert FilteredSubspace(matrix, goal, 0.5, 9)._missed(Ritz(values, found, found, values, 1.0)) is None
        assert asked == [(5, 0.6, (0.8, 1.0))]
    else:
        assert Davidson(matrix, goal, -1.0, 0.5)._missed(values, found[:, :5]) is None
        assert asked == [(5, 0.6, 0.8)] * 2  # at both ends
