"""Samples that are given by their affinities to each other, and how to know them again."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from sklearn.utils.validation import check_non_negative
from torch import Tensor

from graphrw.convert.fold import Source, fold
from graphrw.core.graph import Graph

WHOM = "a classifier with `precomputed=True`, as affinities"
PROJECTIONS = 4  # sums of a row with random factors: two different rows have four equal ones by no chance
_SOURCE = Source(
    entries="`X`",
    values="`X`",
    drop_loops="`X - numpy.diag(numpy.diag(X))`",
    symmetrise="`(X + X.T) / 2`",
    one_way="take `from_scipy(X, directed=True)` and `hitting_probabilities` for walks that may go one way only",
)
SAME = 1e-10  # relative difference of such sums up to which rows are one: what rounding leaves of equal affinities


def graph_of(matrix: Any) -> tuple[Graph, Tensor]:
    """The graph and weights of an (N, N) affinity matrix, without its diagonal."""
    entries = coo_array(matrix)
    if entries.shape[0] != entries.shape[1]:
        raise ValueError(f"`X` must be a square matrix of affinities (`precomputed=True`); got {entries.shape}.")
    check_non_negative(matrix, WHOM)
    index, value = np.stack(entries.coords).astype(np.int64), np.array(entries.data)
    apart = (index[0] != index[1]) & (value != 0)
    edges, weight = torch.from_numpy(index[:, apart]), torch.from_numpy(value[apart])
    return fold(edges, weight, entries.shape[0], directed=False, source=_SOURCE).pair


def rows_of(matrix: Any) -> "csr_array[Any]":
    """(M, N) affinities of new samples to those of a fit."""
    check_non_negative(matrix, WHOM)
    return csr_array(matrix)


def prints_of(matrix: Any) -> NDArray[np.float64]:
    """(M, 4): what tells rows of affinities from each other, whatever form they come in; −inf for rows of zeros."""
    rows = csr_array(matrix)
    factors = np.random.default_rng(0).uniform(1, 2, (rows.shape[1], PROJECTIONS))
    with np.errstate(divide="ignore"):
        prints: NDArray[np.float64] = np.log(rows @ factors)
    return prints


def group_of(prints: NDArray[np.float64]) -> NDArray[np.int64]:
    """(M,): rows whose prints (M, 4) agree have one number."""
    group = np.zeros(len(prints), dtype=np.int64)
    for column in np.maximum(prints, -1e300).T:  # −inf less −inf is no number
        order = np.lexsort((column, group))
        opens = (np.diff(group[order]) != 0) | (np.diff(column[order]) > SAME)
        group[order] = np.concatenate([[0], opens.cumsum()])
    return group
