"""What an ordering from the geometry of an image would be worth to a direct solver.

Claim: nested dissection of the grid itself (George 1973) needs more entries in the factor than minimum fill, which sees
the graph alone, up to 1024²; so none is built in.
Peers: the orderings of rslab; minimum degree in SuperLU, which also counts the entries of the dissection, and the
multiplications, Σ over columns of entries².
Run: python benchmarks/grid_orderings.py --sizes 256 512 1024
Last result: docs/solvers.md.
"""

import argparse

import numpy as np
import rslab
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array, diags_array, tril
from scipy.sparse.linalg import splu

import graphrw as rw

SMALLEST = 8  # pixels: blocks that are not divided further; larger ones need more entries


def dissection(top: int, bottom: int, left: int, right: int, width: int) -> list[NDArray[np.int64]]:
    """The pixels of a block, those of both halves before those of the line between them."""
    height, breadth = bottom - top, right - left
    if height * breadth <= SMALLEST or min(height, breadth) <= 2:
        return [(np.arange(top, bottom)[:, None] * width + np.arange(left, right)).ravel()]
    if height >= breadth:
        middle = (top + bottom) // 2
        first, second = (top, middle, left, right), (middle + 1, bottom, left, right)
        line = middle * width + np.arange(left, right)
    else:
        middle = (left + right) // 2
        first, second = (top, bottom, left, middle), (top, bottom, middle + 1, right)
        line = np.arange(top, bottom) * width + middle
    return [*dissection(*first, width), *dissection(*second, width), line]


def by_superlu(matrix: csc_array, ordering: str) -> tuple[int, float]:
    """Entries of the factor, and multiplications."""
    options = {"SymmetricMode": True}
    factor = splu(matrix, permc_spec=ordering, diag_pivot_thresh=0.0, options=options)
    return factor.L.nnz, float((np.diff(factor.L.indptr).astype(float) ** 2).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    print("| image | ordering | entries of the factor | multiplications |\n|---|---|---|---|")
    for size in parser.parse_args().sizes:
        graph = rw.grid_graph((size, size))
        weights = rw.to_scipy(graph, torch.ones(graph.num_edges, dtype=torch.float64))
        matrix = csc_array(diags_array(weights.sum(1) + 1e-3) - weights)
        pixels = np.concatenate(dissection(0, size, 0, size, size))
        rows = {
            "nested dissection of the grid": by_superlu(matrix[pixels][:, pixels].tocsc(), "NATURAL"),
            "SuperLU, minimum degree": by_superlu(matrix, "MMD_AT_PLUS_A"),
        }
        for name, (entries, work) in rows.items():
            print(f"| {size}² | {name} | {entries:,} | {work:.2g} |")
        for name in ("amf", "amd", "metis"):
            symbolic = rslab.analyze(tril(matrix, format="csc"), path="ldlt", ordering=name)
            print(f"| {size}² | rslab, {name} | {symbolic.factor_nnz:,} | – |", flush=True)


if __name__ == "__main__":
    main()
