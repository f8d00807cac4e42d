"""What the four systems share: a trunk, the scale of their input, and files."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrw.core.whole import check_whole, is_number
from graphrw.models.features import check_image, checked_trunk, features_of, stride_of
from graphrw.models.saving import Contents, fill, read, write
from graphrw.models.scale import InputScale
from graphrw.models.trunk import Trunk
from graphrw.nn.grids import check_axes

WIDTH = 32  # channels of our own trunk, if nobody says


class Model(nn.Module):
    """A trunk with what its features are for; made by the classes that derive from it.

    Args:
        in_channels: C of the images.
        width, stride, axes, trunk, input_scale: as the model's user gave them.
        usual_stride: that of our own trunk, where `stride` is None.
        arguments: what else the user gave, as JSON can hold it: neither modules nor solvers.
    """

    def __init__(
        self,
        in_channels: int,
        width: int | None,
        *,
        stride: int | None,
        usual_stride: int,
        axes: int,
        trunk: nn.Module | None,
        input_scale: InputScale,
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.in_channels = check_whole("in_channels", in_channels, 1)
        self.axes = check_axes(axes)
        if not isinstance(input_scale, InputScale):
            raise ValueError(f"`input_scale` must be an `InputScale`; got {type(input_scale).__name__}.")
        self.input_scale = input_scale
        self.trunk = make_trunk(
            self.in_channels, trunk, width=width, stride=stride, usual_stride=usual_stride, axes=axes
        )
        self._arguments = {"in_channels": in_channels, "width": width, "stride": stride, "axes": axes, **arguments}
        self._given = {} if trunk is None else {"trunk": type(trunk).__name__}

    @property
    def stride(self) -> int:
        """Pixels of the image for each cell of the trunk's features, along each axis."""
        return stride_of(self.trunk)

    def as_input(self, image: NDArray[Any], channel_axis: int | None = None) -> Tensor:
        """A NumPy image as `forward` takes it, (1, C, H, W) or (1, C, D, H, W), by the model's `input_scale`.

        Raises:
            ValueError: for another number of axes or channels than the model has.
        """
        made = self.input_scale.apply(image, channel_axis)
        if made.ndim != self.axes + 2 or made.shape[1] != self.in_channels:
            axes = "channels and " if self.in_channels > 1 else ""
            grey = self.in_channels == 1 and channel_axis is not None
            cure = " It sees grey alone: `skimage.color.rgb2gray` makes that of colours." if grey else ""
            if channel_axis is None and self.in_channels > 1 and np.shape(image)[-1:] == (self.in_channels,):
                cure = " If its last axis holds channels, say `channel_axis=-1`."
            raise ValueError(
                f"`image` must have {axes}{self.axes} axes, and {self.in_channels} channel(s) along `channel_axis`; "
                f"got {np.shape(image)} with `channel_axis` {channel_axis}.{cure}"
            )
        return made.to(next(self.parameters()).dtype)

    def save(self, path: str | Path) -> None:
        """Write the weights, and all that `load` needs to make the model anew, into one safetensors file.

        Solvers are not in it: they are a matter of the machine.

        Args:
            path: of the file; one that is there already is replaced, once the new one is complete.
        """
        arguments = {name: self._now(name, given) for name, given in self._arguments.items()}
        scale, state = asdict(self.input_scale), self.state_dict()
        write(path, Contents(type(self).__name__, arguments, scale, self._given, state))

    def _now(self, name: str, given: Any) -> Any:
        """A number that is an attribute may have been changed since, such as α, chosen on other images."""
        now = getattr(self, name, given)
        return now if is_number(now) and given is not None else given

    @classmethod
    def load(cls, path: str | Path, *, trunk: nn.Module | None = None) -> Self:
        """The model that `save` has written, in evaluation mode, on the CPU.

        Args:
            path: of the file.
            trunk: a module made like the one the model was made with, if that was the caller's own; its weights come
                from the file.

        Raises:
            ValueError: if the file holds another class, another version of the format, or other weights than the model
                has, or if it needs a `trunk` that is not given.
            FileNotFoundError, IsADirectoryError: if there is no file, or it is a folder.
        """
        return cls._load(path, {"trunk": trunk})

    @classmethod
    def _load(cls, path: str | Path, modules: Mapping[str, nn.Module | None]) -> Self:
        contents = read(path, cls.__name__)
        for name, module in modules.items():
            if module is not None:
                checked_trunk(module, name)
            kind = contents.modules.get(name)
            if (kind is None) != (module is None):
                had = f"a `{name}` of its own, a {kind}: give one made alike"
                had = had if kind else f"no `{name}` of its own: give none"
                raise ValueError(f"The model in `{path}` was made with {had}.")
        try:
            arguments = {**contents.arguments, **modules, "input_scale": InputScale(**contents.input_scale)}
            model = cls(**arguments)
        except (TypeError, ValueError) as error:
            raise ValueError(f"`{path}` makes no {cls.__name__}: {error}") from error
        fill(model, contents.tensors, path)
        return model.eval()

    def _features(self, image: Tensor, trunk: nn.Module) -> Tensor:
        """The features of `trunk`, with both ends checked."""
        self._check_image(image)
        return features_of(trunk, image)

    def _check_image(self, image: Tensor) -> None:
        check_image(image, self.in_channels, self.axes, next(self.parameters()).dtype)
        broken = (~image.isfinite()).flatten(1).any(1)
        if bool(broken.any()):
            which = f" (image {int(broken.nonzero()[0])} of the batch)" if len(image) > 1 else ""
            raise ValueError(f"`image` holds NaN or infinite values{which}: fill them first.")

    def extra_repr(self) -> str:
        return f"in_channels={self.in_channels}, axes={self.axes}"


def make_trunk(
    in_channels: int,
    given: nn.Module | None,
    *,
    width: int | None,
    stride: int | None,
    usual_stride: int,
    axes: int,
    name: str = "trunk",
) -> nn.Module:
    """The caller's trunk, checked, or else our own.

    Args:
        in_channels: C of the images.
        given: the caller's, or None.
        width, stride, axes: of our own; a trunk that is given has to agree with what is not None.
        usual_stride: of our own where `stride` is None.
        name: of the argument.
    """
    if given is None:
        return Trunk(
            in_channels, WIDTH if width is None else width, stride=usual_stride if stride is None else stride, axes=axes
        )
    trunk = checked_trunk(given, name)
    for argument, wanted, attribute in (
        ("width", width, "out_channels"),
        ("stride", stride, "stride"),
        ("axes", axes, "axes"),
    ):
        has = getattr(trunk, attribute, wanted)
        if wanted is not None and has != wanted:
            raise ValueError(
                f"`{argument}` is {wanted}, but the `{attribute}` of `{name}` is {has}. Leave `{argument}` to the "
                "trunk, or give another trunk."
            )
    return trunk
