"""What a file tells of an image."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ImageFile:
    """Pixels, and where they are.

    The array has its axes in the order in which the usual reader of the format gives them: x, y, z for NIfTI and NRRD,
    z, y, x for all others. `ordered` brings them into the order of another file.
    """

    values: NDArray[Any]  # (*spatial), with `channel_axis` one axis more
    channel_axis: int | None = None  # 0 or the last
    axes: str = ""  # a letter for each spatial axis: "yx", "zyx", "xyz"; "": the file does not say
    spacing: tuple[float, ...] | None = None  # along the spatial axes
    unit: str = ""  # of the spacing, as "mm"
    affine: NDArray[np.float64] | None = None  # (4, 4): indices of a volume to mm to the right, the front and the top
    header: Any = None  # what else the file said, to be written again into one of the same format

    @property
    def shape(self) -> tuple[int, ...]:
        """Without channels."""
        shape = list(self.values.shape)
        if self.channel_axis is not None:
            del shape[self.channel_axis]
        return tuple(shape)

    def ordered(self, axes: str) -> "ImageFile":
        """With the spatial axes in the order of these letters, if the file says which is which.

        >>> ImageFile(np.zeros((4, 3, 2)), axes="zyx").ordered("xyz").shape
        (2, 3, 4)
        """
        if axes == self.axes or sorted(axes) != sorted(self.axes):
            return self
        order = [self.axes.index(letter) for letter in axes]
        last = self.values.ndim - 1
        if self.channel_axis is None:
            values = self.values.transpose(order)
        else:
            spatial = np.moveaxis(self.values, self.channel_axis, last).transpose([*order, last])
            values = np.moveaxis(spatial, last, self.channel_axis)
        spacing = None if self.spacing is None else tuple(self.spacing[axis] for axis in order)
        affine = None if self.affine is None else self.affine[:, [*order, 3]]
        return replace(self, values=values, axes=axes, spacing=spacing, affine=affine)

    def like(self, values: NDArray[Any], channel_axis: int | None = None) -> "ImageFile":
        """Other values at the same place."""
        return replace(self, values=values, channel_axis=channel_axis)
