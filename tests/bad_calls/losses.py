"""What training minimises."""

import torch

from bad_calls.calls import call
from bad_calls.kinds import flag, floats, number, whole, wholes
from bad_calls.things import GRAPH, PRIOR, SEEDS, SHARES, N
from graphrw import losses

CLASSES = torch.tensor([0, 0, 0, 1, 1, 1])
TARGET = wholes(CLASSES)
LABELLED = {
    "probability": floats(SHARES, -1.0, 2.0).called("target"),
    "target": wholes(CLASSES, -2, 2).called("probability"),
    "ignore_index": whole(-1),
}
EDGES = wholes(GRAPH.edges, -1, N)
WEIGHT = floats(torch.linspace(0, 1, GRAPH.num_edges), -0.5, 1.5)
INDICES = {"ignore_index": whole(-1), "closed_index": whole(2).optional()}
IMAGES = torch.linspace(0, 1, 12).reshape(1, 2, 2, 3)
SIMILAR = torch.ones(N, N)

CALLS = (
    call(
        losses.affinity_loss,
        weight=WEIGHT.without("range"),
        edges=EDGES,
        target=TARGET.without("shape: a row more"),
        ignore_index=whole(-1),
    ),
    call(
        losses.consistency_loss,
        probability=floats(SHARES[None], -1.0, 2.0).without("shape: a row more"),
        temperature=number(0.5, 0.0),
    ),
    call(losses.cross_entropy, **LABELLED, weight=floats(torch.ones(N), -1.0).optional().without("dtype: int64")),
    call(losses.dice, **LABELLED),
    call(losses.soft_variation_of_information, **LABELLED),
    call(losses.edge_side_loss, weight=WEIGHT, edges=EDGES, target=TARGET.without("shape: a row more"), **INDICES),
    call(
        losses.kernel_matching,
        similarity=floats(SIMILAR),
        target=wholes(SEEDS).without("shape: an axis more"),
        ignore_index=whole(-1),
    ),
    call(losses.mean_squared_error, **LABELLED),
    call(
        losses.presence_loss,
        scores=floats(torch.zeros(2, 2)),
        present=floats(torch.eye(2), -1.0, 0.5).without("dtype: int64", "dtype: bool"),
    ),
    call(
        losses.propagation_loss,
        probability=floats(SHARES, -1.0, 2.0),
        log_prediction=floats(PRIOR.log().expand(N, 2).clone(), 1.0),
        alpha=number(1.0, -1.0),
        entropy_weight=number(1.0, -1.0),
        detach_weight=flag(),
    ),
    call(
        losses.segment_matching,
        rows=floats(SIMILAR[:2], -1.0, 2.0),
        target=wholes(SEEDS).without("shape: an axis more"),
        pixels=wholes(torch.tensor([0, 5]), -1, N),
        ignore_index=whole(-1),
    ),
    call(
        losses.weight_side_loss,
        weight=floats(IMAGES, -0.5, 1.5),
        target=wholes(CLASSES.reshape(1, 2, 3)).called("weight"),
        **INDICES,
    ),
)
