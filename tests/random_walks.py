"""Random graphs and walks for hypothesis, and how long it searches: a little in every run, longer every night."""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from torch import Tensor

import graphrw as rw

NIGHTLY = float(os.environ.get("GRAPHRW_SEARCH_SECONDS", "0"))  # for each test; 0: one short round, always the same
EXAMPLES = 25  # of a round
ROUND = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not NIGHTLY,
    suppress_health_check=list(HealthCheck),
)
SIZES = st.integers(-3, 3).map(lambda power: 10.0**power)


def searched(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Decorates a test: examples of these strategies in rounds until the time is over. A failure prints its example."""

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        def run() -> None:
            end, number = time.monotonic() + NIGHTLY, time.time_ns() if NIGHTLY else 0
            while True:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of what is odd but taken; the answer is what is judged here
                    search = ROUND(given(*strategies)(test))
                    (seed(number)(search) if NIGHTLY else search)()
                number += 1
                if time.monotonic() >= end:
                    return

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate


@st.composite
def walks(draw: st.DrawFn, *, directed: bool | None = False, killing: bool = False) -> rw.Walk:
    """A walk on 2 to 12 nodes, each of which comes to every other, with weights over six decades.

    Its killing is 0, or (with `killing`) positive somewhere.
    """
    nodes = draw(st.integers(2, 12))
    one_way = draw(st.booleans()) if directed is None else directed
    round_trip = [(i, (i + 1) % nodes) for i in range(nodes if one_way else nodes - 1)]
    node = st.integers(0, nodes - 1)
    more = draw(st.lists(st.tuples(node, node).filter(lambda pair: pair[0] != pair[1]), max_size=2 * nodes))
    pairs = list(dict.fromkeys(p if one_way else (min(p), max(p)) for p in [*round_trip, *more]))
    rates = draw(st.lists(SIZES, min_size=len(pairs), max_size=len(pairs)))
    ends = (
        draw(st.lists(st.just(0.0) | SIZES, min_size=nodes - 1, max_size=nodes - 1)) if killing else [0.0] * (nodes - 1)
    )
    last = [draw(SIZES)] if killing else [0.0]
    graph = rw.Graph(torch.tensor(pairs).T, nodes, one_way)
    return rw.walk(graph, torch.tensor(rates, dtype=torch.float64), torch.tensor(ends + last, dtype=torch.float64))


def column(draw: st.DrawFn, walk: rw.Walk) -> Tensor:
    """(N,): a number from −3 to 3 for each node."""
    numbers = st.floats(-3, 3, width=32)
    return torch.tensor(draw(st.lists(numbers, min_size=walk.graph.num_nodes, max_size=walk.graph.num_nodes))).double()


@st.composite
def walks_with_vectors(draw: st.DrawFn, *, directed: bool | None = None, killing: bool = True) -> tuple[Any, ...]:
    """A walk and two vectors (N,)."""
    walk = draw(walks(directed=directed, killing=killing))
    return walk, column(draw, walk), column(draw, walk)


@st.composite
def seeded_walks(draw: st.DrawFn, *, killing: bool = False) -> tuple[rw.Walk, Tensor]:
    """A walk and seeds of labels 0, 1 and 2 on at least one node."""
    walk = draw(walks(directed=None, killing=killing))
    nodes = walk.graph.num_nodes
    seeds = draw(st.lists(st.sampled_from([-1, -1, -1, 0, 1, 2]), min_size=nodes, max_size=nodes))
    seeds[draw(st.integers(0, nodes - 1))] = draw(st.integers(0, 2))
    return walk, torch.tensor(seeds)
