"""One grid of the hierarchy: its parts on disk, and its vectors."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from graphrw.files.replacing import replacing
from graphrw.solvers.streamed.field import Field
from graphrw.solvers.streamed.part import Part

BOUNDS = "bounds.json"


@dataclass(frozen=True)
class Level:
    """A folder with the parts of a walk: part i holds the nodes from ``bounds[i]`` to ``bounds[i + 1]``."""

    folder: Path
    bounds: tuple[int, ...]

    @property
    def num_nodes(self) -> int:
        return self.bounds[-1]

    def finished(self) -> "Level":
        """All of it is on disk, and a later run will find it."""
        with replacing(self.folder / BOUNDS) as path:
            path.write_text(json.dumps(self.bounds))
        return self

    @classmethod
    def found(cls, folder: Path) -> "Level | None":
        """What was finished in this folder."""
        path = folder / BOUNDS
        return cls(folder, tuple(json.loads(path.read_text()))) if path.exists() else None

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def nodes(self, i: int) -> range:
        """Those of part i."""
        return range(self.bounds[i], self.bounds[i + 1])

    def path(self, i: int) -> Path:
        """Where part i is."""
        return self.folder / f"part-{i}.safetensors"

    def parts(self) -> Iterator[tuple[range, Part]]:
        """One after the other: the nodes, and the part; those without nodes are passed over."""
        for i in range(len(self)):
            if self.nodes(i):
                yield self.nodes(i), Part.load(self.path(i))

    def field(self, name: str, columns: int, dtype: torch.dtype = torch.float64) -> Field:
        """A vector of this level; there may be a file for it."""
        return Field(self.folder / name, self.num_nodes, columns, dtype)

    @property
    def rate(self) -> Field:
        """(N, 1): the diagonal of A."""
        return self.field("rate", 1)

    @property
    def aggregate(self) -> Field:
        """(N, 1): which node of the next coarser level stands for each; −1: none."""
        return self.field("aggregate", 1, torch.int64)


def extended(field: Field, nodes: range, part: Part) -> Tensor:
    """(n + g, K): the values at the nodes of a part, and at its ghosts."""
    return torch.cat([field.read(nodes), field.gather(part.ghosts)])
