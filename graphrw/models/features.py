"""What a network must be to serve a model as its trunk, and the checks of what goes into it and comes out."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from graphrw.core.whole import is_whole
from graphrw.models.cells import cell_shape


@runtime_checkable
class FeatureTrunk(Protocol):
    """A module that gives features of an image, one cell for each `stride` pixels along each axis.

    (B, C, H, W) → (B, `out_channels`, ⌈H / stride⌉, ⌈W / stride⌉), (B, C, D, H, W) likewise, for any size. Any
    `torch.nn.Module` with these two attributes will do. For prediction in tiles it has two more, as `apply_in_tiles`
    describes them: `halo`, how many pixels beyond its block a cell depends on, and `alignment`, by how many pixels the
    image may be shifted so that features only shift (if that is more than `stride`).
    """

    stride: int
    out_channels: int

    def __call__(self, image: Tensor, /) -> Tensor:
        """The features of a batch of images."""


def checked_trunk(trunk: nn.Module, name: str = "trunk") -> nn.Module:
    """`trunk`, if it is a `FeatureTrunk`.

    Raises:
        ValueError: if an attribute is missing or no whole number from 1.
    """
    if not isinstance(trunk, nn.Module):
        raise ValueError(f"`{name}` must be a torch.nn.Module; got {type(trunk).__name__}.")
    for attribute, meaning in (("stride", "pixels for each of its cells"), ("out_channels", "features of each cell")):
        value: Any = getattr(trunk, attribute, None)
        if not is_whole(value) or value < 1:
            got = "none" if value is None else repr(value)
            raise ValueError(
                f"`{name}` ({type(trunk).__name__}) must have the attribute `{attribute}`, a whole number from 1: the "
                f"{meaning}; got {got}. Set it: `{name}.{attribute} = …`."
            )
    return trunk


def stride_of(trunk: nn.Module) -> int:
    """Pixels for each cell of a checked trunk, along each axis."""
    return int(trunk.stride)  # type: ignore[arg-type]  # torch takes every attribute for a tensor or a module


def channels_of(trunk: nn.Module) -> int:
    """Features of each cell of a checked trunk."""
    return int(trunk.out_channels)  # type: ignore[arg-type]


def reach_of(trunk: nn.Module) -> tuple[int, int]:
    """The `halo` and the `alignment` of a trunk.

    Raises:
        ValueError: if it has no `halo`, or they are no whole numbers, or do not fit its stride.
    """
    halo: Any = getattr(trunk, "halo", None)
    alignment: Any = getattr(trunk, "alignment", stride_of(trunk))
    if not is_whole(halo) or halo < 0:
        raise ValueError(
            f"The trunk ({type(trunk).__name__}) must have the attribute `halo` to be applied in tiles: how many "
            f"pixels beyond its block a cell of its features depends on; got {halo!r}. Set it, or leave `tile` out: "
            "then the image is passed whole."
        )
    if not is_whole(alignment) or alignment < 1 or alignment % stride_of(trunk):
        raise ValueError(
            f"The trunk ({type(trunk).__name__}) must have an `alignment` that is a multiple of its stride "
            f"{stride_of(trunk)}; got {alignment!r}."
        )
    return int(halo), int(alignment)


def features_of(trunk: nn.Module, image: Tensor) -> Tensor:
    """The features of a batch of images.

    Raises:
        ValueError: if they have another shape than the trunk's attributes say.
    """
    features: Tensor = trunk(image)
    stride, channels = stride_of(trunk), channels_of(trunk)
    wanted = (len(image), channels, *cell_shape(image.shape[2:], stride))
    if tuple(features.shape) != wanted:
        raise ValueError(
            f"The trunk ({type(trunk).__name__}) must give features of shape {wanted} for images "
            f"{tuple(image.shape)}, since its `stride` is {stride} and its `out_channels` {channels}; "
            f"got {tuple(features.shape)}."
        )
    return features


def check_image(image: Tensor, in_channels: int, axes: int, kind: torch.dtype) -> None:
    """Raise `ValueError` unless `image` is a batch of images for a network whose parameters have the type `kind`."""
    sizes = "H, W" if axes == 2 else "D, H, W"
    wanted = f"`image` must be a torch tensor (B, {in_channels}, {sizes})"
    if not isinstance(image, Tensor):
        raise ValueError(f"{wanted}; got {type(image).__name__}. `as_input` makes one of a NumPy image.")
    if image.ndim == axes + 1 and image.shape[0] == in_channels:
        raise ValueError(f"{wanted}; got {tuple(image.shape)}. One image is a batch of one: `image[None]`.")
    if image.ndim != axes + 2 or image.shape[1] != in_channels:
        raise ValueError(f"{wanted}; got {tuple(image.shape)}.")
    if 0 in image.shape[1:]:  # of no image there is an empty answer
        raise ValueError(f"{wanted} with at least one pixel; got {tuple(image.shape)}.")
    if not image.is_floating_point():
        raise ValueError(f"{wanted} of floats; got {image.dtype}. `as_input` scales a NumPy image of integers.")
    if image.dtype != kind and not torch.is_autocast_enabled(image.device.type):
        raise ValueError(
            f"`image` and the model must have one type; got {image.dtype} and {kind}. Use `image.to({kind})`."
        )
