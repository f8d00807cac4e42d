"""PyG's transforms, made and called."""

import copy

from torch_geometric.data import Data

from bad_calls.calls import Call, call
from bad_calls.kinds import a_solver, flag, instance, number, several, whole
from bad_calls.things import EDGE_INDEX, EDGE_WEIGHT, SEEDS, N
from graphrw import transforms

DATA = Data(edge_index=EDGE_INDEX, edge_weight=EDGE_WEIGHT, num_nodes=N, y=SEEDS.clamp(min=0), train_mask=SEEDS >= 0)
LOOSE = Data(edge_index=EDGE_INDEX, edge_weight=-EDGE_WEIGHT, num_nodes=N, y=DATA.y, train_mask=DATA.train_mask)
NAME = instance("encoding", "name").without("type: text")
WEIGHT = instance("edge_weight", "name").without("None", "type: text")
ENCODING = {
    "times": several((1.0, 2.0), -1.0).saying("numbers"),
    "k": whole(2, 0, huge=False).optional(),
    "weight": WEIGHT,
    "attr_name": NAME,
}
SPARSE = {
    "top_k": whole(2, 0, huge=False).called("threshold"),
    "self_loops": number(1.0, -1.0),
    "symmetric": flag(),
    "normalize": flag(),
    "weight": WEIGHT,
    "solver": a_solver(),
}
THRESHOLD = number(0.1, -1.0).called("top_k")


def called(transform: object) -> Call:
    data = instance(copy.copy(DATA), "Data", tensor=EDGE_INDEX).called("data.edge_weight")  # `forward` writes to it
    return call(transform.forward, data=data.also({"range: -1": LOOSE, "empty": Data()}))  # type: ignore[attr-defined]


CALLS = (
    call(transforms.AddDiffusionMap, **ENCODING),
    called(transforms.AddDiffusionMap()),
    call(transforms.AddDiffusionDistance, **ENCODING),
    called(transforms.AddDiffusionDistance()),
    call(
        transforms.AddHittingProbabilities,
        mask=NAME.optional(),
        num_labels=whole(2, 0, huge=False).optional(),
        unreachable=flag(),
        weight=WEIGHT,
        attr_name=NAME,
        solver=a_solver(),
    ),
    called(transforms.AddHittingProbabilities()),
    call(transforms.SparsePageRank, alpha=number(0.85, 0.0, 1.0), **SPARSE),
    call(transforms.SparsePageRank, threshold=THRESHOLD),
    called(transforms.SparsePageRank(top_k=2)),
    call(transforms.SparseHeat, time=number(5.0, -1.0), **SPARSE),
    call(transforms.SparseHeat, threshold=THRESHOLD),
    called(transforms.SparseHeat(top_k=2)),
)
