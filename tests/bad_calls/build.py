"""Graphs from images, meshes and points, and weights from features."""

import torch

from bad_calls.calls import call
from bad_calls.kinds import Argument, a_graph, flag, floats, number, scalar, several, whole, wholes
from bad_calls.things import FEATURES, GRAPH, SEGMENTS, SQUARE, TRIANGLES, WEIGHT, E, N
from graphrw import build

SHAPE = (
    several((2, 3), 0, -1, whole=True)
    .also({"shape: four": (2, 3, 1, 1), "huge": (10**8, 10**8)})
    .worded("The graph of a grid (100000000, 100000000)")
)
BETA = scalar(0.5, -1.0).also({"shape: (3,)": torch.ones(3)}).without("shape: (2, 2)")
LENGTH = floats(torch.ones(E), 0.0, -1.0).optional()
PIXELS = torch.linspace(0, 1, 12).reshape(2, 2, 3)
MESH = {
    "vertices": floats(SQUARE).without("shape: a row more").called("faces"),
    "faces": wholes(TRIANGLES, -1, 9, 1).without("empty"),
}
REGIONS = wholes(SEGMENTS).without("shape: a row more", "shape: an axis more")
IGNORED = whole(None).without("huge")
POOLED = {
    "values": floats(PIXELS).without("shape: a row more", "NaN", "infinite"),  # what is averaged stays what it is
    "segments": REGIONS.called("values"),
    "ignore_index": IGNORED,
}

CALLS = (
    call(
        build.above, share=floats(WEIGHT / 2).without("shape", "empty", "NaN", "infinite"), floor=number(0.1, -0.5, 1.5)
    ),
    call(build.complete_graph, num_nodes=whole(4, -1), directed=flag()),
    call(build.cosine_similarity, graph=a_graph(GRAPH), features=floats(FEATURES)),
    call(build.centroid_distance, **MESH),
    call(build.cotangent_weight, **MESH),
    call(build.crease_features, **MESH),
    call(
        build.crease_weight,
        **MESH,
        concave=number(10.0, -1.0),
        convex=number(0.0, -1.0),
        floor=number(0.1, -0.5, 1.5),
    ),
    call(build.intrinsic_delaunay, **MESH),
    call(build.edge_length, graph=a_graph(GRAPH), points=floats(FEATURES).without("NaN", "infinite")),
    call(
        build.feature_graph,
        features=floats(FEATURES.reshape(2, 2, 3)).without("shape: a row more", "empty", "shape: an axis more"),
        radius=number(None, 0.5, -1.0),
        temperature=scalar(0.1, 0.0, -1.0).without("shape: (2, 2)"),
    ),
    call(build.feature_graph, features=floats(FEATURES).without("shape").called("k"), k=whole(2, 0, N).optional()),
    call(
        build.gaussian_affinity,
        graph=a_graph(GRAPH),
        features=floats(FEATURES),
        beta=BETA,
        length=LENGTH,
    ),
    call(build.grid_graph, shape=SHAPE, connectivity=whole(1, 0, 3), radius=number(None, 0.5, -1.0)),
    call(
        build.grid_weight,
        images=floats(PIXELS).without("NaN", "infinite", "shape: an axis more", "dtype"),  # values move alone
        shape=SHAPE.called("images").without("huge"),
    ),
    call(
        build.knn_graph,
        points=floats(FEATURES).without("shape: a row more").called("k", "batch"),
        k=whole(2, 0, N),
        batch=wholes(torch.zeros(N, dtype=torch.int64), -1, 1).optional(),
    ),
    call(build.l1_affinity, graph=a_graph(GRAPH), features=floats(FEATURES), beta=BETA),
    call(build.local_scale, graph=a_graph(GRAPH), distance=floats(WEIGHT, -1.0), k=whole(2, 0, 3)),
    call(build.mesh_dual_graph, **MESH),
    call(build.mesh_graph, **MESH),
    call(build.pool_boundaries, **POOLED),
    call(
        build.region_votes,
        labels=wholes(SEGMENTS % 2).called("segments").without("shape: a row more", "shape: an axis more"),
        segments=REGIONS.called("labels"),
        num_labels=whole(2, 0, 1).called("labels"),
        ignore_index=IGNORED,
    ),
    call(
        build.union,
        weighted=Argument(
            [(GRAPH, WEIGHT)],
            {
                "None": None,
                "type: number": 2.5,
                "type: graphs": [GRAPH],
                "type: weights": [(WEIGHT, WEIGHT)],
                "shape": [(GRAPH, WEIGHT[1:])],
                "dtype": [(GRAPH, WEIGHT), (GRAPH, WEIGHT.double())],
                "empty": [],
            },
            "pairs|Graph",
        ).called("union", "graph", "weight"),
    ),
    call(build.pool_regions, **POOLED),
    call(
        build.project_regions,
        values=floats(torch.ones(3, 2)).without("dtype", "NaN", "infinite"),
        segments=REGIONS.called("values"),
        ignore_index=IGNORED,
        fill=number(0.0).without("NaN", "infinite"),
    ),
    call(build.region_features, **POOLED),
    call(build.region_index, segments=REGIONS, ignore_index=IGNORED),
    call(build.self_tuning_affinity, graph=a_graph(GRAPH), distance=floats(WEIGHT, -1.0), k=whole(2, 0, 3)),
    call(build.shared_edge_length, **MESH),
    call(build.superpixel_graph, segments=REGIONS, ignore_index=IGNORED, spacing=several((1.0, 2.0), 0.0).optional()),
    call(
        build.weight_images,
        weight=floats(WEIGHT).without("NaN", "infinite", "shape: an axis more", "dtype"),
        shape=SHAPE.called("weight").without("huge"),
    ),
)
