"""A photograph's cells as a graph, its normalised cuts, and which segments of them are the object."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

import graphrw as rw
from experiments.ndd.hierarchies import by_cuts
from graphrw.models import EfficientNetLite0

COUNTS = (2, 3, 4, 6, 8)  # segments
STAGES = {"features, stride 16": (16,), "features, strides 8 and 16": (8, 16), "features, strides 16 and 32": (16, 32)}
COLOUR, TIMES_COLOUR = "colour", " and colour"  # a method, and what ends the name of one
WEIGHTS: dict[str, Callable[[Tensor, float], Tensor]] = {  # of the cosine of two cells' features
    "cos > v": lambda cosine, least: torch.where(cosine > least, 1.0, 1e-5),  # Wang et al. 2022
    "cos ** v": lambda cosine, power: cosine.clamp(min=0) ** power + 1e-6,  # Couairon et al. 2024
    "exp((cos - 1) / v)": lambda cosine, temperature: torch.exp((cosine - 1) / temperature) + 1e-6,
}


Trunks = dict[tuple[tuple[int, ...], int], EfficientNetLite0]  # by stages and stride


@dataclass(frozen=True)
class Setting:
    """A method with its parameters.

    Args:
        method: what features, of `STAGES`, or colours, or both.
        stride: pixels for each cell along each axis.
        radius: of edges, in cells; None: all pairs.
        beta: of CIELAB colours, w = exp(−β |difference|²).
        weight: of features, by `WEIGHTS`; "": none of them.
        value: its number v.
        segments: into how many it is cut.
        share: of the border that a segment of the object touches, at most, relative to that of an even spread.
        rule: which of these segments are the object, by `RULES`.
    """

    method: str
    stride: int = 16
    radius: int | None = None
    beta: float = 0.0
    weight: str = ""
    value: float = 0.0
    segments: int = 8
    share: float = 0.5
    rule: str = "all"


class Walks:
    """The walks on one photograph, and their cuts, each made once."""

    def __init__(self, image: NDArray[np.uint8], trunks: Trunks) -> None:
        self.image, self.trunks = image, trunks
        self._cuts: dict[Setting, dict[int, NDArray[np.int64]]] = {}

    def cells(self, setting: Setting) -> NDArray[np.bool_]:
        """(h, w): the object."""
        walk = replace(setting, segments=0, share=0.0, rule="")
        if walk not in self._cuts:
            self._cuts[walk] = self._cut(walk)
        return object_of(self._cuts[walk][setting.segments], setting.share, setting.rule)

    def mask(self, setting: Setting) -> NDArray[np.bool_]:
        """(H, W): the object."""
        return self.cells(setting)[tuple(np.indices(self.image.shape[:2]) // setting.stride)]

    def _cut(self, setting: Setting) -> dict[int, NDArray[np.int64]]:
        """(h, w) segments, by their number."""
        colours = cell_colours(self.image, setting.stride)
        shape = tuple(colours.shape[1:])
        if setting.radius is None:
            graph = rw.build.complete_graph(colours[0].numel())
        else:
            graph = rw.grid_graph(shape, radius=setting.radius)
        weight = torch.ones(graph.num_edges)
        if setting.beta:
            weight = rw.gaussian_affinity(graph, colours.flatten(1).T, setting.beta) + 1e-6
        if setting.weight:
            cosine = rw.build.cosine_similarity(graph, self._features(setting).flatten(1).T)
            weight = weight * WEIGHTS[setting.weight](cosine, setting.value)
        levels = by_cuts(rw.walk(graph, weight), COUNTS)
        return {count: level.reshape(shape).numpy() for count, level in zip(COUNTS, levels, strict=True)}

    def _features(self, setting: Setting) -> Tensor:
        """(C, h, w), of mean 0."""
        trunk = self.trunks[STAGES[setting.method.removesuffix(TIMES_COLOUR)], setting.stride]
        pixels = torch.from_numpy(self.image).movedim(-1, 0)[None] / 255
        with torch.no_grad():
            features = trunk(pixels)[0]
        return features - features.mean((1, 2), keepdim=True)


def all_trunks() -> Trunks:
    return {
        (stages, stride): EfficientNetLite0(stride, stages=stages) for stages in STAGES.values() for stride in (8, 16)
    }


def cell_colours(image: NDArray[np.uint8], stride: int) -> Tensor:
    """(3, h, w): mean CIELAB colours of cells."""
    colours = torch.from_numpy(rgb2lab(image)).float().movedim(-1, 0)[None]
    height, width = colours.shape[2:]
    return avg_pool2d(pad(colours, (0, -width % stride, 0, -height % stride), mode="replicate"), stride)[0]


def object_of(segments: NDArray[np.int64], share: float, rule: str) -> NDArray[np.bool_]:
    """Of the segments that touch the border less than `share` times as much as cells do that are spread evenly, all,
    or the one that `rule` says."""
    border = np.ones(segments.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    touching = np.bincount(segments.ravel(), border.ravel()) / np.bincount(segments.ravel())
    inner = touching < share * border.mean()
    if rule != "all" and inner.any():
        inner = np.arange(len(inner)) == np.where(inner, RULES[rule](segments), -np.inf).argmax()
    return inner[segments]


def largest(segments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each segment the cells."""
    return np.bincount(segments.ravel()).astype(np.float64)


def most_in_the_middle(segments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each segment the cells, those in the middle of the image more than others."""
    axes = [np.exp(-(np.linspace(-2, 2, side) ** 2) / 2) for side in segments.shape]
    return np.bincount(segments.ravel(), np.outer(*axes).ravel())


RULES: dict[str, Callable[[NDArray[np.int64]], NDArray[np.float64]]] = {
    "largest": largest,
    "most in the middle": most_in_the_middle,
}
