"""Grids that were asked for before, with what solvers have prepared for them."""

import os
from collections.abc import Callable, Hashable

from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque

MOST_BYTES = 2**30  # of all grids together, with all that is kept with them

_kept: dict[Hashable, Graph] = {}  # the least recently used first; no lock, which a forked process might find shut


def shared(key: Hashable, make: Callable[[], Graph]) -> Graph:
    """The graph of `key`: the same as last time, if it is still kept; else what `make` returns.

    A process that was forked begins anew: plans of its parent may wait for threads that it does not have.
    """
    key = os.getpid(), key
    graph = _kept.pop(key, None) or make()
    _kept[key] = graph
    _forget_oldest()
    return graph


@opaque
def forget_grids() -> None:
    """Give back the memory of all grids that are kept for later calls, and of what solvers have prepared for them.

    `grid_graph` and whatever works on images keep the last grids, up to a gibibyte, so that a second image of a shape
    costs less than the first. Graphs in use stay what they are.

    >>> import graphrw as rw
    >>> grid = rw.grid_graph((4, 5))
    >>> rw.grid_graph((4, 5)) is grid
    True
    >>> rw.build.forget_grids()
    >>> rw.grid_graph((4, 5)) is grid
    False
    """
    _kept.clear()


def _forget_oldest() -> None:
    """Until no more is kept than may be; what has grown too large by itself goes too, as soon as it is asked for."""
    sizes = {key: graph.nbytes for key, graph in list(_kept.items())}
    total = sum(sizes.values())
    for key, size in sizes.items():
        if total <= MOST_BYTES:
            return
        _kept.pop(key, None)
        total -= size
