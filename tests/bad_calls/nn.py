"""Layers, made and called."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import GCNConv

from bad_calls.calls import call
from bad_calls.kinds import Argument, a_solver, flag, floats, instance, number, scalar, whole, wholes
from bad_calls.things import EDGE_INDEX, EDGE_WEIGHT, FEATURES, GRAPH, PAIRS, PRIOR, SEEDS, SHARES, WEIGHT, N
from graphrw import nn

CHANNELS = whole(2, 0, -1)
DISTRIBUTION = floats(PRIOR, -0.5, 0.75).optional()
LABELS = {
    "num_labels": whole(2, 0, 1).called("unreachable").optional(),
    "directed": flag(),
    "unreachable": DISTRIBUTION,
    "solver": a_solver(),
}
FLOOR = {"floor": number(1e-6, 0.0, 1.0)}
# A `Graph`, PyG's edge_index or its adj_t: errors say which they took it for.
EITHER = instance(GRAPH, "`Graph`|edge_index", tensor=torch.ones(2, 3, 4, 5)).called("edge_index", "adj_t")
INDEX = wholes(EDGE_INDEX).without("None", "type", "empty", "dtype: bool").bad
BELOW, BEYOND = EDGE_INDEX.clone(), EDGE_INDEX.clone()
BELOW[0, 0], BEYOND[0, 0] = -1, N
GIVEN = EITHER.also(INDEX)
X = floats(FEATURES).called("features")
WEIGHTED = floats(WEIGHT, -1.0).without("dtype: int64", "dtype: bool").optional()
PREDICTED = WEIGHTED.without("NaN", "infinite", "range")  # for the walk behind to refuse
SEEDED = wholes(SEEDS, -2)
IMAGE = torch.ones(1, 2, 2, 3)
SCORES = torch.ones(1, 1, 2, 3)
IMAGE_SEEDS = wholes(SEEDS.reshape(1, 2, 3), -2)
MAPS = torch.linspace(0, 1, 8).reshape(1, 2, 2, 2)
BATCH = wholes(torch.zeros(N, dtype=torch.int64), -1).optional()
DISTANCES = nn.DiffusionDistance(2)
MAPPED = {"x": X.without("shape: ()"), "graph": GIVEN, "weight": WEIGHTED, "batch": BATCH}

CORRECTED = {
    "y_soft": floats(SHARES).called("probability", "graph", "mask", "weight"),
    "y_true": wholes(torch.tensor([0, 1]), -2).called("seeds"),
    "mask": wholes(torch.tensor([0, 5]), -1, N).called("y_true").without("empty"),
    "graph": GIVEN,
    "weight": WEIGHTED,
}


# An edge_index says how many nodes there are at least: more rows are those of isolated nodes.
ROWS = X.without("shape: a row more", "shape: an axis more").called("edge_index", "f")
LISTED = {
    "graph": replace(GIVEN, good=EDGE_INDEX).also({"range: -1": BELOW, "range: N": BEYOND}),
    "weight": floats(EDGE_WEIGHT, -1.0).without("dtype: int64", "dtype: bool").optional().called("edge_weight"),
}


def attributes(rows: int) -> Argument:
    return floats(torch.ones(rows, 1)).without("NaN", "infinite")


def boundary_labels_of_images(boundary: Any, seeds: Any) -> Tensor:
    return nn.BoundaryLabels()(boundary, seeds)


def harmonic_labels_of_images(weight: Any, seeds: Any) -> Tensor:
    return nn.HarmonicLabels()(weight, seeds)


def propagation_between_two_kinds(x: Any, graph: Any, weight: Any) -> Tensor:
    return nn.Propagation(directed=True)(x, graph, weight)


CALLS = (
    call(nn.AttentionalInterpolation, scale=scalar(8.0, 0.0, -1.0), window=whole(5, 0), align_corners=flag()),
    call(
        nn.AttentionalInterpolation(window=3).forward,
        values=floats(MAPS).without("NaN", "infinite"),
        high=floats(torch.ones(1, 3, 4, 4)).called("values").without("NaN", "infinite"),
        low=floats(torch.ones(1, 3, 2, 2)).without("NaN", "infinite").optional(),
    ),
    call(nn.BoundaryLabels, **LABELS, degree_normalised=flag(True), leave=flag()),
    call(
        nn.BoundaryLabels().forward,
        graph=GIVEN,
        boundary=floats(torch.ones(N), -1.0),
        seeds=SEEDED,
        weight=WEIGHTED,
    ),
    call(
        boundary_labels_of_images,
        boundary=floats(SCORES, -1.0).called("graph"),
        seeds=IMAGE_SEEDS,
    ),
    call(
        nn.CorrectAndSmooth,
        correction_alpha=number(0.9, 0.0, 1.0).called("alpha"),
        smoothing_alpha=number(0.8, 0.0, 1.0).called("alpha"),
        autoscale=flag(True),
        scale=number(1.0, -1.0),
        solver=a_solver(),
    ),
    call(nn.CorrectAndSmooth(0.9, 0.8).forward, **CORRECTED),
    call(nn.CorrectAndSmooth(0.9, 0.8).correct, **CORRECTED),
    call(nn.CorrectAndSmooth(0.9, 0.8).smooth, **CORRECTED),
    call(
        nn.DiffusionDistance,
        k=whole(4, 0),
        mu=number(1.0, 0.0, -1.0),
        time=number(1.0, 0.0, -1.0),
        scale=number(1.0, 0.0, -1.0),
    ),
    call(
        DISTANCES.forward,
        **MAPPED,
        pairs=wholes(PAIRS, -1, N).without("shape: a row more", "empty").optional(),
    ),
    call(
        DISTANCES.forward,
        **MAPPED,
        rows=wholes(torch.tensor([0, 5]), -1, N).without("shape: a row more", "empty").optional(),
    ),
    call(DISTANCES.map, **MAPPED),
    call(DISTANCES.dense, **MAPPED),
    call(DISTANCES.similarity, distance=floats(torch.ones(3, 3)).without("shape", "empty", "infinite", "NaN")),
    call(nn.EdgeWeightsCNN, in_channels=CHANNELS, axes=whole(2, 1, 4).saying("images"), hidden=whole(4, 0), **FLOOR),
    call(nn.EdgeWeightsCNN(2).forward, features=floats(IMAGE).without("shape: a row more", "empty")),
    call(
        nn.EdgeWeightsGNN,
        encoder=instance(GCNConv(2, 3), "encoder"),
        in_channels=CHANNELS.optional(),
        num_attributes=whole(0, -1),
        hidden=whole(4, 0),
        **FLOOR,
    ),
    call(
        nn.EdgeWeightsGNN(GCNConv(2, 3), num_attributes=1).forward,
        x=X.without("NaN", "infinite", "dtype", "type: list", "type: text").called("features"),  # the encoder's affair
        graph=GIVEN,
        edge_attr=attributes(len(WEIGHT)),
    ),
    call(
        nn.EdgeWeightsGaussian,
        in_channels=CHANNELS,
        per_channel=flag(),
        beta=number(1.0, 0.0).optional(),
        **FLOOR,
    ),
    call(nn.EdgeWeightsGaussian(2).forward, x=X.without("NaN", "infinite"), graph=GIVEN, weight=PREDICTED),
    call(
        nn.EdgeWeightsMLP,
        in_channels=whole(2, -1),
        num_attributes=whole(0, -1),
        hidden=whole(4, 0),
        **FLOOR,
    ),
    call(
        nn.EdgeWeightsMLP(2, 1).forward,
        x=X.without("NaN", "infinite"),
        graph=GIVEN,
        edge_attr=attributes(len(WEIGHT)),
    ),
    call(nn.FeatureAffinity, in_channels=CHANNELS, bias=flag()),
    call(nn.FeatureAffinity(2).forward, x=X.without("NaN", "infinite"), graph=GIVEN, weight=PREDICTED),
    call(nn.HarmonicLabels, **LABELS, num_samples=whole(3, 0, huge=False).optional(), prune=flag()),
    call(nn.HarmonicLabels().forward, graph=GIVEN, weight=WEIGHTED, seeds=SEEDED),
    call(
        harmonic_labels_of_images,
        weight=floats(IMAGE, -1.0).called("graph"),
        seeds=IMAGE_SEEDS,
    ),
    call(
        nn.Propagation,
        alpha=number(0.9, 0.0, 1.0),
        steps=whole(None, -1, huge=False),
        learn_alpha=flag(),
        average=flag(True),
        symmetric=flag(),
        self_loops=number(0.0, -1.0),
        directed=flag(),
        solver=a_solver(),
    ),
    call(
        nn.Propagation().forward,
        x=X.called("f").worded("The right-hand side must be finite"),
        graph=GIVEN,
        weight=WEIGHTED,
    ),
    call(nn.Propagation().forward, x=ROWS.worded("The right-hand side must be finite"), **LISTED),
    call(
        nn.HarmonicLabels().forward,
        **LISTED,
        seeds=SEEDED.without("shape: a row more", "shape: an axis more").called("edge_index"),
    ),
    call(
        propagation_between_two_kinds,
        x=instance((FEATURES, torch.ones(N, 2)), "").also(
            {"shape": (FEATURES, torch.ones(N, 3)), "None: inside": (FEATURES, None), "shape: three": (FEATURES,) * 3}
        ),
        graph=replace(GIVEN, good=EDGE_INDEX).also({"type: a graph": GRAPH}),
        weight=floats(EDGE_WEIGHT, -1.0).optional().without("dtype: int64", "dtype: bool").called("edge_weight"),
    ),
    call(nn.RegionPooling, threshold=number(0.0), rows_at_once=whole(2, 0)),
    call(
        nn.RegionPooling().forward,
        x=floats(FEATURES).called("similarity").without("NaN", "infinite"),
        similarity=floats(torch.ones(N, N), -1.0),
    ),
    call(
        nn.RegionClassifier,
        in_channels=CHANNELS,
        num_classes=whole(2, 1),
        threshold=number(0.0),
        sharpness=number(1.0, 0.0),
    ),
    call(
        nn.RegionClassifier(2, 2).forward,
        x=floats(FEATURES).called("similarity").without("NaN", "infinite"),
        similarity=floats(torch.ones(N, N), -1.0),
        batch=BATCH,
    ),
)
