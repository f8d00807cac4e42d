"""Graphs of any kind, shared out among processes: in one process, and in several (`.ci/petsc`)."""

import pytest
import torch

import graphrw as rw
from graphrw import distributed
from graphrw.solvers import Dense, PETSc

pytest.importorskip("petsc4py")
pytest.importorskip("mpi4py")
from mpi4py import MPI

WORLD = MPI.COMM_WORLD
EXACT = PETSc(rtol=1e-12)


def whole():
    """A kNN graph and its weights: the same in all processes."""
    torch.manual_seed(0)
    graph, distance = rw.knn_graph(torch.rand(80, 2).double(), 5)
    return graph, torch.exp(-distance)


def shared_out(graph, attributes):
    """Each process brings every so manyth edge."""
    mine = slice(WORLD.rank, None, WORLD.size)
    return distributed.distribute(graph.edges[:, mine], graph.num_nodes, attributes[mine])


def rows_of_all(graph, part):
    """(N, …): in the order of the nodes of the whole graph."""
    places, rows = (torch.cat(WORLD.allgather(value.detach())) for value in (graph.place, part))
    return rows[places.argsort()]


def test_every_node_and_every_edge_goes_to_one_process_with_what_belongs_to_it():
    graph, weight = whole()
    part, found = shared_out(graph, torch.stack([weight, torch.arange(graph.num_edges).double()], 1))
    assert torch.equal(torch.cat(WORLD.allgather(part.place)).sort().values, torch.arange(graph.num_nodes))
    assert torch.equal(weight[found[:, 1].long()], found[:, 0])
    assert torch.equal(torch.cat(WORLD.allgather(found[:, 1])).sort().values, torch.arange(graph.num_edges).double())
    original = torch.cat([part.place, part.halo.fetch(part.place[:, None].double())[:, 0].long()])
    expected = graph.edges[:, found[:, 1].long()]
    assert torch.equal(original[part.local.edges].sort(0).values, expected.sort(0).values)
    assert part.owned > 80 // WORLD.size // 2  # about as many as others


def test_answers_and_gradients_are_those_of_one_process():
    graph, weight = whole()
    seeds = torch.full((80,), -1)
    seeds[[3, 40, 77]] = torch.tensor([0, 1, 2])
    part, mine = shared_out(graph, torch.stack([weight, torch.arange(graph.num_edges).double()], 1))
    own = mine[:, 0].clone().requires_grad_()
    found = distributed.hitting_probabilities(distributed.walk(part, own), seeds[part.place], solver=EXACT)
    found[:, 1].square().sum().backward()
    weight.requires_grad_()
    expected = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=Dense())
    expected[:, 1].square().sum().backward()
    torch.testing.assert_close(rows_of_all(part, found), expected.detach(), rtol=0, atol=1e-9)
    torch.testing.assert_close(own.grad, weight.grad[mine[:, 1].long()], rtol=1e-8, atol=1e-10)


def test_an_edge_that_is_listed_twice_is_refused():
    edges = torch.tensor([[0, 0, 1], [1, 1, 2]]) if WORLD.rank == 0 else torch.empty(2, 0, dtype=torch.int64)
    if WORLD.size == 1:  # elsewhere only the process that gets it raises, and the others would wait
        with pytest.raises(ValueError, match=r"more than once|twice"):
            distributed.distribute(edges, 3, torch.ones(edges.shape[1]))


def test_eigenpairs_are_those_of_one_process():
    pytest.importorskip("slepc4py")
    graph, weight = whole()
    part, mine = shared_out(graph, weight)
    values, vectors = distributed.eigenpairs(distributed.walk(part, mine), 6)
    degree = rw.walk(graph, weight).degree
    dense = torch.zeros(80, 80).double()
    tail, head = graph.edges
    dense[tail, head] = dense[head, tail] = weight / (degree[tail] * degree[head]).sqrt()
    expected = torch.linalg.eigvalsh(dense)
    expected = expected[expected.abs().argsort(descending=True)][:6]
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-8)
    rows = rows_of_all(part, vectors)
    torch.testing.assert_close(dense @ rows, rows * values, rtol=0, atol=1e-6)
    torch.testing.assert_close(rows.T @ rows, torch.eye(6).double(), rtol=0, atol=1e-8)
