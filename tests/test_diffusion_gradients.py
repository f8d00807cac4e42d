"""Which gradient of a diffusion-distance loss is right: that of the exact adjoint, or of the unrolled iteration.

Both maps give nearly the same loss. Finite differences decide.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphrw import Graph, grid_graph, walk
from graphrw.functional import unrolled_diffusion_map
from graphrw.functional.diffusion import diffusion_map
from graphrw.functional.distances import squared_distance

TIME = 4.0


class Problem:
    """A loss of all distances, as of the similarities exp(−γ D) of Neural Diffusion Distance, and its gradients."""

    def __init__(self, graph: Graph, k: int) -> None:
        self.graph, self.k = graph, k
        generator = torch.Generator().manual_seed(0)
        self.weight = 0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
        self.price = torch.rand(graph.num_nodes, graph.num_nodes, generator=generator, dtype=torch.float64)
        self.exact_loss, self.exact = self.gradient(self.converged)
        self.direction = self.exact / self.exact.norm()

    def converged(self, weight: Tensor) -> Tensor:
        return self._loss(diffusion_map(walk(self.graph, weight), TIME, self.k, tolerance=1e-12))

    def unrolled(self, rounds: int, steps: int) -> Callable[[Tensor], Tensor]:
        def loss(weight: Tensor) -> Tensor:
            return self._loss(
                unrolled_diffusion_map(walk(self.graph, weight), TIME, self.k, rounds=rounds, steps=steps)
            )

        return loss

    def gradient(self, loss: Callable[[Tensor], Tensor]) -> tuple[float, Tensor]:
        leaf = self.weight.clone().requires_grad_()
        value = loss(leaf)
        (slope,) = torch.autograd.grad(value, leaf)
        return float(value.detach()), slope

    def by_differences(self, loss: Callable[[Tensor], Tensor]) -> float:
        """The derivative along the exact gradient, by central differences, extrapolated once."""
        ends = [(loss(self.weight + h * self.direction), loss(self.weight - h * self.direction)) for h in (1e-2, 5e-3)]
        coarse, fine = (float(up - down) / width for (up, down), width in zip(ends, (2e-2, 1e-2), strict=True))
        return (4 * fine - coarse) / 3

    def _loss(self, z: Tensor) -> Tensor:
        return (self.price * torch.exp(-squared_distance(self.graph, z) / self.graph.num_nodes)).mean()


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


WIDE = Problem(grid_graph((8, 8), radius=3.0), 24)
NARROW = Problem(grid_graph((8, 8)), 20)  # |λ| of the 20th and of the 21st hardly differ


@pytest.mark.parametrize("problem", [WIDE, NARROW], ids=["wide gap", "narrow gap"])
def test_the_exact_adjoint_is_the_derivative_of_the_converged_loss(problem: Problem) -> None:
    assert float(problem.exact @ problem.direction) == pytest.approx(
        problem.by_differences(problem.converged), rel=1e-6
    )


def test_autograd_through_twenty_steps_before_each_qr_is_not_the_derivative_of_its_own_loss() -> None:
    """The columns have become nearly parallel by then: QR's backward divides by what is left between them."""
    loss = WIDE.unrolled(rounds=2, steps=20)
    value, slope = WIDE.gradient(loss)
    along = WIDE.by_differences(loss)
    assert value == pytest.approx(WIDE.exact_loss, rel=1e-6)
    assert float(WIDE.exact @ WIDE.direction) == pytest.approx(along, rel=0.02)
    assert abs(float(slope @ WIDE.direction) / along - 1) > 1
    assert cosine(slope, WIDE.exact) < 0.5
    assert float(slope.norm() / WIDE.exact.norm()) > 100


def test_the_same_steps_with_more_qr_between_them_give_the_exact_gradient() -> None:
    value, slope = WIDE.gradient(WIDE.unrolled(rounds=20, steps=2))
    assert value == pytest.approx(WIDE.exact_loss, rel=1e-6)
    assert cosine(slope, WIDE.exact) > 0.9999
    assert float(slope.norm() / WIDE.exact.norm()) == pytest.approx(1, rel=1e-3)


def test_where_the_iteration_has_not_converged_its_gradient_is_right_for_another_loss() -> None:
    loss = NARROW.unrolled(rounds=20, steps=2)
    value, slope = NARROW.gradient(loss)
    assert value == pytest.approx(NARROW.exact_loss, rel=1e-3)
    assert float(slope @ NARROW.direction) == pytest.approx(NARROW.by_differences(loss), rel=0.02)
    assert cosine(slope, NARROW.exact) < 0.5
