"""Seeds, values and answers by the names of a networkx graph's nodes."""

import math
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from graphrw.convert.networkx import checked_dtype, numbered
from graphrw.core.arrays import as_tensor
from graphrw.core.finite import kept_in
from graphrw.core.opaque import opaque
from graphrw.core.whole import is_number


@opaque
def node_seeds(network: "nx.Graph[Any]", labels: Mapping[Any, Hashable]) -> tuple[Tensor, list[Any]]:
    """Seeds for `hitting_probabilities` from the labels of some nodes by name.

    Args:
        network: N nodes; node i is ``list(network)[i]``, as in `from_networkx`.
        labels: what is known: the label, of any kind, of some of the nodes.

    Returns:
        ``seeds`` (N,) int64, −1 where nothing is known; and the L labels that they number: sorted, or where they cannot
        be in the order in which they come. Column l of an answer is that of label l.

    Raises:
        ValueError: for a node that `network` does not have.

    >>> node_seeds(nx.path_graph(["a", "b", "c"]), {"c": "red", "a": "blue"})
    (tensor([ 0, -1,  1]), ['blue', 'red'])
    """
    _, number = _known(network, labels, "labels")
    strange = [label for label in labels.values() if not isinstance(label, Hashable)]
    if strange:
        raise ValueError(f"`labels` must be hashable, such as numbers or strings; got {strange[0]!r}.")
    classes: list[Any] = list(dict.fromkeys(labels.values()))
    with suppress(TypeError):  # labels of several kinds have no order but that in which they come
        classes.sort()
    place = {label: i for i, label in enumerate(classes)}
    seeds = torch.full((len(number),), -1)
    for node, label in labels.items():
        seeds[number[node]] = place[label]
    return seeds, classes


@opaque
def node_values(
    network: "nx.Graph[Any]", values: Mapping[Any, float], default: float = 0.0, dtype: torch.dtype | None = None
) -> Tensor:
    """A number for each node, (N,), from those of some nodes by name: `pagerank`'s start, a walk's killing.

    Args:
        network: N nodes; node i is ``list(network)[i]``, as in `from_networkx`.
        values: the numbers that are not `default`.
        default: of the other nodes.
        dtype: of the result, float32 or float64; None: torch's default.

    Raises:
        ValueError: for a node that `network` does not have, another dtype, or what is no number that it holds.

    >>> node_values(nx.path_graph(["a", "b", "c"]), {"c": 0.5})
    tensor([0.0000, 0.0000, 0.5000])
    """
    nodes, _ = _known(network, values, "values")
    dtype = checked_dtype(dtype)
    for name, value in (("default", default), *(("values", value) for value in values.values())):
        if not (is_number(value) and not math.isnan(value)):
            raise ValueError(f"`{name}` must be numbers; got {value!r}.")
    numbers = torch.tensor([float(values.get(node, default)) for node in nodes], dtype=torch.float64)
    return kept_in("values", numbers, dtype)


@opaque
def node_dict(network: "nx.Graph[Any]", values: Tensor, classes: Sequence[Any] | None = None) -> dict[Any, Any]:
    """An answer by the names of the nodes.

    Args:
        network: N nodes; node i is ``list(network)[i]``, as in `from_networkx`.
        values: (N,) or (N, L); gradients end here.
        classes: the L labels of the columns, as `node_seeds` returns them.

    Returns:
        For each node its Python number; of an (N, L) answer a list of L numbers, with `classes` a dict of them.

    Raises:
        ValueError: for another number of nodes or classes.

    >>> answer = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    >>> node_dict(nx.path_graph(["a", "b"]), answer, ["blue", "red"])
    {'a': {'blue': 1.0, 'red': 0.0}, 'b': {'blue': 0.25, 'red': 0.75}}
    >>> node_dict(nx.path_graph(["a", "b"]), answer.argmax(1))
    {'a': 0, 'b': 1}
    """
    nodes, _ = numbered(network)
    values = as_tensor("values", values, f"({len(nodes)},) or ({len(nodes)}, L)")
    if values.ndim not in (1, 2) or len(values) != len(nodes):
        raise ValueError(f"`values` must be ({len(nodes)},) or ({len(nodes)}, L); got {tuple(values.shape)}.")
    rows: list[Any] = values.tolist()
    if not isinstance(classes, Sequence | None):
        raise ValueError(f"`classes` must be a list with a label for each column; got {type(classes).__name__}.")
    if classes is None:
        return dict(zip(nodes, rows, strict=True))
    if values.shape[1:] != (len(classes),):
        raise ValueError(f"`classes` are {len(classes)}, but `values` are {tuple(values.shape)}: a column for each.")
    return {node: dict(zip(classes, row, strict=True)) for node, row in zip(nodes, rows, strict=True)}


def _known(network: "nx.Graph[Any]", given: Mapping[Any, Any], name: str) -> tuple[list[Any], dict[Any, int]]:
    """The nodes and their numbers; `ValueError` if something is given for a node that there is not."""
    nodes, number = numbered(network)
    if not isinstance(given, Mapping):
        raise ValueError(f"`{name}` must be a dict with nodes of `network` as its keys; got {type(given).__name__}.")
    strange = [node for node in given if node not in number]
    if strange:
        raise ValueError(f"`{name}` holds {strange[0]!r}, which is no node of `network` ({len(strange)} such keys).")
    return nodes, number
