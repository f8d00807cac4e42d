"""Where labels and probabilities go."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphrw.files import ImageFile, check_writable_in_parts, create_in_parts, replacing
from graphrw.segmentation.blocks.telling import Telling
from graphrw.segmentation.blocks.writing import Solved, write_labels, write_probabilities


@dataclass(frozen=True)
class Outputs:
    """Paths of Zarr files, which are there whole or not at all."""

    labels: Path
    probabilities: Path | None
    outside: int | None

    @property
    def paths(self) -> list[Path]:
        return [path for path in (self.labels, self.probabilities) if path is not None]

    @property
    def unfinished(self) -> Path:
        """A folder beside the labels."""
        return self.labels.with_name(f"{self.labels.name}.unfinished")

    def check(self, read: list[Path]) -> None:
        """Raise before a long run what would be wrong at its end; `read` are the inputs."""
        taken = {path.resolve() for path in read}
        for path in self.paths:
            check_writable_in_parts(path)
            if path.resolve() in taken:
                raise ValueError(f"`{path}` would be replaced, and it is read, or named twice. Take another name.")
            taken.add(path.resolve())

    def write(self, solved: Solved, like: ImageFile, scratch: Path, *, chunk: int, telling: Telling) -> int:
        """All files, first in `scratch`, then in one go to their places; the number of voxels that no seed reaches."""
        made = {path: scratch / f"{number}-{path.name}" for number, path in enumerate(self.paths)}
        kind = self._kind(solved)
        out = create_in_parts(made[self.labels], like, dtype=kind, channels=None, chunk=chunk)
        lost = write_labels(solved, out, self.outside, telling)
        if self.probabilities is not None:
            path, channels = made[self.probabilities], len(solved.ids)
            out = create_in_parts(path, like, dtype=np.dtype(np.float32), channels=channels, chunk=chunk)
            write_probabilities(solved, out, telling)
        with ExitStack() as stack:
            for path, file in made.items():
                shutil.move(file, stack.enter_context(replacing(path)))
        return lost

    def _kind(self, solved: Solved) -> Any:
        """That of the labels; the smallest without a sign that holds them, if nothing negative is to be written."""
        if self.outside is None:
            return np.dtype(solved.volume.labels.dtype)
        return np.min_scalar_type(max(self.outside, int(solved.ids.max())))
