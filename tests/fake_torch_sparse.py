"""A stand-in for torch_sparse, which few have compiled."""

import sys
from types import SimpleNamespace

import pytest
from torch import Tensor


class FakeSparseTensor:
    """The two methods of `torch_sparse.SparseTensor` that a conversion needs."""

    def __init__(self, row: Tensor, col: Tensor, value: Tensor | None, sparse_sizes: tuple[int, int]) -> None:
        self.entries, self.sizes = (row, col, value), sparse_sizes

    def coo(self) -> tuple[Tensor, Tensor, Tensor | None]:
        return self.entries

    def sparse_sizes(self) -> tuple[int, int]:
        return self.sizes


def load_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package had been imported."""
    monkeypatch.setitem(sys.modules, "torch_sparse", SimpleNamespace(SparseTensor=FakeSparseTensor))
