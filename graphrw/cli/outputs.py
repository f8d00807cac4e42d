"""The files that a segmentation ends in."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from graphrw.cli.answers import Answer
from graphrw.cli.task import Inputs, check_not_read, size
from graphrw.files import check_label_fits, check_writable, smallest_type, write_images

MANY = 12  # labels, from which on they are counted and not listed


@dataclass(frozen=True)
class Outputs:
    """Where labels go, and what else there shall be."""

    labels: Path
    probabilities: Path | None
    entropy: Path | None

    @property
    def paths(self) -> list[Path]:
        """Of all files."""
        return [path for path in (self.labels, self.probabilities, self.entropy) if path is not None]

    @property
    def wanted(self) -> dict[str, bool]:
        """What an answer needs besides labels."""
        return {"probabilities": self.probabilities is not None, "uncertainty": self.entropy is not None}

    def check(self, inputs: Inputs) -> None:
        """Raise before a long run what would be wrong at its end."""
        for place, path in enumerate(self.paths):
            check_writable(path)
            check_not_read(path, inputs.paths)
            if path.resolve() in [other.resolve() for other in self.paths[:place]]:
                raise ValueError(f"`{path}` is named twice.")
        for path in self.paths[1:]:
            if path.suffix.lower() == ".png":
                raise ValueError(f"`{path}`: PNG holds whole numbers alone. Take .tif or .npy.")

    def check_held(self, shape: tuple[int, ...], seeds: NDArray[np.int64]) -> None:
        """Raise before a long run if labels so large, or of a volume, shall go where there is no room for them."""
        check_label_fits(self.labels, int(seeds.max()))
        if len(shape) > 2 and self.labels.suffix.lower() == ".png":
            raise ValueError(
                f"`{self.labels}`: PNG holds no volume, such as {size(shape)}. Take .tif, .nii.gz or .nrrd."
            )

    def write(self, answer: Answer, *, quiet: bool) -> None:
        """All files in one go."""
        files = {self.labels: answer.image.like(smallest_type(answer.labels))}
        if self.probabilities is not None and answer.probabilities is not None:
            files[self.probabilities] = answer.image.like(answer.probabilities, channel_axis=0)
        if self.entropy is not None and answer.entropy is not None:
            files[self.entropy] = answer.image.like(answer.entropy)
        write_images(files)
        if not quiet:
            typer.echo(self.told(answer.ids, answer.labels.shape), err=True)

    def told(self, ids: NDArray[np.int64], shape: tuple[int, ...]) -> str:
        """What there is now, in words: labels (L,) on so many pixels."""
        names = ", ".join(f"`{path}`" for path in self.paths)
        return f"{_listed(ids.tolist())} on {size(shape)} pixels, in {names}."


def _listed(ids: list[int]) -> str:
    return f"{len(ids)} labels" if len(ids) > MANY else f"Label{'s' * (len(ids) > 1)} {', '.join(map(str, ids))}"
