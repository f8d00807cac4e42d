"""Cells in AnnData: transitions and terminal states out of it, fates into it."""

import numpy as np
import pytest
import torch
from scipy import sparse

import graphrw as rw
from graphrw.convert import anndata as converter
from graphrw.convert import from_anndata, to_anndata
from graphrw.core.errors import MissingDependencyError

anndata = pytest.importorskip("anndata")
pandas = pytest.importorskip("pandas")

CHAIN = sparse.csr_array(
    [[0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0], [0.0, 0.4, 0.0, 0.6], [0.0, 0.0, 0.0, 1.0]]
)  # 0 — 1 — 2 — 3


def cells(column):
    table = pandas.DataFrame({"term_states_fwd": column}, index=list("wxyz"))
    return anndata.AnnData(np.zeros((4, 2)), obs=table, obsp={"T_fwd": CHAIN})


@pytest.mark.parametrize(
    "column",
    [
        pandas.Categorical(["Neuron", None, None, "Glia"], categories=["Neuron", "Glia", "Blood"]),
        ["b", None, None, "a"],
        pandas.array(["b", None, None, "a"], dtype="string"),
        [2.0, np.nan, np.nan, 1.0],
    ],
    ids=["categories", "texts", "strings", "numbers"],
)
def test_fates_go_from_cells_to_cells_with_their_names(column, tmp_path):
    table = cells(column)
    transition, states, names = from_anndata(table)
    assert states.tolist() == ([0, -1, -1, 1] if names[0] == "Neuron" else [1, -1, -1, 0])
    to_anndata(table, rw.fate_probabilities(transition, states), names)
    table.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad").obsm["fate_probabilities"]
    assert list(again.index) == list("wxyz")
    assert sorted(again.columns) == sorted(map(str, names))
    # From x, 1/3 end in w and 2/3 are next in y; from y, 0.4 are next in x: x = 1/3 + 2/3 · 0.4 x.
    np.testing.assert_allclose(again[str(names[states[0]])], [1, 5 / 11, 2 / 11, 0], atol=1e-9)


def test_other_names_are_asked_for_by_name():
    table = cells(["a", None, None, "b"])
    table.obsp["moves"], table.obs["ends"] = CHAIN.T.tocsr(), table.obs.pop("term_states_fwd")
    transition, states, names = from_anndata(table, transition="moves", states="ends")
    assert (transition != CHAIN.T).nnz == 0
    assert (states.tolist(), names) == ([0, -1, -1, 1], ["a", "b"])
    to_anndata(table, torch.ones(4, 2, requires_grad=True), names, key="times")
    assert table.obsm["times"].to_numpy().tolist() == [[1.0, 1.0]] * 4


def test_what_is_not_there_is_told_with_what_is():
    table = cells(["a", None, None, "b"])
    with pytest.raises(
        ValueError, match=r"`transition` must be a name in `cells.obsp`, which holds \['T_fwd'\]; got 'T_b"
    ):
        from_anndata(table, "T_bwd")
    with pytest.raises(ValueError, match=r"`states` must be a name in `cells.obs`, which holds \['term_states_fwd'\]"):
        from_anndata(table, states="clusters")
    table.obsp["dense"] = CHAIN.toarray()
    with pytest.raises(ValueError, match=r"must name a sparse matrix; `cells\.obsp.*` is ndarray"):
        from_anndata(table, "dense")
    with pytest.raises(ValueError, match="a row for each of 4 cells, and a column for each of 2 `names`; got"):
        to_anndata(table, torch.ones(4, 3), ["a", "b"])
    with pytest.raises(ValueError, match="must be different"):
        to_anndata(table, torch.ones(4, 2), [1, "1"])


def test_without_anndata_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(converter, "AnnData", None)
    with pytest.raises(MissingDependencyError, match=r"pip install graphrw\[anndata\]"):
        from_anndata(None)
