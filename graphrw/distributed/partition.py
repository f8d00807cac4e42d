"""Any graph, shared out so that few edges run between processes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph
from graphrw.distributed.graph import DistributedGraph
from graphrw.distributed.halo import Halo, mpi
from graphrw.solvers.iterative.petsc import check_size, petsc


def distribute(
    edges: Tensor, num_nodes: int, attributes: Tensor, *, comm: Any = None
) -> tuple[DistributedGraph, Tensor]:
    """Share out an undirected graph by ParMETIS or PT-Scotch, whichever PETSc has.

    Every process brings some of the edges, such as its part of a file, and gets those of its nodes; none ever holds
    all. Nodes are numbered anew: ``graph.place`` tells which ones this process has.

    Args:
        edges: (2, E_here) int64: each undirected edge once, in one process.
        num_nodes: of the whole graph.
        attributes: (E_here, F) or (E_here,) float64 of these edges, which go where they go.
        comm: PETSc's communicator; None: all processes.

    Returns:
        This process's part, and the attributes of its edges, in their order.

    Raises:
        ValueError: for edges that are listed twice or join a node to itself, or other shapes.

    Source: F. Pellegrini, C. Chevalier, PT-Scotch, Parallel Computing 34, 2008; G. Karypis, V. Kumar, ParMETIS, 1998.
    """
    edges, comm = as_tensor("edges", edges, "(2, E) int64"), comm or petsc().COMM_WORLD
    if edges.ndim != 2 or len(edges) != 2 or attributes.shape[:1] != edges.shape[1:]:
        got = f"{tuple(edges.shape)} and {tuple(attributes.shape)}"
        raise ValueError(f"`edges` must be (2, E), and `attributes` (E, F) or (E,); got {got}.")
    check_size(num_nodes)
    blocks = np.arange(comm.size + 1) * num_nodes // comm.size
    mine = np.arange(*blocks[comm.rank : comm.rank + 2])
    home = _homes(edges.numpy(), blocks, comm)
    number, ends = _renumbered(home, comm)
    known = np.unique(edges.numpy())
    renamed = Halo(comm, len(mine), torch.from_numpy(known)).fetch(torch.from_numpy(number)[:, None].double())
    anew = renamed[:, 0].long().numpy()[np.searchsorted(known, edges.numpy())]
    owner = np.searchsorted(ends, anew[0], side="right")
    here = _sent(comm, anew.T, owner).T
    values = _sent(comm, attributes.double().reshape(len(attributes), -1).numpy(), owner)
    place = _sent(comm, np.stack([number, mine], 1), home)
    place = place[place[:, 0].argsort(), 1]
    return _local(here, place, ends, comm), torch.from_numpy(values).reshape(-1, *attributes.shape[1:])


def _homes(edges: NDArray[np.int64], blocks: NDArray[np.int64], comm: Any) -> NDArray[np.int64]:
    """For each node of this process's block, which process shall have it."""
    start, stop = blocks[comm.rank : comm.rank + 2]
    if comm.size == 1:
        return np.zeros(stop - start, dtype=np.int64)
    library, both = petsc(), np.concatenate([edges, edges[::-1]], 1).T
    rows = _sent(comm, both, np.searchsorted(blocks[1:], both[:, 0], side="right"))
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    indptr = np.searchsorted(rows[:, 0], np.arange(start, stop + 1)).astype(library.IntType)
    csr = (indptr, rows[:, 1].astype(library.IntType), np.ones(len(rows)))
    size = (int(stop - start), int(blocks[-1]))
    adjacency = library.Mat().createAIJ((size, size), csr=csr, comm=comm).convert("mpiadj")
    partitioning = library.MatPartitioning().create(comm)
    partitioning.setAdjacency(adjacency)
    partitioning.setType("parmetis" if library.Sys.hasExternalPackage("parmetis") else "ptscotch")
    partitioning.setFromOptions()
    homes = library.IS()
    partitioning.apply(homes)
    return np.asarray(homes.getIndices(), dtype=np.int64)


def _renumbered(home: NDArray[np.int64], comm: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The new number of each node of this process's block, and where those of each process end."""
    counts = np.array(comm.tompi4py().allgather(np.bincount(home, minlength=comm.size)))
    ends = counts.sum(0).cumsum()
    first = ends - counts.sum(0) + counts[: comm.rank].sum(0)
    number = np.empty_like(home)
    order = home.argsort(kind="stable")
    number[order] = np.arange(len(home)) - np.searchsorted(home[order], home[order]) + first[home[order]]
    return number, ends


def _local(edges: NDArray[np.int64], place: NDArray[np.int64], ends: NDArray[np.int64], comm: Any) -> DistributedGraph:
    """Of `edges` (2, E) in the new numbers, whose tails are all this process's own."""
    owned = len(place)
    start = int(ends[comm.rank]) - owned
    foreign = (edges < start) | (edges >= start + owned)
    ghosts = np.unique(edges[foreign])
    numbers = np.where(foreign, owned + np.searchsorted(ghosts, edges), edges - start)
    graph = Graph(torch.from_numpy(numbers), owned + len(ghosts))
    return DistributedGraph(graph, Halo(comm, owned, torch.from_numpy(ghosts)), torch.from_numpy(place))


def _sent(comm: Any, rows: NDArray[Any], to: NDArray[np.int64]) -> NDArray[Any]:
    """The rows (M, C) that all processes have for this one; those of one process in its order."""
    world, columns = comm.tompi4py(), rows.shape[1]
    ordered = np.ascontiguousarray(rows[to.argsort(kind="stable")])
    counts = np.bincount(to, minlength=comm.size) * columns
    expected = np.array(world.alltoall(counts.tolist()))
    received = np.empty(expected.sum(), dtype=rows.dtype)
    kind = mpi().INT64_T if rows.dtype == np.int64 else mpi().DOUBLE
    world.Alltoallv([ordered.reshape(-1), counts.tolist(), kind], [received, expected.tolist(), kind])
    return received.reshape(-1, columns)
