"""Graphs from and to other libraries."""

import networkx as nx
import numpy as np
import torch
from scipy import sparse
from torch_geometric.data import Data

from bad_calls.calls import call
from bad_calls.kinds import a_graph, flag, floats, instance, number, whole, wholes
from bad_calls.things import EDGE_INDEX, EDGE_WEIGHT, GRAPH, WEIGHT, N
from graphrw import convert

try:
    from anndata import AnnData
except ImportError:
    AnnData = None

NETWORK = convert.to_networkx(GRAPH, WEIGHT)
MATRIX = convert.to_scipy(GRAPH, WEIGHT)
TENSOR = convert.to_torch_sparse(GRAPH, WEIGHT)
DATA = convert.to_pyg(GRAPH, WEIGHT)
WORDS = {"directed": flag(), "self_loops": flag()}
COLUMN = {"term_states_fwd": ["a", "b", None]}
CELLS = AnnData and AnnData(
    np.zeros((3, 1)), obs=COLUMN, obsp={"T_fwd": sparse.eye_array(3).tocsr(), "dense": np.eye(3)}
)
ATTRIBUTE = instance("weight", "name").without("type: text", "None").also({"range: no such": "capacity"})
OUT = {
    "graph": a_graph(GRAPH),
    "weight": floats(WEIGHT).without("NaN", "infinite"),  # weights leave as they are
    "self_loops": floats(torch.ones(N)).without("NaN", "infinite").optional(),
}
DTYPE = instance(torch.float32, "torch.float64").optional().also({"dtype: int64": torch.int64})
A_NETWORK = instance(NETWORK, "networkx graph", a_graph=GRAPH)
LABELS = instance({0: "a", 5: "b"}, "dict").without("type: dict").also({"range: no such node": {9: "a"}})
UNHASHABLE = {"range: unhashable": {0: ["a"]}}
VALUES = instance({0: 0.5}, "").without("type: dict")
NUMBERS = {"range: no such node": {9: 1.0}, "NaN": {0: float("nan")}, "type: a text": {0: "much"}, "dtype": {0: 1j}}


def weighted(value: object) -> nx.Graph:
    """A network with one such weight."""
    network = NETWORK.copy()
    network[0][1]["weight"] = value
    return network


def with_entry(value: float, row: int = 0) -> sparse.csr_array:
    matrix = MATRIX.tolil()
    matrix[row, 1] = matrix[1, row] = value
    return matrix.tocsr()


VALUED = {"NaN": float("nan"), "infinite": float("inf"), "range: −1": -1.0}
WEIGHED = {fault: weighted(value) for fault, value in VALUED.items()}
ENTRIES = {fault: with_entry(value) for fault, value in VALUED.items()}
TENSORS = {
    fault: torch.sparse_coo_tensor(EDGE_INDEX, torch.full_like(EDGE_WEIGHT, value), (N, N), check_invariants=False)
    for fault, value in VALUED.items()
}
DATAS = {
    fault: Data(edge_index=EDGE_INDEX, edge_weight=EDGE_WEIGHT * value, num_nodes=N) for fault, value in VALUED.items()
}

OF_CELLS = AnnData and (
    call(
        convert.from_anndata,
        cells=instance(CELLS, "AnnData", matrix=MATRIX),
        transition=instance("T_fwd", "name").also({"range: no such": "T_bwd", "type: dense": "dense"}),
        states=instance("term_states_fwd", "name").also({"range: no such": "clusters"}),
    ),
    call(
        convert.to_anndata,
        cells=instance(CELLS, "AnnData", matrix=MATRIX),
        values=floats(torch.ones(3, 2)).without("dtype", "NaN", "infinite"),
        names=instance(["a", "b"], "list").without("type: list").also({"range: twice": ["a", "a"]}),
        key=instance("fates", "name").without("type: text"),
    ),
)
CALLS = (
    call(
        convert.from_edge_index,
        edge_index=wholes(EDGE_INDEX, -1),
        edge_weight=floats(EDGE_WEIGHT, -1.0).without("dtype: bool", "dtype: int64").optional(),
        num_nodes=whole(N, -1, 2).called("edge_index").optional(),
        **WORDS,
    ),
    call(
        convert.from_networkx,
        network=A_NETWORK.also({**WEIGHED, "dtype: complex": weighted(1j), "dtype: a text": weighted("much")}).worded(
            "Every edge needs a number"
        ),
        weight=ATTRIBUTE.worded('number as its "capacity"'),
        dtype=DTYPE,
        self_loops=flag(),
    ),
    call(
        convert.from_pyg,
        data=instance(DATA, "Data").called("data.edge_index", "data.edge_weight").also({**DATAS, "empty": Data()}),
        weight=instance("edge_weight", "name")
        .without("type: text", "None")
        .also({"range: no such": "capacity"})
        .called("capacity"),
        **WORDS,
    ),
    call(
        convert.from_scipy,
        matrix=instance(MATRIX, "SciPy sparse").also(
            {
                **ENTRIES,
                "shape": sparse.csr_array((2, 3)),
                "dtype: complex": MATRIX.astype(np.complex64),
                "type: dense": MATRIX.toarray(),
            }
        ),
        **WORDS,
    ),
    call(
        convert.from_torch_sparse,
        tensor=instance(TENSOR, "COO").also(
            {
                **TENSORS,
                "shape": torch.ones(2, 3).to_sparse(),
                "dtype: complex": TENSOR.to(torch.complex64),
                "type: dense": TENSOR.to_dense(),
            }
        ),
        **WORDS,
    ),
    call(
        convert.node_dict,
        network=A_NETWORK.called("values"),
        values=floats(torch.ones(N, 2)).without("dtype", "NaN", "infinite", "shape: ()"),
        classes=instance(["a", "b"], "").optional().without("type: list").also({"shape: three": ["a", "b", "c"]}),
    ),
    call(convert.node_seeds, network=A_NETWORK, labels=LABELS.also(UNHASHABLE)),
    call(
        convert.node_values,
        network=A_NETWORK,
        values=VALUES.also(NUMBERS),
        default=number(0.0).without("infinite"),
        dtype=DTYPE,
    ),
    call(convert.to_edge_index, **OUT),
    call(
        convert.to_networkx,
        **OUT,
        nodes=instance("abcdef", "names")
        .optional()
        .also({"shape: too few": "abc", "range: twice": "aacdef", "type: unhashable": [[0]] * N}),
    ),
    call(convert.to_pyg, **OUT),
    call(convert.to_scipy, **OUT),
    call(convert.to_torch_sparse, **OUT),
    *(OF_CELLS or ()),
)
