"""Sections of tissue as the walk is to see them: segments of enough pixels, with membrane between."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from skimage.color import rgb2gray
from skimage.segmentation import find_boundaries
from torch import Tensor
from torch.nn.functional import interpolate

from experiments.data.tissue import SETS, Section
from graphrw.models import InputScale
from graphrw.models.examples import CLOSED, Example, Piece
from graphrw.partition import connected_segments, grown_segments

SMALLEST = 64  # pixels or voxels of a segment that counts, as in the paper
SMALLEST_OBJECT = 16  # of one that lies on a ground, such as a nucleus
HAS_MEMBRANE = {"em_isbi2012", "em_vnc_sstem"}  # elsewhere segments touch each other
DARK_AND_BRIGHT = (1.0, 99.8)  # percentiles


def read(data: Path, name: str, split: str, *, grey: bool = False, slices: int = 1) -> list[Section]:
    """The sections of a split, in one number of channels.

    Args:
        data: the folder of all sets.
        name: of the set.
        split: of it.
        grey: colours become one.
        slices: so many sections of a stack, odd, are the channels of the one in their middle.
    """
    sections = SETS[name](data, split)
    if slices > 1:
        sections = [_with_neighbours(sections, place, slices) for place in range(len(sections))]
    return [_in_grey(each) for each in sections] if grey else sections


def fitted_scale(sections: list[Section], percentiles: tuple[float, float] | None = None) -> InputScale:
    """That of the training sections."""
    return InputScale.fit(
        [each.image for each in sections], channel_axis=sections[0].channel_axis, percentiles=percentiles
    )


def truth(section: Section) -> Tensor:
    """Segments from 0, each in one piece and of enough pixels; −1 elsewhere."""
    segments = torch.from_numpy(section.segments)
    if section.has_ground:
        return connected_segments(segments, min_size=SMALLEST_OBJECT)
    return connected_segments(torch.where(segments == 0, -1, segments), min_size=SMALLEST)


def examples(
    name: str,
    sections: list[Section],
    scale: InputScale,
    *,
    grown: bool,
    walled: bool = False,
    zooms: Iterable[float] = (1.0,),
) -> list[Example]:
    """What is learned from.

    Args:
        name: of the set.
        sections: its sections.
        scale: how a network reads images.
        grown: give membrane to the nearest segments, so that walls are one edge thick; or else no walk shall enter it.
        walled: let no walk enter the pixels on both sides of a border between two segments that touch. Nobody knows
            such a border to the pixel, and walls of one edge leak.
        zooms: magnifications, each of which makes an example of each section.
    """
    found = []
    for each in sections:
        segments = truth(each)
        if name in HAS_MEMBRANE:
            between = torch.from_numpy(each.segments == 0)
            segments = grown_segments(segments) if grown else torch.where(between, CLOSED, segments)
        if walled:
            border = find_boundaries(segments.numpy(), connectivity=1, mode="thick")
            segments = torch.where(torch.from_numpy(border), CLOSED, segments)
        example = Example(each.name, scale.apply(each.image, each.channel_axis)[0], segments)
        found += [_zoomed(example, zoom) for zoom in zooms]
    return found


def varied(part: Piece, step: int, seed: int) -> Piece:
    """A piece in other light: contrast, brightness and noise by a chance that hangs on `step` and `seed` alone."""
    chance = np.random.default_rng([seed, step, 1])
    gain, shift = float(np.exp(chance.uniform(-0.4, 0.4))), chance.uniform(-0.3, 0.3)
    noise = chance.normal(0, chance.uniform(0, 0.3), tuple(part.image.shape)).astype(np.float32)
    return replace(part, image=gain * part.image + shift + torch.from_numpy(noise))


def _with_neighbours(sections: list[Section], place: int, slices: int) -> Section:
    """One section with those before and after it as channels; at an end of the stack, the last one again."""
    section = sections[place]
    if section.channel_axis is not None or section.image.ndim != 2:
        raise SystemExit("Only grey sections have neighbours: leave --slices at 1.")
    places = range(place - slices // 2, place + slices // 2 + 1)
    images = [sections[min(max(other, 0), len(sections) - 1)].image for other in places]
    if len({image.shape for image in images}) > 1:
        raise SystemExit("Sections of one stack must be of one size: leave --slices at 1.")
    return replace(section, image=np.stack(images, axis=-1), channel_axis=-1)


def _in_grey(section: Section) -> Section:
    if section.channel_axis is None:
        return section
    return replace(section, image=rgb2gray(section.image, channel_axis=section.channel_axis), channel_axis=None)


def _zoomed(example: Example, zoom: float) -> Example:
    """An example of more pixels: the image by linear interpolation, segments by the nearest pixel."""
    if zoom == 1:
        return example
    size = [round(zoom * side) for side in example.segments.shape]
    linear = "bilinear" if len(size) == 2 else "trilinear"
    image = interpolate(example.image[None], size=size, mode=linear)[0]
    segments = interpolate(example.segments[None, None].double(), size=size, mode="nearest-exact")[0, 0].long()
    return Example(f"{example.name}, {zoom:g} ×", image, segments)
