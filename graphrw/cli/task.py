"""An image and its seeds, as a command gets them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphrw.core.whole import check_positive
from graphrw.files import ImageFile, read_image, read_labels
from graphrw.segmentation.inputs import relative

SAME_PLACE = 0.5  # of a voxel: headers round


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be labelled."""

    image: ImageFile
    seeds: NDArray[np.int64]  # (*spatial): > 0 a seed, 0 to be labelled, −1 outside
    spacing: tuple[float, ...] | None  # the smallest is 1

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(\\*spatial)"""
        return self.seeds >= 0


@dataclass(frozen=True)
class Inputs:
    """The files of a task, and what is said of them."""

    image: Path
    seeds: Path
    mask: Path | None = None
    spacing: tuple[float, ...] | None = None
    channel_axis: int | None = None
    data_range: float | None = None  # what the image is divided by

    @property
    def are_strokes(self) -> bool:
        """Whether the seeds are a log of strokes."""
        return self.seeds.suffix.lower() == ".json"

    @property
    def paths(self) -> list[Path]:
        """Of all files."""
        return [path for path in (self.image, self.seeds, self.mask) if path is not None]

    def read(self) -> Task:
        """All of it, from a label image.

        Raises:
            ValueError: where they do not fit together.
        """
        image = read_image(self.image)
        seeds = read_labels(self.seeds).ordered(image.axes)
        check_same_place(image, seeds, (self.image, self.seeds))
        image = with_channels(image, seeds.shape, self.channel_axis, (self.image, self.seeds))
        labels: NDArray[np.int64] = np.where(seeds.values < 0, -1, seeds.values)
        inside = self.inside(image)
        labels = labels if inside is None else np.where(inside, labels, -1)
        if not (labels > 0).any():
            raise ValueError(f"`{self.seeds}` holds no seed{' inside' * (inside is not None)}: no number above 0.")
        if not (labels == 0).any():
            raise ValueError(self._nothing_asked(labels))
        self._check_finite(image, labels >= 0)
        return Task(self._as_told(image), np.ascontiguousarray(labels), self.relative_spacing(image))

    def _check_finite(self, image: ImageFile, inside: NDArray[np.bool_]) -> None:
        """Raise `ValueError` where a value inside is none, in words of the command; outside anything may stand."""
        values = image.values
        if values.dtype.kind != "f":
            return
        channels = values[None] if image.channel_axis is None else np.moveaxis(values, image.channel_axis, 0)
        wrong = int((~np.isfinite(channels).all(0) & inside).sum())
        if wrong:
            raise ValueError(
                f"`{self.image}` holds NaN or infinite values at {wrong} of {inside.size} pixels. Fill them, or leave "
                f"them out: with a --mask that is 0 there, or numbers below 0 in `{self.seeds}`."
            )

    def _as_told(self, image: ImageFile) -> ImageFile:
        """In units of its range, and with the spacing that no file has told."""
        if self.data_range is not None:
            values = image.values.astype(np.float64) / check_positive("--data-range", self.data_range)
            image = replace(image, values=values)
        if image.affine is None and self.spacing is not None and len(self.spacing) == len(image.shape):
            image = replace(image, spacing=self.spacing)
        return image

    def _nothing_asked(self, labels: NDArray[np.int64]) -> str:
        """What to say of labels without a 0."""
        ids, count = np.unique(labels, return_counts=True)
        most = f"{100 * count.max() / labels.size:.0f} % of the pixels have {ids[count.argmax()]}"
        return (
            f"`{self.seeds}` leaves no pixel to be labelled; {most}. What is to be labelled is 0: black or transparent "
            "in a picture, not white; negative numbers are outside."
        )

    def inside(self, image: ImageFile) -> NDArray[np.bool_] | None:
        """Where the mask is not 0."""
        if self.mask is None:
            return None
        mask = read_labels(self.mask).ordered(image.axes)
        check_same_place(image, mask, (self.image, self.mask))
        if mask.shape != image.shape:
            raise ValueError(f"`{self.mask}` is {size(mask.shape)}, but `{self.image}` is {size(image.shape)}.")
        return np.asarray(mask.values != 0)

    def relative_spacing(self, image: ImageFile) -> tuple[float, ...] | None:
        """That of the option, else of the image; in units of the smallest, so that the answer hangs on no unit."""
        steps, axes = self.spacing or image.spacing, len(image.shape)
        if steps is not None and len(steps) == 1:
            return None
        if steps is None or len(steps) != axes:
            if self.spacing is not None:
                raise ValueError(f"--spacing has {len(self.spacing)} numbers, but `{self.image}` has {axes} axes.")
            return None
        if min(steps) <= 0:
            raise ValueError(
                f"`{self.image}` gives its pixels the distances {steps}. Say with --spacing what is right."
            )
        return relative(steps)


def check_same_place(image: ImageFile, other: ImageFile, paths: tuple[Path, Path]) -> None:
    """Raise `ValueError` if both files say where their voxels are, and that is not the same for the same indices."""
    if image.affine is None or other.affine is None or image.shape != other.shape:
        return
    corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(image.shape) - 1)
    change = image.affine - other.affine
    apart = np.linalg.norm(corners @ change[:3, :3].T + change[:3, 3], axis=1).max()
    if apart > SAME_PLACE * np.linalg.norm(image.affine[:3, :3], axis=0).min():
        raise ValueError(
            f"`{paths[1]}` lies elsewhere in space than `{paths[0]}`, or is turned: the same voxel is up to "
            f"{apart:.3g} mm away. Resample it to the image, as `nibabel.processing.resample_from_to(seeds, image, "
            "order=0)` does; or, if the arrays fit as they are, give it the image's affine."
        )


def check_not_read(path: Path, read: Iterable[Path]) -> None:
    """Raise `ValueError` if writing `path` would replace one of the files that are `read`, what holds it, or a part."""
    own = path.resolve()
    for other in (file.resolve() for file in read):
        if own == other or own in other.parents or (other in own.parents and own.exists()):
            raise ValueError(
                f"`{path}` would be replaced, and it is, holds, or is part of, what is read. Take another name."
            )


def with_channels(
    image: ImageFile, shape: tuple[int, ...], channel_axis: int | None, paths: tuple[Path, Path]
) -> ImageFile:
    """The image with the channel axis that leaves this `shape`, of what lies on it.

    Args:
        image: as its file tells.
        shape: of the labels.
        channel_axis: what the user says; None: what the file says, or else whichever fits.
        paths: of the image and of the labels, for the error.

    Raises:
        ValueError: if none does.
    """
    last = image.values.ndim - 1
    candidates = [image.channel_axis, None, last, 0]
    if channel_axis is not None:
        if channel_axis not in (0, last, -1) or last not in (2, 3):
            raise ValueError(
                f"`{paths[0]}` has no channels along axis {channel_axis}: it is {size(image.values.shape)}."
            )
        candidates = [channel_axis % (last + 1)]
        image = replace(image, channel_axis=candidates[0])
    for axis in candidates:
        found = with_channels_along(image, axis)
        if found.shape == shape:
            return found
    channels = "" if image.channel_axis is None else f" (and {image.values.shape[image.channel_axis]} channels)"
    raise ValueError(
        f"`{paths[0]}` is {size(image.shape)}{channels}, but `{paths[1]}` is {size(shape)}: every pixel needs a label, "
        "or 0."
    )


def with_channels_along(image: ImageFile, axis: int | None) -> ImageFile:
    """The image with its channels there; what the file says of other axes than are left is forgotten."""
    found = replace(image, channel_axis=axis)
    return found if len(found.axes) == len(found.shape) else replace(found, axes="", spacing=None)


def size(shape: tuple[int, ...]) -> str:
    """As people write it: 3 × 4."""
    return " × ".join(map(str, shape))
