"""Sections of tissue as the walk is to see them: segments of enough pixels, with membrane between."""

from pathlib import Path

import torch

from experiments.data.tissue import SETS, Section
from graphrw.models import InputScale
from graphrw.models.examples import CLOSED, Example
from graphrw.partition import connected_segments, grown_segments

SMALLEST = 64  # pixels or voxels of a segment that counts, as in the paper
HAS_MEMBRANE = {"em_isbi2012", "em_vnc_sstem", "cells_dsb2018"}  # elsewhere segments touch each other


def read(data: Path, name: str, split: str) -> list[Section]:
    """The sections of a split, in one number of channels."""
    if name not in SETS:
        raise SystemExit(f"There is no set `{name}`: {', '.join(SETS)}.")
    return SETS[name](data, split)


def fitted_scale(sections: list[Section]) -> InputScale:
    """That of the training sections."""
    return InputScale.fit([each.image for each in sections], channel_axis=sections[0].channel_axis)


def truth(section: Section) -> torch.Tensor:
    """Segments from 0, each in one piece and of at least `SMALLEST` pixels; −1 elsewhere."""
    segments = torch.from_numpy(section.segments)
    return connected_segments(torch.where(segments == 0, -1, segments), min_size=SMALLEST)


def examples(name: str, sections: list[Section], scale: InputScale, *, grown: bool) -> list[Example]:
    """What is learned from.

    Args:
        name: of the set.
        sections: its sections.
        scale: how a network reads images.
        grown: give membrane to the nearest segments, so that walls are one edge thick; or else no walk shall enter it.
    """
    found = []
    for each in sections:
        segments = truth(each)
        if name in HAS_MEMBRANE:
            between = torch.from_numpy(each.segments == 0)
            segments = grown_segments(segments) if grown else torch.where(between, CLOSED, segments)
        found.append(Example(each.name, scale.apply(each.image, each.channel_axis)[0], segments))
    return found
