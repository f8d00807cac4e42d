"""Derivatives of `boundary_probabilities` against the paper's, finite differences and each other."""

import pytest
import torch
from path_sums import both_ways, dense, every_form, every_graph, force_transform, normalised, problem, transition
from torch import Tensor

from graphrw.functional.boundary import boundary_probabilities

# --- derivatives ----------------------------------------------------------------------------------------------------


@every_graph
def test_the_gradient_is_the_papers_derivative_10(name):
    """∂Z_yl / ∂B_x = −G_yx Z_xl, with G_yx the sum over all paths from y to x, both free."""
    graph, scores, seeds, weight = problem(name)
    free = seeds < 0
    z, green = dense(transition(graph, scores, weight), seeds)
    slopes = torch.zeros(graph.num_nodes, z.shape[1], graph.num_nodes, dtype=torch.float64)
    slopes[free.nonzero(), :, free.nonzero().T] = -(green[:, :, None] * z[free][None])
    total = z.sum(1)
    expected = (slopes - normalised(z)[:, :, None] * slopes.sum(1, keepdim=True)) / total[:, None, None]
    jacobian = torch.autograd.functional.jacobian(
        lambda leaf: boundary_probabilities(graph, leaf, seeds, weight=weight), scores
    )
    torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-12)


@every_graph
@pytest.mark.parametrize("way", ["divided", "through logarithms"])
def test_derivatives_are_those_of_finite_differences(name, way, monkeypatch):
    graph, scores, seeds, weight = problem(name)
    if way == "through logarithms":
        force_transform(monkeypatch)

    def call(boundary: Tensor, weight: Tensor) -> Tensor:
        return boundary_probabilities(graph, boundary + 0.1, seeds, weight=weight)

    leaves = (scores.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(call, leaves, check_forward_ad=True, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, leaves, fast_mode=True)


@every_form
def test_every_option_has_its_derivatives_both_ways(form, monkeypatch):
    graph, scores, seeds, weight = problem("grid")
    options = form(graph)
    learned = [key for key, value in options.items() if isinstance(value, Tensor)]

    def call(boundary: Tensor, weight: Tensor, *rates: Tensor) -> Tensor:
        chosen = {**options, **dict(zip(learned, rates, strict=True))}
        return boundary_probabilities(graph, boundary, seeds, weight=weight, **chosen)

    leaves = [scores + 1.5, weight, *(options[key] for key in learned)]

    def jacobian():
        parts = torch.func.jacrev(call, tuple(range(len(leaves))))(*leaves)
        return torch.cat([part.flatten() for part in parts])

    assert torch.autograd.gradcheck(call, [leaf.clone().requires_grad_() for leaf in leaves], fast_mode=True)
    divided, transformed = both_ways(jacobian, monkeypatch)
    torch.testing.assert_close(divided, transformed, rtol=1e-9, atol=1e-11)


def test_an_edge_of_weight_zero_has_its_derivative_both_ways(monkeypatch):
    graph, scores, seeds, weight = problem("grid")
    weight[[2, 9]] = 0

    def slope():
        leaf = weight.clone().requires_grad_()
        answer = boundary_probabilities(graph, scores, seeds, weight=leaf)
        return torch.autograd.grad(answer[:, 0].square().sum(), leaf)[0]

    divided, transformed = both_ways(slope, monkeypatch)
    torch.testing.assert_close(divided, transformed, rtol=1e-9, atol=1e-12)
    assert bool((divided[[2, 9]] != 0).all())


@pytest.mark.parametrize("way", ["divided", "through logarithms"])
def test_forward_mode_reverse_mode_and_hessians_agree(way, monkeypatch):
    graph, scores, seeds, weight = problem("grid")
    if way == "through logarithms":
        force_transform(monkeypatch)

    def call(boundary: Tensor) -> Tensor:
        return boundary_probabilities(graph, boundary, seeds, weight=weight)

    torch.testing.assert_close(torch.func.jacfwd(call)(scores), torch.func.jacrev(call)(scores))
    second = torch.func.hessian(lambda boundary: call(boundary)[5, 0])(scores)
    expected = torch.autograd.functional.hessian(lambda boundary: call(boundary)[5, 0], scores)
    torch.testing.assert_close(second, expected)
    _, change = torch.func.jvp(call, (scores,), (torch.ones_like(scores),))
    torch.testing.assert_close(change, torch.func.jacrev(call)(scores).sum(-1))


def test_many_scores_or_weights_at_once_need_a_batch():
    graph, scores, seeds, weight = problem("grid")
    with pytest.raises(ValueError, match="may run over right-hand sides"):
        torch.func.vmap(lambda leaf: boundary_probabilities(graph, leaf, seeds))(scores.expand(2, -1))
    with pytest.raises(ValueError, match="may run over right-hand sides"):
        torch.func.vmap(lambda leaf: boundary_probabilities(graph, scores, seeds, weight=leaf))(weight.expand(2, -1))
