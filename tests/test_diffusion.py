"""Diffusion maps and distances: against dense powers of P, on every kind of graph, and what is refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.functional.diffusion import diffusion_distance, diffusion_map, unrolled_diffusion_map
from graphrw.functional.distances import squared_distance


def ring(count: int) -> Graph:
    nodes = torch.arange(count)
    return Graph(torch.stack([nodes, (nodes + 1) % count]), count)


def random_values(count: int, seed: int = 0) -> Tensor:
    """In [0.5, 1.5)."""
    return 0.5 + torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_walk(graph: Graph, killing: Tensor | float = 0.0) -> Walk:
    return walk(graph, random_values(graph.num_edges), killing)


def transition(moved: Walk) -> Tensor:
    """P = C⁻¹W, entry by entry."""
    matrix = torch.zeros(moved.graph.num_nodes, moved.graph.num_nodes, dtype=torch.float64)
    for (tail, head), weight in zip(moved.graph.edges.T.tolist(), moved.weight.tolist(), strict=True):
        matrix[tail, head] = weight / float(moved.rate[tail])
        matrix[head, tail] = weight / float(moved.rate[head])
    return matrix


def dense_distance(moved: Walk, steps: int) -> Tensor:
    """Σ_l (Pᵗ_il − Pᵗ_jl)² / π_l from its definition."""
    power = torch.linalg.matrix_power(transition(moved), steps)
    share = moved.rate / moved.rate.sum()
    distance: Tensor = ((power[:, None] - power).square() / share).sum(2)
    return distance


GRAPHS = {
    "grid": grid_graph((4, 5)),
    "8-connected": grid_graph((3, 4), connectivity=2),
    "ring": ring(7),
    "two components": Graph(torch.tensor([[0, 1, 2, 3, 4], [1, 2, 0, 4, 5]]), 6),
}


@pytest.mark.parametrize("killing", [0.0, 0.3])
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
def test_with_all_eigenpairs_distances_are_those_of_powers_of_p(graph: Graph, steps: int, killing: float) -> None:
    moved = random_walk(graph, killing)
    got = diffusion_distance(moved, steps, graph.num_nodes)
    torch.testing.assert_close(got, dense_distance(moved, steps), rtol=1e-10, atol=1e-10)


def test_at_long_times_few_eigenpairs_are_enough() -> None:
    moved = random_walk(grid_graph((4, 5)))
    torch.testing.assert_close(diffusion_distance(moved, 100, 4), dense_distance(moved, 100), rtol=1e-3, atol=1e-9)


def test_real_times_lie_between_whole_ones() -> None:
    moved = random_walk(GRAPHS["8-connected"])
    one, between, two = (diffusion_distance(moved, time, 12)[0, 1:] for time in (1.0, 1.5, 2.0))
    assert bool((two < between).all())
    assert bool((between < one).all())


def test_squared_distances_between_rows_of_the_map_are_the_distances() -> None:
    moved = random_walk(grid_graph((4, 5)))
    z = diffusion_map(moved, 2.0, 6)
    assert z.shape == (20, 6)
    expected = diffusion_distance(moved, 2.0, 6)
    torch.testing.assert_close((z[:, None] - z).square().sum(2), expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(squared_distance(moved.graph, z), expected)


def test_pairs_and_rows_are_entries_of_the_whole() -> None:
    moved = random_walk(grid_graph((4, 5)))
    whole = diffusion_distance(moved, 2.0, 6)
    pairs, rows = torch.tensor([[0, 3], [7, 7], [19, 2], [0, 3]]), torch.tensor([5, 0, 5])
    torch.testing.assert_close(diffusion_distance(moved, 2.0, 6, pairs), whole[pairs[:, 0], pairs[:, 1]])
    torch.testing.assert_close(diffusion_distance(moved, 2.0, 6, rows=rows), whole[rows])
    assert diffusion_distance(moved, 2.0, 6, pairs[:0]).shape == (0,)


def test_the_constant_eigenvector_drops_out_without_killing_and_not_with_it() -> None:
    graph = GRAPHS["8-connected"]
    alone = diffusion_distance(random_walk(graph), 1.0, 1)
    torch.testing.assert_close(alone, torch.zeros_like(alone))
    assert float(diffusion_distance(random_walk(graph, random_values(12, 1)), 1.0, 1).max()) > 1e-3


def test_the_map_of_a_batch_is_that_of_its_parts() -> None:
    parts = [grid_graph((3, 4)), ring(5), grid_graph((3, 4)), Graph.batch([ring(6), ring(4)])]
    batch = Graph.batch(parts)
    weight, killing = random_values(batch.num_edges), random_values(batch.num_nodes, 1)
    z = diffusion_map(walk(batch, weight, killing), 1.5, 4)
    edges, nodes = 0, 0
    for part in parts:
        alone = walk(part, weight[edges : edges + part.num_edges], killing[nodes : nodes + part.num_nodes])
        torch.testing.assert_close(z[nodes : nodes + part.num_nodes], diffusion_map(alone, 1.5, 4), rtol=0, atol=0)
        edges, nodes = edges + part.num_edges, nodes + part.num_nodes


def test_distances_between_graphs_of_a_batch_are_infinite_and_have_no_gradient() -> None:
    batch = Graph.batch([grid_graph((2, 3)), Graph.batch([ring(5), ring(5)])])
    weight = random_values(batch.num_edges).requires_grad_()
    moved = walk(batch, weight)
    whole = diffusion_distance(moved, 1.0, 2)
    index = torch.tensor([0] * 6 + [1] * 5 + [2] * 5)
    assert torch.equal(torch.isinf(whole), index[:, None] != index)
    pairs, rows = torch.tensor([[0, 1], [0, 6], [6, 11]]), torch.tensor([0, 12])
    torch.testing.assert_close(diffusion_distance(moved, 1.0, 2, pairs), whole[pairs[:, 0], pairs[:, 1]])
    torch.testing.assert_close(diffusion_distance(moved, 1.0, 2, rows=rows), whole[rows])
    (slope,) = torch.autograd.grad(torch.exp(-whole).sum(), weight)
    assert bool(torch.isfinite(slope).all())
    assert bool((slope != 0).any())


def test_components_of_one_graph_are_a_finite_distance_apart() -> None:
    graph = Graph(torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]]), 6)
    moved = walk(graph, torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(
        diffusion_distance(moved, 50.0, 2, torch.tensor([[0, 1], [0, 3]])),
        torch.tensor([0.0, 4.0], dtype=torch.float64),  # π-shares ½ each: (1/½) + (1/½)
    )


def test_isolated_nodes_are_at_the_origin() -> None:
    moved = random_walk(Graph(torch.tensor([[1, 2, 3], [2, 3, 1]]), 5))
    z = diffusion_map(moved, 1.0, 3)
    assert torch.equal(z[[0, 4]], torch.zeros(2, 3, dtype=torch.float64))
    torch.testing.assert_close(z[[1, 2, 3]].square().sum(1), diffusion_distance(moved, 1.0, 3)[0, 1:4])


def test_distances_have_gradients_in_weights_killing_and_time() -> None:
    graph = grid_graph((3, 4))
    leaves = [random_values(size, seed).requires_grad_() for size, seed in ((17, 0), (12, 1))]
    time = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)

    def run(weight: Tensor, killing: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        moved = walk(graph, weight, killing)
        pairs, rows = torch.tensor([[0, 1], [2, 9]]), torch.tensor([3])
        return (
            diffusion_distance(moved, time, 4),
            diffusion_distance(moved, time, 4, pairs),
            diffusion_distance(moved, time, 4, rows=rows),
        )

    assert torch.autograd.gradcheck(run, (*leaves, time))


def slope_along(function: Callable[[Tensor], Tensor], point: Tensor, direction: Tensor) -> float:
    """By central differences, extrapolated twice."""
    slopes = [float(function(point + h * direction) - function(point - h * direction)) / (2 * h) for h in STEPS]
    coarse, fine = ((4 * b - a) / 3 for a, b in (slopes[:2], slopes[1:]))
    return (16 * fine - coarse) / 15


@pytest.mark.parametrize("chosen", [{}, {"pairs": torch.tensor([[0, 1]])}, {"rows": torch.tensor([0])}])
def test_a_jacobian_by_vmap_is_an_error_and_never_zero(chosen: dict[str, Tensor]) -> None:
    graph = grid_graph((2, 3))
    with pytest.raises(NotImplementedError, match="cannot be run under `vmap`"):
        torch.func.jacrev(lambda weight: diffusion_distance(walk(graph, weight), 1.0, 2, **chosen))(random_values(7))


STEPS = (1e-2, 5e-3, 2.5e-3)


@pytest.mark.parametrize(("graph", "k"), [(ring(12), 6), (grid_graph((5, 5)), 6), (grid_graph((4, 4)), 16)])
def test_gradients_of_distances_are_right_on_uniform_graphs(graph: Graph, k: int) -> None:
    price = random_values(graph.num_nodes**2).reshape(graph.num_nodes, -1)

    def run(weight: Tensor) -> Tensor:
        return (price * torch.log1p(diffusion_distance(walk(graph, weight), 2.0, k))).sum()

    weight = torch.ones(graph.num_edges, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(run(weight), weight)
    direction = random_values(graph.num_edges, 2) - 1
    expected = slope_along(run, weight.detach(), direction)
    assert float(slope @ direction) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", [(4, 5), (20, 30)])
def test_float32_goes_in_and_out(shape: tuple[int, int]) -> None:
    graph = grid_graph(shape)
    weight = random_values(graph.num_edges).float().requires_grad_()
    distance = diffusion_distance(walk(graph, weight), torch.tensor(3.0), 6)
    assert distance.dtype == torch.float32
    expected = diffusion_distance(walk(graph, weight.detach().double()), 3.0, 6)
    torch.testing.assert_close(distance.double(), expected, rtol=1e-3, atol=1e-5 * float(expected.max()))
    distance.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_a_tighter_tolerance_moves_distances_less_than_the_looser_one() -> None:
    moved = random_walk(grid_graph((20, 30)))
    exact, close, loose = (diffusion_distance(moved, 2.0, 6, tolerance=value) for value in (1e-12, 1e-8, 1e-3))
    assert float((exact - close).abs().max()) < 1e-6 * float(exact.max())
    assert float((exact - close).abs().max()) < float((exact - loose).abs().max())


def test_permuting_nodes_permutes_the_distances() -> None:
    graph = grid_graph((4, 5), connectivity=2)
    moved, order = random_walk(graph), torch.randperm(20, generator=torch.Generator().manual_seed(0))
    permuted = walk(Graph(order[graph.edges], 20), moved.weight)
    distance = diffusion_distance(permuted, 2.0, 5)
    torch.testing.assert_close(distance[order][:, order], diffusion_distance(moved, 2.0, 5))


# --- unrolled -------------------------------------------------------------------------------------------------------


def test_the_unrolled_map_tends_to_the_converged_one() -> None:
    batch = Graph.batch([grid_graph((3, 4), connectivity=2), ring(7)])
    moved = random_walk(batch)
    expected = diffusion_distance(moved, 1.5, 3)
    errors = []
    for rounds in (1, 4, 300):
        z = unrolled_diffusion_map(moved, 1.5, 3, rounds=rounds, steps=2)
        got = squared_distance(batch, z)
        errors.append(float((got - expected).nan_to_num(0).abs().max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-6


def test_the_published_map_is_another_one() -> None:
    moved = random_walk(grid_graph((3, 4), connectivity=2))
    z = unrolled_diffusion_map(moved, 1.5, 3, rounds=300, steps=2, as_published=True)
    got, expected = squared_distance(moved.graph, z), diffusion_distance(moved, 1.5, 3)
    assert float((got / got.max() - expected / expected.max()).abs().max()) > 1e-2


@pytest.mark.parametrize("as_published", [False, True])
def test_the_unrolled_map_is_differentiated_by_plain_autograd(as_published: bool) -> None:
    graph = grid_graph((2, 3), connectivity=2)
    time = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)

    def run(weight: Tensor, time: Tensor) -> Tensor:
        return unrolled_diffusion_map(walk(graph, weight), time, 2, steps=3, as_published=as_published)

    assert torch.autograd.gradcheck(run, (random_values(graph.num_edges).requires_grad_(), time))


@pytest.mark.parametrize("as_published", [False, True])
def test_the_unrolled_map_of_weights_of_0_holds_zeros_and_no_nan(as_published: bool) -> None:
    graph = Graph.batch([grid_graph((2, 3)), grid_graph((1,)), grid_graph((2, 3))])
    weight = torch.cat([torch.zeros(7), torch.ones(1), torch.zeros(6)]).double()
    z = unrolled_diffusion_map(walk(graph, weight, killing=0.1), 1.0, 3, as_published=as_published)
    assert not z[:7].any()
    assert bool(z[7:].isfinite().all())
    assert bool(z[7:].any())
    for asked in (weight[:7], weight[7:]):  # of rank 0 and 2
        moved = walk(grid_graph((2, 3)), asked.clone().requires_grad_(), killing=0.1)
        with pytest.raises(ValueError, match=r"Of the 3 largest \|λ\| some are 0.*smaller `k`"):
            unrolled_diffusion_map(moved, 1.0, 3, as_published=as_published)


def test_a_single_node_of_a_batch_takes_no_gradient_from_the_others() -> None:
    graph = Graph.batch([grid_graph((1,)), grid_graph((2, 3))])
    weight, killing = random_values(7).requires_grad_(), torch.full((7,), 0.1, dtype=torch.float64, requires_grad=True)
    for as_published in (False, True):
        z = unrolled_diffusion_map(walk(graph, weight, killing), 1.0, 3, as_published=as_published)
        assert all(bool(slope.isfinite().all()) for slope in torch.autograd.grad(z.sin().sum(), [weight, killing]))


# --- errors ---------------------------------------------------------------------------------------------------------

MOVED = random_walk(grid_graph((2, 3)))
DIRECTED = walk(Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True), torch.ones(2))
SMALL_PART = random_walk(Graph.batch([ring(5), ring(3)]))
PAIRS, ROWS = torch.tensor([[0, 1]]), torch.tensor([0])
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "directed map": (lambda: diffusion_map(DIRECTED, 1.0, 1), "undirected graphs only, .*; got a directed one"),
    "directed distance": (lambda: diffusion_distance(DIRECTED, 1.0, 1), "undirected graphs only"),
    "directed, unrolled": (lambda: unrolled_diffusion_map(DIRECTED, 1.0, 1), "undirected graphs only"),
    "no eigenpair of a batch": (lambda: diffusion_map(SMALL_PART, 1.0, 0), r"`k` must be .* from 1; got 0"),
    "time": (lambda: diffusion_map(MOVED, -0.5, 2), r"`time` must be finite and not negative; got -0.5"),
    "unrolled time": (lambda: unrolled_diffusion_map(MOVED, math.inf, 2), "not negative; got inf"),
    "both": (lambda: diffusion_distance(MOVED, 1.0, 2, PAIRS, rows=ROWS), "Give `pairs` or `rows`, not both"),
    "triples": (
        lambda: diffusion_distance(MOVED, 1.0, 2, torch.zeros(4, 3, dtype=torch.int64)),
        r"`pairs` must be \(P, 2\) int64; got \(4, 3\)",
    ),
    "pairs' type": (
        lambda: diffusion_distance(MOVED, 1.0, 2, PAIRS.float()),
        r"\(P, 2\) int64; got \(\d, 2\) torch.float32",
    ),
    "pairs' range": (lambda: diffusion_distance(MOVED, 1.0, 2, PAIRS + 5), "names node 6, but nodes run from 0 to 5"),
    "rows' shape": (
        lambda: diffusion_distance(MOVED, 1.0, 2, rows=PAIRS),
        r"`rows` must be \(R,\) int64; got \(1, 2\)",
    ),
    "rows' range": (lambda: diffusion_distance(MOVED, 1.0, 2, rows=ROWS - 1), "names node -1"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
