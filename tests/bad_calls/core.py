"""Graphs, walks and solves."""

import torch

import graphrw as rw
from bad_calls.calls import call
from bad_calls.kinds import a_graph, a_solver, a_walk, flag, floats, instance, scalar, whole, wholes
from bad_calls.things import FEATURES, GRAPH, KILLED, WALK, WEIGHT, N

FACTOR = rw.factorize(KILLED)
GRAPHS = {"None: inside": [GRAPH, None], "type: inside": [GRAPH, WEIGHT], "empty": [], "type: a graph": GRAPH}

CALLS = (
    call(
        rw.Graph,
        edges=wholes(GRAPH.edges, -1, N),
        num_nodes=whole(N, -1, N - 1).called("edges"),
        directed=flag(),
    ),
    call(rw.Graph.batch, graphs=instance([GRAPH, GRAPH], "`Graph`").without("type: list").also(GRAPHS)),
    call(
        GRAPH.to,
        device=instance("cpu", "device").without("type: text").also({"range: no such": "gpu", "range: 3.0": 3.0}),
    ),
    call(GRAPH.subgraph, nodes=wholes(torch.tensor([0, 5]), -1, N).without("shape: a row more", "empty")),
    call(
        rw.walk,
        graph=a_graph(GRAPH),
        weight=floats(WEIGHT, -1.0),
        killing=scalar(0.5, -1.0).also({"shape: (2,)": torch.ones(2)}),
    ),
    call(
        WALK.to,
        device=instance("cpu", "device").without("type: text").also({"range: no such": "gpu", "range: 3.0": 3.0}),
    ),
    call(rw.absorb, walk=a_walk(WALK), nodes=wholes(torch.tensor([0, 5]), -1, N).without("shape: a row more", "empty")),
    call(
        rw.solve,
        walk=a_walk(KILLED),
        b=floats(FEATURES).worded("The right-hand side must be finite"),
        solver=a_solver(),
        transpose=flag(),
        start=floats(FEATURES).optional(),
    ),
    call(rw.factorize, walk=a_walk(KILLED), solver=a_solver()),
    call(
        FACTOR.solve, b=floats(FEATURES).worded("The right-hand side must be finite"), start=floats(FEATURES).optional()
    ),
)
