"""The limit by products beside that of a solve."""

import pytest
import torch
from torch.autograd import forward_ad

import graphrw as rw
from graphrw.functional import damp, limit, resolvent, step


def problem() -> tuple[rw.Graph, torch.Tensor, torch.Tensor]:
    """A graph with a node by itself, weights, and columns."""
    torch.manual_seed(0)
    grid = rw.grid_graph((5, 7), radius=2.0)
    graph = rw.Graph(grid.edges, grid.num_nodes + 1)
    weight = torch.rand(graph.num_edges, dtype=torch.float64, requires_grad=True)
    return graph, weight, torch.randn(graph.num_nodes, 3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.9, 0.99])
def test_the_limit_and_its_gradients_are_those_of_a_solve(alpha: float) -> None:
    graph, weight, f = problem()
    going = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    killing = torch.rand(graph.num_nodes, dtype=torch.float64, requires_grad=True)
    moved = rw.walk(graph, weight, killing)
    expected = (1 - going) * resolvent(damp(moved, going), f)
    found = limit(moved, f, going, rtol=1e-13)
    torch.testing.assert_close(found, expected)
    upon, inputs = torch.randn_like(found), (weight, killing, f, going)
    torch.testing.assert_close(torch.autograd.grad(found, inputs, upon), torch.autograd.grad(expected, inputs, upon))


def test_the_derivative_of_a_limit_is_that_of_differences() -> None:
    graph, weight, f = problem()
    assert torch.autograd.gradcheck(
        lambda *inputs: limit(rw.walk(graph, inputs[0]), inputs[1], 0.6, rtol=1e-12), (weight, f)
    )


def test_a_node_by_itself_holds_what_it_starts_again_with() -> None:
    graph, weight, f = problem()
    torch.testing.assert_close(limit(rw.walk(graph, weight), f, 0.75)[-1], f[-1] / 4)


def test_more_digits_are_as_good_as_many_steps() -> None:
    graph, weight, f = problem()
    moved = rw.walk(graph, weight.detach())
    many = step(moved, f.detach(), 300, restart=0.1)
    errors = [float((limit(moved, f.detach(), 0.9, rtol=rtol) - many).abs().max()) for rtol in (1e-2, 1e-4, 1e-8)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-6


def test_nodes_that_hardly_hang_together_are_no_obstacle() -> None:
    graph, weight, f = problem()
    moved = rw.walk(graph, weight.detach() ** 40)
    expected = 0.1 * resolvent(damp(moved, 0.9), f.detach())
    torch.testing.assert_close(limit(moved, f.detach(), 0.9, rtol=1e-10), expected, rtol=1e-6, atol=1e-8)


def test_a_vector_in_float32_keeps_shape_and_type() -> None:
    graph, weight, f = problem()
    found = limit(rw.walk(graph, weight.detach().float()), f[:, 0].detach().float(), 0.5)
    assert (found.shape, found.dtype) == ((36,), torch.float32)


def test_digits_that_a_type_does_not_have_are_refused() -> None:
    graph, weight, f = problem()
    with pytest.raises(rw.ConvergenceError, match="float64"):
        limit(rw.walk(graph, weight.detach().float()), f.detach().float(), 0.9, rtol=1e-10)


def test_what_the_iteration_cannot_do_is_refused() -> None:
    graph, weight, f = problem()
    with pytest.raises(ValueError, match="undirected"):
        limit(rw.walk(rw.Graph(graph.edges, graph.num_nodes, directed=True), weight), f, 0.5)
    with pytest.raises(ValueError, match="`rtol`"):
        limit(rw.walk(graph, weight), f, 0.5, rtol=0.0)
    with pytest.raises(ValueError, match="At 1 the walk never ends"):
        limit(rw.walk(graph, weight), f, 1.0)


def test_a_second_derivative_and_transforms_are_refused_in_words():
    graph = rw.grid_graph((3, 4))
    weight = torch.ones(graph.num_edges, dtype=torch.float64, requires_grad=True)
    f = torch.rand(12, dtype=torch.float64, requires_grad=True)

    def energy(weight, f):
        return limit(rw.walk(graph, weight), f, 0.5).pow(3).sum()

    with pytest.raises(NotImplementedError, match="can be differentiated once"):
        torch.autograd.grad(energy(weight, f), f, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"does not take `torch\.func` transforms"):
        torch.func.grad(energy)(weight.detach(), f.detach())


@pytest.mark.parametrize("which", ["weight", "killing", "f", "alpha"])
def test_forward_mode_is_refused_in_words_whatever_has_a_tangent(which: str) -> None:
    graph = rw.grid_graph((3, 4))
    inputs = {
        "weight": torch.ones(graph.num_edges),
        "killing": torch.ones(12),
        "f": torch.rand(12),
        "alpha": torch.tensor(0.5),
    }
    with forward_ad.dual_level():
        inputs[which] = forward_ad.make_dual(inputs[which], torch.ones_like(inputs[which]))
        with pytest.raises(NotImplementedError, match="no derivative in forward mode"):
            limit(rw.walk(graph, inputs["weight"], inputs["killing"]), inputs["f"], inputs["alpha"])
