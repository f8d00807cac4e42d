"""From and to AnnData, the table of cells of single-cell biology, by the package anndata (extra `anndata`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from scipy import sparse
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.errors import MissingDependencyError
from graphrw.core.opaque import opaque

try:
    import pandas
    from anndata import AnnData
except ImportError:
    if not TYPE_CHECKING:
        AnnData = None


@opaque
def from_anndata(
    cells: "AnnData", transition: str = "T_fwd", states: str = "term_states_fwd"
) -> "tuple[sparse.csr_array[Any], Tensor, list[Any]]":
    """What `fate_probabilities` takes: transitions, terminal states, and their names.

    The defaults are where CellRank 2 writes them (`kernel.write_to_adata()`, `set_terminal_states`). A matrix of
    transitions keeps its diagonal; for graphs such as scanpy's, ``from_scipy(cells.obsp["connectivities"])``.

    Args:
        cells: N of them.
        transition: name in ``cells.obsp`` of a sparse matrix (N, N).
        states: name in ``cells.obs`` of a column with the terminal state of each cell, of any kind, and NaN, None or NA
            for cells that are in none.

    Returns:
        The matrix; (N,) int64, −1 for cells in no terminal state; and the L names that the others number, in the order
        of the column's categories, or sorted, if it has none. Categories without cells are left out.

    Raises:
        ValueError: for names that are not there, or a matrix that is not sparse.
        MissingDependencyError: without anndata.

    >>> import numpy, pandas, anndata
    >>> chain = sparse.csr_array([[0.0, 1.0, 0.0], [0.25, 0.0, 0.75], [0.0, 0.0, 1.0]])
    >>> column = pandas.DataFrame({"term_states_fwd": ["Beta", None, "Alpha"]}, index=["a", "b", "c"])
    >>> cells = anndata.AnnData(numpy.zeros((3, 1)), obs=column, obsp={"T_fwd": chain})
    >>> from_anndata(cells)[1:]
    (tensor([ 1, -1,  0]), ['Alpha', 'Beta'])
    """
    _check_cells(cells)
    _check_name(cells, "transition", "obsp", transition)
    _check_name(cells, "states", "obs", states)
    if not sparse.issparse(cells.obsp[transition]):
        got = type(cells.obsp[transition]).__name__
        raise ValueError(f'`transition` must name a sparse matrix; `cells.obsp["{transition}"]` is {got}.')
    matrix: Any = cells.obsp[transition]
    column = cells.obs[states].astype("category").cat.remove_unused_categories().cat
    return sparse.csr_array(matrix), torch.tensor(column.codes.to_numpy("int64")), list(column.categories)


@opaque
def to_anndata(cells: "AnnData", values: Tensor, names: Sequence[Any], *, key: str = "fate_probabilities") -> None:
    """Write an answer (N, L) into ``cells.obsm[key]``: a data frame, a row for each cell and a column for each name.

    Args:
        cells: N of them.
        values: (N, L), such as fate probabilities or absorption times; gradients end here.
        names: of the L columns, as `from_anndata` returns them; they become text.
        key: what is there under this name is replaced.

    Raises:
        ValueError: for another number of cells or names, or names that are not different.
        MissingDependencyError: without anndata.

    >>> import numpy, anndata
    >>> cells = anndata.AnnData(numpy.zeros((2, 1)))
    >>> to_anndata(cells, torch.tensor([[1.0, 0.0], [0.25, 0.75]]), ["Alpha", "Beta"])
    >>> cells.obsm["fate_probabilities"]["Beta"].tolist()
    [0.0, 0.75]
    """
    _check_cells(cells)
    values = as_tensor("values", values, f"({cells.n_obs}, L)")
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ValueError(f"`names` must be a list with a name for each column; got {names!r}.")
    texts = [str(name) for name in names]
    if len(set(texts)) < len(texts):
        raise ValueError(f"`names` must be different; got {texts}.")
    if values.shape != (cells.n_obs, len(texts)):
        raise ValueError(
            f"`values` must be a row for each of {cells.n_obs} cells, and a column for each of {len(texts)} `names`; "
            f"got {tuple(values.shape)}."
        )
    if not isinstance(key, str):
        raise ValueError(f"`key` must be a name; got {key!r}.")
    cells.obsm[key] = pandas.DataFrame(values.detach().cpu().numpy(), index=cells.obs_names, columns=texts)


def _check_cells(cells: "AnnData") -> None:
    if AnnData is None:
        raise MissingDependencyError(
            "Cells come in AnnData, and the package anndata is not installed: `pip install graphrw[anndata]`."
        )
    if not isinstance(cells, AnnData):
        raise ValueError(f"`cells` must be an AnnData; got {type(cells).__name__}.")


def _check_name(cells: "AnnData", argument: str, where: str, name: str) -> None:
    there = list(getattr(cells, where).keys())
    if not isinstance(name, str) or name not in there:
        raise ValueError(f"`{argument}` must be a name in `cells.{where}`, which holds {there}; got {name!r}.")
