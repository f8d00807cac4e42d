"""Vectors in files, of which a range of rows is in memory at a time."""

import itertools
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

STRETCH = 2**14  # rows that are read at once, to pick some of them
NUMPY = {torch.float64: np.dtype("<f8"), torch.int64: np.dtype("<i8")}


@dataclass(frozen=True)
class Field:
    """A tensor (length, columns) in a file, row by row; 0 where nothing was written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     field = Field(Path(folder) / "x", 4, 1).made()
    ...     field.write(2, torch.tensor([[1.0], [2.0]], dtype=torch.float64))
    ...     field.read(range(1, 3)).flatten(), field.gather(torch.tensor([3, 0])).flatten()
    (tensor([0., 1.], dtype=torch.float64), tensor([2., 0.], dtype=torch.float64))
    """

    path: Path
    length: int
    columns: int
    dtype: torch.dtype = torch.float64

    def made(self, *, anew: bool = False) -> "Field":
        """With its file; one that is there is kept, unless it shall be `anew`."""
        if anew:
            self.path.unlink(missing_ok=True)
        with self.path.open("ab") as file:
            file.truncate(self.length * self._row)  # a hole, which takes no room on the disk and reads as zeros
        return self

    def read(self, rows: range) -> Tensor:
        """(len(rows), columns)"""
        values = np.empty((len(rows), self.columns), NUMPY[self.dtype])
        with self.path.open("rb") as file:
            fill(values, file, rows.start * self._row)
        return torch.from_numpy(values)

    def write(self, start: int, values: Tensor) -> None:
        """Put `values` (n, columns) from row `start` on."""
        with self.path.open("r+b") as file:
            file.seek(start * self._row)
            values.contiguous().numpy().astype(NUMPY[self.dtype], copy=False).tofile(file)

    def gather(self, rows: Tensor) -> Tensor:
        """(n, columns): those at `rows` (n,) int64; few of them, or close together.

        They are read in stretches: of a file that is mapped the system brings 64 kB around each row, all of which count
        as memory of the process at once.
        """
        if len(rows) == 0:
            return torch.empty(0, self.columns, dtype=self.dtype)
        first, last = (int(bound) for bound in torch.aminmax(rows))
        if last - first < 2 * len(rows):
            return self.read(range(first, last + 1))[rows - first]
        order = None if bool((rows.diff() >= 0).all()) else rows.argsort()
        wanted = rows.numpy() if order is None else rows[order].numpy()
        values = np.empty((len(rows), self.columns), NUMPY[self.dtype])
        ends = [*(np.flatnonzero(np.diff(wanted // STRETCH)) + 1), len(rows)]
        with self.path.open("rb", buffering=0) as file:
            for begin, end in itertools.pairwise([0, *ends]):
                stretch = wanted[begin:end]
                held = np.empty((stretch[-1] + 1 - stretch[0], self.columns), NUMPY[self.dtype])
                fill(held, file, int(stretch[0]) * self._row)
                np.take(held, stretch - stretch[0], axis=0, out=values[begin:end])
        found = torch.from_numpy(values)
        return found if order is None else torch.empty_like(found).index_copy_(0, order, found)

    @property
    def _row(self) -> int:
        return self.columns * NUMPY[self.dtype].itemsize


def fill(values: NDArray[Any], file: BufferedReader | FileIO, begin: int) -> None:
    """Read all of `values`, which lie side by side, from byte `begin` of a file on.

    Raises:
        OSError: if the file ends before.
    """
    file.seek(begin)
    if file.readinto(values.data) != values.nbytes:
        raise OSError(f"`{file.name}` ends before byte {begin + values.nbytes}, up to which it was written.")
