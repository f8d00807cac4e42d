"""An image, ready to be labelled from strokes again and again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.threads import threads_for
from graphrw.core.warn import warn
from graphrw.core.whole import check_flag, check_not_negative, check_positive, check_whole
from graphrw.segmentation.inputs import check_channel_axis, read_colours, read_pixels, relative
from graphrw.segmentation.pixels.pixel_labels import ImagePixels, label_pixels
from graphrw.segmentation.regions.image_regions import ImageRegions, image_regions
from graphrw.segmentation.regions.stroke_labels import RegionModel, label_strokes
from graphrw.segmentation.regions.strokes import seeded_regions
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver

COLOURS = (3, 4)  # of an axis so short, that no volume has
FEW_PIXELS = 2**20 + 1  # nearly all tensors are of regions, a few thousand
PIXEL_BETA, REGION_BETA = 130.0, 1.0  # as in `random_walker` and `segment`, as are these
PIXEL_SOLVER, REGION_SOLVER = Auto(rtol=1e-6), Auto(rtol=1e-4)


@dataclass(frozen=True)
class Options:
    """How a session labels; see `Session`."""

    channel_axis: int | None
    spacing: tuple[float, ...] | None
    superpixels: bool
    n_segments: int | None
    compactness: float
    beta: float | None
    convert2lab: bool | None
    colour_model: bool
    band: int

    def __post_init__(self) -> None:
        check_whole("band", self.band, 0)
        check_positive("compactness", self.compactness)
        if self.n_segments is not None:
            check_whole("n_segments", self.n_segments, 1)
        if self.beta is not None:
            check_not_negative("beta", self.beta)
        if self.convert2lab is not None:
            check_flag("convert2lab", self.convert2lab)
        check_flag("superpixels", self.superpixels)
        check_flag("colour_model", self.colour_model)

    def read(self, image: Tensor, inside: Tensor) -> Tensor:
        """(N, C) floats: the pixels of `image` in C order; errors are those of `segment` and `random_walker`."""
        if self.superpixels:
            return read_colours(image, inside, self.channel_axis)
        pixels = read_pixels(image, inside.to(image.device), channel_axis=self.channel_axis, data_range=None)
        return pixels.detach().cpu()


def checked_solver(solver: Solver | None, options: Options) -> Solver:
    """`solver`; None: that which `Session` takes by itself."""
    if solver is None:
        return REGION_SOLVER if options.superpixels else PIXEL_SOLVER
    check_solver(solver)
    return solver


class Answer(Protocol):
    """A label for every pixel, and how sure it is."""

    @property
    def labels(self) -> Tensor:
        """(\\*spatial) int64: ids; −1 outside and where no stroke reaches."""

    @property
    def ids(self) -> Tensor:
        """(L,) int64, ascending."""

    @property
    def seeded(self) -> SeededWalk:
        """The walk that is labelled, with its seeds."""

    @property
    def entropy(self) -> Tensor:
        """(\\*spatial), in nats."""

    def probability(self) -> Tensor:
        """(L, \\*spatial)"""


Labeller = Callable[..., Answer]  # of strokes (*spatial) int64, > 0 where there are some, and `progress`


def labeller(pixels: Tensor, inside: Tensor, options: Options, solver: Solver) -> Labeller:
    """What of labelling depends on the image alone, done once.

    Args:
        pixels: (N, C), from `Options.read`.
        inside: (\\*spatial) bool.
        options: how to label.
        solver: how to solve.
    """
    if not options.superpixels:
        return pixel_labeller(pixels, inside, options, solver)
    return region_labeller(regions_of(pixels, inside, options), options, solver)


def pixel_labeller(pixels: Tensor, inside: Tensor, options: Options, solver: Solver) -> Labeller:
    """That by a walk over pixels."""
    beta = PIXEL_BETA if options.beta is None else options.beta
    return partial(label_pixels, ImagePixels(pixels, inside, beta, options.spacing), solver=solver)


def region_labeller(
    regions: ImageRegions, options: Options, solver: Solver, model: RegionModel | None = None
) -> Labeller:
    """That by a walk over regions, as `model` says; None: with fixed weights."""
    model = model or partial(seeded_regions, colour_model=options.colour_model)
    few = threads_for(regions.segments.numel(), FEW_PIXELS)
    return few(partial(label_strokes, regions, model=model, band=options.band, solver=solver))


def regions_of(pixels: Tensor, inside: Tensor, options: Options) -> ImageRegions:
    """The superpixels of an image."""
    few = threads_for(inside.numel(), FEW_PIXELS)
    return few(image_regions)(
        pixels.reshape(*inside.shape, -1),
        inside,
        relative(options.spacing or [1.0] * inside.ndim),
        n_segments=options.n_segments,
        compactness=options.compactness,
        beta=REGION_BETA if options.beta is None else options.beta,
        convert2lab=options.convert2lab,
    )


def spatial_shape(image: Tensor, channel_axis: int | None) -> tuple[int, ...]:
    """That of `image` without its channels; `ValueError` unless it is of an image or a volume."""
    shape = list(image.shape)
    if channel_axis is not None:
        check_channel_axis(image, channel_axis)
        del shape[channel_axis]
    if len(shape) not in (2, 3) or 0 in shape:
        got = f"{tuple(shape)} without channels"
        raise ValueError(f"`image` must be (H, W) or (D, H, W), with `channel_axis` one axis more; got {got}.")
    if channel_axis is None and len(shape) == 3 and shape[-1] in COLOURS:
        warn(f"`image` {tuple(shape)} is taken for a volume. If its last axis holds colours, say `channel_axis=-1`.")
    return tuple(shape)


def read_mask(mask: object, shape: tuple[int, ...]) -> Tensor:
    """(\\*spatial) bool on the CPU; all true for None.

    Raises:
        ValueError: for another shape or type, or a mask that leaves nothing.
    """
    if mask is None:
        return torch.ones(shape, dtype=torch.bool)
    inside = as_tensor("mask", mask, f"bool {shape}")
    if inside.dtype != torch.bool or inside.shape != shape:
        raise ValueError(f"`mask` must be bool {shape}; got {inside.dtype} {tuple(inside.shape)}.")
    if not bool(inside.any()):
        raise ValueError("`mask` is false everywhere: no pixel is left to be labelled.")
    return inside.to("cpu", copy=True)
