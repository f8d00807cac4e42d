"""Graphs and labels of nodes in files."""

import csv
import gzip
import math
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from graphrw.convert import from_networkx, from_scipy
from graphrw.core.graph import Graph
from graphrw.core.memory import require_memory
from graphrw.core.warn import warn

# Words of a first line that names columns: the first, and what stands second over nodes, or over labels.
FIRST = {"node", "source", "from", "src", "node1", "id", "name", "id1"}
SECOND = {"target", "to", "dst", "dest", "destination", "sink", "neighbor", "neighbour", "node2", "id2"}
LABEL = {"label", "class", "group", "community", "category", "cluster"}
LONGEST_LINE = 2**16  # characters; a small file can unpack to a line that fills the memory
XML_TO_OBJECTS = 10  # bytes in memory for each in GraphML, at least
NOT_GZIP = (gzip.BadGzipFile, zlib.error, EOFError)
COMMENTS = ("#", "%")


@dataclass(frozen=True, eq=False)
class NamedGraph:
    """A graph whose nodes have names."""

    names: list[str]  # N
    graph: Graph
    weight: Tensor  # (E,)


def read_graph(path: Path, *, directed: bool) -> NamedGraph:
    """An edge list (`a b` or `a b weight` in each line), GraphML, or a matrix of SciPy's in .npz.

    Args:
        path: of the file; what ends in .gz is unpacked.
        directed: whether an edge is to be walked one way only; GraphML says that itself.

    Raises:
        ValueError: for what is no graph, naming the line.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".graphml"):
        return _graphml(path)
    if name.endswith(".npz"):
        return _matrix(path, directed)
    return _edge_list(path, directed)


def read_node_labels(path: Path, nodes: Collection[str]) -> dict[str, str]:
    """The label of each of some `nodes` in a file of lines `node label`.

    A first line that begins with a name of columns, such as "node", and not with a node, is left out.

    Raises:
        ValueError: for lines of any other form, and for a node with two labels.
    """
    labels: dict[str, str] = {}
    for place, (number, row) in enumerate(_rows(path)):
        if len(row) != 2:
            raise ValueError(f"`{path}`, line {number}: expected a node and its label; got {' '.join(row)!r}.")
        if place == 0 and row[0].lower() in FIRST and row[0] not in nodes:
            if row[1].lower() not in LABEL:
                warn(f"`{path}`, line {number}: {' '.join(row)!r} is taken for the names of columns, and left out.")
            continue
        node, label = row
        if labels.setdefault(node, label) != label:
            raise ValueError(f"`{path}`, line {number}: {node!r} has the labels {labels[node]!r} and {label!r}.")
    if not labels:
        raise ValueError(f"`{path}` holds no label.")
    return labels


def _edge_list(path: Path, directed: bool) -> NamedGraph:
    number_of: dict[str, int] = {}
    weight_of: dict[tuple[int, int], float] = {}
    for line, row in islice(_rows(path), int(_has_header(path)), None):
        if len(row) not in (2, 3):
            raise ValueError(f"`{path}`, line {line}: expected two nodes, or two and a weight; got {' '.join(row)!r}.")
        tail, head = (number_of.setdefault(name, len(number_of)) for name in row[:2])
        weight = _weight(row[2], path, line) if len(row) == 3 else 1.0
        if tail == head:  # a walker who stays arrives no other way
            continue
        pair = (tail, head) if directed else (min(tail, head), max(tail, head))
        if weight_of.setdefault(pair, weight) != weight:
            raise ValueError(
                f"`{path}`, line {line}: {row[0]!r} – {row[1]!r} has the weights {weight_of[pair]} and {weight}."
            )
    if not weight_of:
        raise ValueError(f"`{path}` holds no edge.")
    edges = torch.tensor(list(weight_of), dtype=torch.int64).T.contiguous()
    weights = torch.tensor(list(weight_of.values()), dtype=torch.float64)
    return NamedGraph(list(number_of), Graph(edges, len(number_of), directed), weights)


def _has_header(path: Path) -> bool:
    """Whether the first line of an edge list names columns: by its words, and because it is no edge like the others."""
    rows = (row for _, row in _rows(path))
    first = next(rows, [])
    if len(first) not in (2, 3) or first[0].lower() not in FIRST or first[1].lower() not in SECOND:
        return False
    if len(first) == 3:
        return not _is_number(first[2])
    kinds = {_unnumbered(name) for name in first}
    return not any(_unnumbered(name) in kinds for row in rows for name in row[:2])


def _unnumbered(name: str) -> str:
    """What is left of "node1" and "node2" is the same."""
    return name.rstrip("0123456789")


def _is_number(word: str) -> bool:
    with suppress(ValueError):
        float(word)
        return True
    return False


def _graphml(path: Path) -> NamedGraph:
    try:
        require_memory(XML_TO_OBJECTS * _unpacked_size(path), f"`{path}`", "Write it as an edge list.")
        network = nx.read_graphml(path)
    except (ParseError, nx.NetworkXError, KeyError, ValueError, TypeError, *NOT_GZIP) as error:
        raise ValueError(f"`{path}` cannot be read as GraphML: {error}.") from error
    network.remove_edges_from(list(nx.selfloop_edges(network)))
    graph, weight = from_networkx(network, dtype=torch.float64)
    return NamedGraph([str(node) for node in network], graph, weight)


def _matrix(path: Path, directed: bool) -> NamedGraph:
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())  # beyond which no part is unpacked
        require_memory(2 * size, f"`{path}`", "Take a part of the graph.")
        entries = _checked(sparse.load_npz(path))
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, NotImplementedError) as error:
        raise ValueError(f"`{path}` holds no matrix: write one with `scipy.sparse.save_npz`. ({error})") from error
    except MemoryError as error:
        raise MemoryError(f"`{path}` holds more than fits into the memory. {error}") from error
    apart = entries.row != entries.col
    values = entries.data[apart].astype(np.float64)
    loopless = sparse.coo_array((values, (entries.row[apart], entries.col[apart])), shape=entries.shape)
    graph, weight = from_scipy(loopless, directed)
    return NamedGraph([str(node) for node in range(graph.num_nodes)], graph, weight)


def _checked(matrix: Any) -> sparse.coo_array:
    """Its entries, once its indices are known to lie within: SciPy's own conversions would write beyond arrays."""
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)
    if matrix.dtype.kind not in "buif":
        raise ValueError(f"it must hold real numbers; got {matrix.dtype}")
    return sparse.coo_array(matrix)


def _unpacked_size(path: Path) -> int:
    if not path.name.lower().endswith(".gz"):
        return path.stat().st_size
    with gzip.open(path) as file:
        return sum(len(block) for block in iter(partial(file.read, 2**20), b""))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines that say something, taken apart, with their numbers."""
    try:
        with _opened(path) as file:
            for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE), ""), start=1):
                if len(line) == LONGEST_LINE:
                    raise ValueError(f"`{path}`, line {number}, is longer than {LONGEST_LINE} characters.")
                if line.strip() and not line.lstrip().startswith(COMMENTS):
                    yield number, _cells(line.strip())
    except (UnicodeDecodeError, csv.Error, *NOT_GZIP) as error:
        raise ValueError(f"`{path}` is no text: {error}.") from error


def _opened(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _cells(line: str) -> list[str]:
    for separator in ("\t", ",", ";"):
        if separator in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    return re.split(r"\s+", line)


def _weight(word: str, path: Path, line: int) -> float:
    with suppress(ValueError):
        weight = float(word)
        if 0 <= weight < math.inf:
            return weight
    raise ValueError(f"`{path}`, line {line}: a weight must be a number ≥ 0, larger for closer nodes; got {word!r}.")
