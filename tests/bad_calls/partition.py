"""Seeds, clusters and nested segments."""

import torch

from bad_calls.calls import call
from bad_calls.kinds import floats, instance, number, several, whole, wholes
from bad_calls.things import FEATURES, GRAPH, SEGMENTS, N
from graphrw import partition

SIMILARITY = FEATURES @ FEATURES.T
RUNS = {
    "weight": floats(torch.ones(N), 0.0, -1.0).without("dtype: int64").optional(),
    "seed": whole(0),
    "starts": whole(1, 0, huge=False),
}
LEVELS = {
    "num_segments": several([3, 2], 0, N + 1, whole=True),
    "edges": wholes(GRAPH.edges, -1, N).without("empty").optional(),
}
SIMILAR = floats(SIMILARITY).without("shape: an axis more")
PARTS = wholes(SEGMENTS).without("shape: a row more", "shape: an axis more")
POINTS = floats(FEATURES).without("shape: a row more")

CALLS = (
    call(
        partition.kernel_hierarchy,
        similarity=SIMILAR,
        **LEVELS,
        linkage=floats(SIMILARITY).optional(),
        **RUNS,
    ),
    call(partition.kernel_kmeans, similarity=SIMILAR, num_clusters=whole(2, 0, N + 1), **RUNS),
    call(partition.kmeans, coordinates=POINTS, num_clusters=whole(2, 0, N + 1), **RUNS),
    call(partition.map_hierarchy, coordinates=POINTS, **LEVELS, **RUNS),
    call(
        partition.oracle_seeds,
        segments=wholes(SEGMENTS, -1).without("shape: a row more", "shape: an axis more"),
        ignore_index=whole(None),
        generator=instance(torch.Generator(), "`torch.Generator`").optional(),
    ),
    call(
        partition.simulated_scribbles,
        classes=wholes(SEGMENTS, -1).without("shape: a row more", "shape: an axis more"),
        ignore_index=whole(None),
        share=number(0.5, 0.0, 1.5),
        smallest=whole(1, 0),
        generator=instance(torch.Generator(), "`torch.Generator`").optional(),
    ),
    call(partition.connected_segments, segments=PARTS, ignore_index=whole(-1), min_size=whole(2, 0)),
    call(partition.grown_segments, segments=PARTS, ignore_index=whole(-1)),
)
