"""No function refuses what another has returned: rounding and inexact solves leave shares a little outside [0, 1]."""

import pytest
import torch

import graphrw as rw
from graphrw import functional, losses

N, L = 900, 6
GRAPH = rw.grid_graph((30, 30))
EXACT, LOOSE = rw.solvers.LU(), rw.solvers.CG(rtol=1e-3)


def drawn():
    torch.manual_seed(7)
    weight = torch.exp(-12 * torch.rand(GRAPH.num_edges, dtype=torch.float64))
    seeds = torch.full((N,), -1)
    seeds[torch.randint(0, N, (L,))] = torch.arange(L)
    return weight, seeds


WEIGHT, SEEDS = drawn()
WALK = rw.walk(GRAPH, WEIGHT)
ONES = torch.ones(N, 1, dtype=torch.float64)
HOT = torch.eye(N, dtype=torch.float64)[:, :L]


def with_one_label(solver):
    return rw.hitting_probabilities(WALK, SEEDS.clamp(max=0), solver=solver)


LEFT = {
    "below 0": lambda: rw.hitting_probabilities(rw.walk(GRAPH, WEIGHT, 0.01), SEEDS, solver=LOOSE),
    "above 1 by rounding": lambda: with_one_label(EXACT),
    "above 1": lambda: with_one_label(LOOSE),
    "averages": lambda: rw.step(WALK, ONES, 10),
    "diffused": lambda: rw.heat(WALK, ONES, 3.0),
    "of a limit": lambda: functional.limit(WALK, HOT, 0.9, rtol=0.1),
    "of a boundary": lambda: rw.boundary_probabilities(GRAPH, 20 * torch.rand(N, dtype=torch.float64), SEEDS),
    "where walkers are": lambda: functional.pagerank(WALK, 0.9, HOT, LOOSE) / L,
}
KINDS = pytest.mark.parametrize("kind", LEFT)


def of_sum_1(p):
    """Rows as `propagation_loss` asks for them; those of a walk that is killed are divided."""
    p = p[p.sum(1) > 0.01]
    return p / p.sum(1, keepdim=True)


NONE = torch.full((N,), -1)
TARGET = torch.zeros(N, dtype=torch.int64)
TAKING = {
    "absorption": lambda p: rw.hitting_probabilities(WALK, NONE, absorption=p),
    "absorption_time": lambda p: rw.absorption_time(WALK, NONE, absorption=p),
    "influence": lambda p: (
        functional.influence(WALK, TARGET.index_fill(0, torch.arange(1, N), -1), absorption=p)[0].change
    ),
    "class_mass_normalize": lambda p: functional.class_mass_normalize(
        p, torch.where(torch.arange(N) < p.shape[1], torch.arange(N), -1)
    ),
    "correct": lambda p: functional.correct(WALK, p, torch.where(torch.arange(N) < 1, 0, -1), 0.9),
    "smooth": lambda p: functional.smooth(WALK, p, torch.where(torch.arange(N) < 1, 0, -1), 0.9),
    "pagerank": lambda p: functional.pagerank(WALK, 0.9, p),
    "entropy": rw.entropy,
    "abstain": lambda p: functional.abstain(p, 0.5),
    "cross_entropy": lambda p: losses.cross_entropy(p, TARGET),
    "dice": lambda p: losses.dice(p, TARGET),
    "mean_squared_error": lambda p: losses.mean_squared_error(p, TARGET),
    "consistency_loss": lambda p: losses.consistency_loss(torch.stack([p, p])),
    "soft_variation_of_information": lambda p: losses.soft_variation_of_information(p, TARGET),
    "propagation_loss": lambda p: losses.propagation_loss(of_sum_1(p), torch.log_softmax(of_sum_1(p), 1), 0.1),
}


def test_what_is_passed_on_lies_outside():
    assert -1e-2 < float(LEFT["below 0"]().min()) < -1e-6
    assert 0 < float(LEFT["above 1 by rounding"]().max()) - 1 < 1e-10
    assert 1e-6 < float(LEFT["above 1"]().max()) - 1 < 1e-2
    assert float(LEFT["averages"]().max()) > 1


@KINDS
@pytest.mark.parametrize("taking", TAKING)
def test_shares_are_taken_as_a_solve_has_left_them(kind, taking):
    found = TAKING[taking](LEFT[kind]())
    assert bool(found.isfinite().all())


def test_the_propagation_loss_hardly_changes_with_what_a_solve_leaves_below_0():
    shares = torch.tensor([[1.0, 0.0], [1.0, -2e-4]], dtype=torch.float64, requires_grad=True)
    log_prediction = torch.tensor([[0.6, 0.4]], dtype=torch.float64).log()
    at_0, below = (losses.propagation_loss(row[None], log_prediction, 1.0) for row in shares)
    slope, near = (torch.autograd.grad(loss, shares, retain_graph=True)[0] for loss in (at_0, below))
    torch.testing.assert_close(below, at_0, rtol=0.02, atol=0)
    torch.testing.assert_close(near[1], slope[0], rtol=0.05, atol=0)


def test_a_row_may_be_the_prior_of_others():
    row = LEFT["above 1 by rounding"]()[:1, 0]
    for shares in (row, torch.tensor([1.0, -1e-7], dtype=torch.float64)):
        found = rw.hitting_probabilities(
            rw.walk(rw.Graph(torch.tensor([[0], [1]]), 3), torch.ones(1, dtype=torch.float64)),
            torch.tensor([0, -1, -1]),
            len(shares),
            unreachable=shares,
        )
        assert bool((found >= 0).all())


def test_less_than_a_solve_leaves_is_refused():
    wrong = torch.ones(N, L, dtype=torch.float64).index_fill(0, torch.tensor([3]), -0.02)
    for taking in ("absorption", "class_mass_normalize", "pagerank"):
        with pytest.raises(ValueError, match="must be finite and not negative; got -0"):
            TAKING[taking](wrong)


def test_derivatives_go_on_to_what_is_just_below_0():
    start = torch.tensor([1.0, -1e-9, 0.0], dtype=torch.float64, requires_grad=True)
    walk = rw.walk(rw.Graph(torch.tensor([[0, 0], [1, 2]]), 3), torch.ones(2, dtype=torch.float64))
    (slope,) = torch.autograd.grad(functional.pagerank(walk, start=start)[1], start)
    even = start.detach().clamp(min=0).requires_grad_()
    (expected,) = torch.autograd.grad(functional.pagerank(walk, start=even)[1], even)
    torch.testing.assert_close(slope, expected)
    assert float(expected[1]) > 0.1
