"""Steps by the compressed matrix beside those by edges."""

import pytest
import torch
from propagation_walks import either_normalisation, every_graph, features
from torch import Tensor

from graphrw import Graph, grid_graph, walk
from graphrw.core.walk import Walk
from graphrw.functional import transition as transitions
from graphrw.functional.propagation import step
from graphrw.testing import sample_walk


@every_graph
@either_normalisation
def test_many_columns_go_by_the_compressed_matrix_unless_something_is_differentiated(
    graph: Graph, symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, f = sample_walk(graph), features(graph, transitions.SOON_PAID)

    def stepped(weight: Tensor, f: Tensor) -> Tensor:
        return step(Walk(graph, weight, moved.killing.detach()), f, 2, restart=0.2, self_loops=0.7, symmetric=symmetric)

    by_edges = stepped(moved.weight.detach().requires_grad_(), f)
    direction = torch.rand_like(moved.weight)
    _, tangent = torch.func.jvp(lambda weight: stepped(weight, f), (moved.weight.detach(),), (direction,))
    (slope,) = torch.autograd.functional.jvp(lambda weight: stepped(weight, f), (moved.weight.detach(),), direction)[1:]
    torch.testing.assert_close(tangent, slope)
    monkeypatch.setattr(transitions, "_by_edges", lambda *_: pytest.fail("by edges"))
    for kind in (torch.float64, torch.float32):
        found = stepped(moved.weight.detach().to(kind), f.detach().to(kind))
        torch.testing.assert_close(found.double(), by_edges, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(stepped(moved.weight.detach(), f.detach()), by_edges)


def test_a_few_columns_are_not_worth_a_pattern_that_serves_once() -> None:
    graph = grid_graph((4, 5))
    moved, f = walk(graph, torch.ones(graph.num_edges)), torch.rand(20)
    step(moved, f)
    assert not graph.has_plan("rows")
    step(moved, f, transitions.SOON_PAID)
    assert graph.has_plan("rows")
