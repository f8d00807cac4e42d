"""Graphs whose nodes have classes, with their splits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

import graphrw as rw
from experiments.data.folders import set_folder

SPLITS = ("val", "test")  # of the nodes of a graph: what can be scored


@dataclass(frozen=True, eq=False)
class Split:
    """Nodes (int64) to learn from, to choose by, and to test on."""

    train: Tensor
    val: Tensor
    test: Tensor


@dataclass(frozen=True, eq=False)
class NodeLabels:
    """A graph, features of its nodes and their classes."""

    name: str
    graph: rw.Graph
    x: csr_array | None  # (N, C) float32, rows of sum 1
    y: Tensor  # (N,) int64; −1: not known
    splits: tuple[Split, ...]
    kind: str  # of the splits: "public" (Planetoid's), "official" (those that came with the graph), "random"

    @property
    def num_labels(self) -> int:
        return int(self.y.max()) + 1

    @property
    def homophily(self) -> float:
        """The share of edges between nodes of known classes that join two of one class."""
        tail, head = self.y[self.graph.edges]
        known = (tail >= 0) & (head >= 0)
        return float((tail == head)[known].double().mean())


def graph_names(data: Path) -> list[str]:
    """All there are: `graphs/NAME.npz`."""
    names = sorted(path.stem for path in set_folder(data, "graphs").glob("*.npz"))
    if not names:
        raise SystemExit("`graphs` holds no file `NAME.npz`.")
    return names


def read_graph(data: Path, name: str) -> NodeLabels:
    """`graphs/NAME.npz`: `edges` (2, E), each once; `y` (N,), −1 for unknown classes; features and splits.

    Features: `x` (N, C), or a CSR matrix as `x_indices`, `x_indptr`, `x_shape`, `x_data` (a single 1 if all are 1), or
    none. Splits: `train_idx`, `val_idx`, `test_idx` (public); `train_masks`, `val_masks`, `test_masks` (S, N)
    (official); or the same with `rand_` before (random, 20 and 30 nodes of each class).
    """
    path = set_folder(data, "graphs") / f"{name}.npz"
    if not path.is_file():
        raise SystemExit(f"`graphs` has no `{name}`. There: {', '.join(graph_names(data))}.")
    with np.load(path) as file:
        arrays = dict(file)
    missing = [key for key in ("edges", "y") if key not in arrays]
    if missing:
        raise SystemExit(f"`graphs/{name}.npz` lacks `{missing[0]}`.")
    y = torch.from_numpy(arrays["y"].astype(np.int64))
    graph = rw.Graph(torch.from_numpy(arrays["edges"].astype(np.int64)), len(y))
    kind, splits = _splits(name, arrays, y)
    return NodeLabels(name, graph, _features(arrays), y, splits, kind)


def _splits(name: str, arrays: dict[str, NDArray], y: Tensor) -> tuple[str, tuple[Split, ...]]:
    parts = ("train", "val", "test")
    if "train_idx" in arrays:
        rows: Iterator[list[NDArray]] = iter([[arrays[f"{part}_idx"] for part in parts]])
        kind = "public"
    else:
        prefix = "" if "train_masks" in arrays else "rand_"
        kind = "random" if prefix else "official"
        if f"{prefix}train_masks" not in arrays:
            raise SystemExit(f"`graphs/{name}.npz` has no split: neither `train_idx` nor masks.")
        masks = zip(*(arrays[f"{prefix}{part}_masks"] for part in parts), strict=True)
        rows = ([np.flatnonzero(mask) for mask in row] for row in masks)
    known = [[torch.from_numpy(nodes.astype(np.int64)) for nodes in row] for row in rows]
    return kind, tuple(Split(*(nodes[y[nodes] >= 0] for nodes in row)) for row in known)


def _features(arrays: dict[str, NDArray]) -> csr_array | None:
    if "x_indices" in arrays:
        values = arrays["x_data"] if len(arrays["x_data"]) > 1 else np.ones(len(arrays["x_indices"]))
        x = csr_array((values, arrays["x_indices"], arrays["x_indptr"]), tuple(arrays["x_shape"].tolist()))
    elif "x" in arrays:
        x = csr_array(arrays["x"])
    else:
        return None
    x = x.astype(np.float32)
    sums = abs(x).sum(1)
    return csr_array(x.multiply(1 / np.maximum(sums, 1e-12)[:, None])).astype(np.float32)
