"""Diffusion distances where eigenvalues repeat, in either precision, and under `torch.func`."""

import pytest
import torch
from torch import Tensor

from graphrw import Graph, Walk, diffusion_distance, grid_graph, walk
from graphrw.functional import unrolled_diffusion_map
from graphrw.spectral import SpectralCutWarning


def two_grids(dtype: torch.dtype) -> Walk:
    """Two components in one graph: every eigenvalue ±1 twice."""
    grid = grid_graph((4, 4))
    graph = Graph(torch.cat([grid.edges, grid.edges + 16], 1), 32)
    generator = torch.Generator().manual_seed(3)
    return walk(graph, (0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)).to(dtype))


def test_distances_between_all_nodes_of_two_components_have_a_gradient() -> None:
    moved = two_grids(torch.float64)
    weight = moved.weight.requires_grad_()
    diffusion_distance(walk(moved.graph, weight), 2.0, 4).sum().backward()
    every = torch.cartesian_prod(torch.arange(32), torch.arange(32))
    (expected,) = torch.autograd.grad(diffusion_distance(walk(moved.graph, weight), 2.0, 4, every).sum(), weight)
    torch.testing.assert_close(weight.grad, expected, rtol=1e-6, atol=1e-9)


def test_float32_sees_repeated_eigenvalues_as_float64_does() -> None:
    for dtype in (torch.float32, torch.float64):
        with pytest.warns(SpectralCutWarning, match=r"k = 3 cuts through eigenvalues of the same size"):
            diffusion_distance(two_grids(dtype), 2.0, 3)


def test_the_unrolled_map_has_a_hessian() -> None:
    graph = grid_graph((2, 3))

    def spread(weight: Tensor) -> Tensor:
        return unrolled_diffusion_map(walk(graph, weight), 2.0, 2, rounds=2, steps=3).square().sum()

    weight = torch.linspace(0.5, 1.5, graph.num_edges, dtype=torch.float64)
    hessian = torch.func.hessian(spread)(weight)
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(spread, weight))
    assert float(hessian.abs().max()) > 0
