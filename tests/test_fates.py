"""Fates from transition matrices: against dense linear algebra."""

import numpy as np
import pytest
import torch
from scipy import sparse

import graphrw as rw
from graphrw.core.errors import ConvergenceError
from graphrw.functional import fates

DOUBLE = torch.float64


def chain(size=40, seed=0):
    """A dense transition matrix with a diagonal, and three terminal states, one of two cells."""
    random = np.random.default_rng(seed)
    matrix = random.random((size, size)) * (random.random((size, size)) < 0.2) + 0.3 * np.eye(size, k=1)
    matrix[-1, 0] += 0.3
    states = torch.full((size,), -1)
    for state, cell in ((0, 3), (1, 9), (2, 20), (2, 31)):
        states[cell : cell + 1] = state
    return torch.from_numpy(matrix / matrix.sum(1, keepdims=True)), states


def dense(matrix, states):
    free, ends = states < 0, torch.nn.functional.one_hot(states.clamp(min=0)).double() * (states >= 0)[:, None]
    eye = torch.eye(int(free.sum()), dtype=DOUBLE)
    return ends.index_put((free,), torch.linalg.solve(eye - matrix[free][:, free], matrix[free] @ ends))


def test_fates_are_the_absorption_probabilities_of_the_chain():
    matrix, states = chain()
    expected = dense(matrix, states)
    for transition in (sparse.csr_array(matrix.numpy()), matrix.to_sparse()):
        for given in (states, states.numpy()):
            found = rw.fate_probabilities(transition, given)
            torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)
            assert bool((found >= 0).all())


def test_fates_are_differentiable_in_the_transitions():
    matrix, states = chain(12)
    index = matrix.to_sparse().coalesce().indices()
    score = torch.randn(index.shape[1], generator=torch.Generator().manual_seed(0), dtype=DOUBLE, requires_grad=True)

    def run(score, ask):
        values = torch.zeros(12, 12, dtype=DOUBLE).index_put((index[0], index[1]), score.exp())
        values = values / values.sum(1, keepdim=True)
        return ask(values)

    def fates_of(values):
        entries = values[index[0], index[1]]
        return rw.fate_probabilities(torch.sparse_coo_tensor(index, entries, (12, 12), check_invariants=False), states)

    cotangent = torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    found, expected = (
        torch.autograd.grad((run(score, ask) * cotangent).sum(), score)[0]
        for ask in (fates_of, lambda values: dense(values, states))
    )
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_times_of_fates_are_absorption_times_of_the_same_walk():
    matrix, states = chain()
    graph, weight, loops = rw.from_scipy(sparse.csr_array(matrix.numpy()), directed=True, self_loops=True)
    time = rw.absorption_time(rw.walk(graph, weight), states, self_loops=loops)
    free, share = states < 0, dense(matrix, states)
    visits = torch.linalg.inv(torch.eye(int(free.sum()), dtype=DOUBLE) - matrix[free][:, free])
    torch.testing.assert_close(time[free], (visits @ share[free]) / share[free], rtol=1e-7, atol=1e-7)


def test_a_walk_may_stand_in_place_of_its_transition_matrix():
    matrix, states = chain()
    graph, weight, _ = rw.from_scipy(sparse.csr_array(matrix.numpy()), directed=True, self_loops=True)
    scaled = (7 * torch.rand(40, generator=torch.Generator().manual_seed(3), dtype=DOUBLE))[graph.edges[0]] * weight
    torch.testing.assert_close(rw.fate_probabilities(rw.walk(graph, scaled), states), dense(matrix, states))
    path = rw.walk(rw.grid_graph((5,)), torch.ones(4, dtype=DOUBLE))
    ends = torch.tensor([0, -1, -1, -1, 1])
    torch.testing.assert_close(
        rw.fate_probabilities(path, ends)[:, 1], torch.arange(5) / torch.tensor(4.0, dtype=DOUBLE)
    )
    with pytest.raises(ValueError, match="kills nobody; got killing at node 0"):
        rw.fate_probabilities(rw.walk(path.graph, path.weight, 0.1), ends)


def test_fates_that_cannot_be_right_are_refused(monkeypatch):
    matrix, states = chain()
    for wrong in (lambda fates: fates * (1 + 1e-5), lambda fates: fates + torch.tensor([-1e-3, 1e-3, 0])):
        right = fates.hitting_probabilities
        with monkeypatch.context() as patch:
            patch.setattr(fates, "hitting_probabilities", lambda *given, f=right, w=wrong, **more: w(f(*given, **more)))
            with pytest.raises(ConvergenceError, match="gave fate probabilities"):
                rw.fate_probabilities(matrix.to_sparse(), states)


def test_rows_that_do_not_sum_to_one_are_named():
    matrix, states = chain()
    matrix[7] *= 0.9
    with pytest.raises(ValueError, match=r"row 7 sums to 0.9 \(1 such"):
        rw.fate_probabilities(matrix.to_sparse(), states)


def test_cells_without_a_way_to_a_terminal_state_are_an_error():
    two = torch.block_diag(*[torch.tensor([[0.0, 1.0], [1.0, 0.0]])] * 2)
    with pytest.raises(rw.SingularWalkError, match=r"From 2 of 4 cells \(first: 2\) no walk leads to a terminal state"):
        rw.fate_probabilities(two.to_sparse(), torch.tensor([0, -1, -1, -1]))


@pytest.mark.parametrize(
    ("transition", "message"),
    [
        (torch.eye(3), r"got Tensor\. A dense one converts with .*`\.to_sparse\(\)`"),
        (np.eye(3), r"got ndarray\. A dense one converts with `scipy\.sparse\.csr_array\(…\)`"),
        (torch.zeros(2, 3).to_sparse(), r"square.*got shape \(2, 3\)"),
        (sparse.csr_array((2, 3)), r"square.*got shape \(2, 3\)"),
        (sparse.csr_array(-np.eye(3)), "finite and not negative; got -1.0 for 0 → 0"),
        (torch.eye(3).half().to_sparse(), r"float32 or float64 tensor; got torch\.float16"),
    ],
)
def test_a_transition_that_is_none_is_refused_by_its_name(transition, message):
    with pytest.raises(ValueError, match=f"^`transition` must be .*{message}"):
        rw.fate_probabilities(transition, torch.tensor([0, -1, 1]))
