"""Walks on the cells of a photograph, by what their weights come from, and how each is cut into nested segments."""

from dataclasses import dataclass

import torch
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

import graphrw as rw
from experiments.ndd.hierarchies import Hierarchy, at_pixels, by_cuts, by_distance
from experiments.ndd.network import STRIDE, Segmenter
from experiments.ndd.scenes import Scene
from graphrw.functional import attentional_interpolation
from graphrw.models.cells import cropped, padded

LAB = 100.0  # the range of CIELAB's lightness
RADIUS = 5.0


@dataclass(frozen=True)
class Setting:
    """A method with its numbers.

    Args:
        weights: colours, pretrained, or learned.
        cut: distance (a diffusion map, clusters, merges) or ncut (two-way normalised cuts).
        beta: of weights exp(−β |f_i − f_j|²) of colours over 100; of exp((cos − 1) β) of pretrained features; of
            learned ones a factor of the learned μ.
        time: of the diffusion map; of learned weights a factor of the learned t.
        stages: of the pretrained network.
        scale: of the attention that brings segments to pixels.
    """

    weights: str
    cut: str
    beta: float = 1.0
    time: float = 1.0
    stages: tuple[int, ...] = (8, 16)
    scale: float = 100.0


@torch.no_grad()
def hierarchy(scene: Scene, model: Segmenter, setting: Setting, counts: tuple[int, ...]) -> Hierarchy:
    """The nested segments of one photograph, with as many of them at each level as `counts` says."""
    walk, shape = walk_of(scene, model, setting)
    if setting.cut == "ncut":
        cells = by_cuts(walk, counts)
    else:
        time = float(model.ndd.time) * setting.time if setting.weights == "learned" else setting.time
        cells = by_distance(rw.diffusion_map(walk, time, model.ndd.k, tolerance=1e-6), counts, shape)
    size = (scene.image.shape[2], scene.image.shape[3])
    if setting.weights == "learned":
        early = scene.early(model.network)
        return at_pixels(cells, size, lambda values: model.raised(values.view(1, -1, *shape), early))
    colours = at_stride(lab(scene.image), 2)
    return at_pixels(cells, size, lambda values: _raised(values.view(1, -1, *shape), colours, setting.scale))


def walk_of(scene: Scene, model: Segmenter, setting: Setting) -> tuple[rw.Walk, tuple[int, ...]]:
    """The walk on the cells, and (h, w)."""
    features = _features(scene, model, setting)
    shape = tuple(features.shape[2:])
    graph, rows = rw.grid_graph(shape, radius=RADIUS), features[0].flatten(1).T.contiguous()
    if setting.weights == "pretrained":
        weight = torch.exp(setting.beta * (rw.build.cosine_similarity(graph, rows) - 1))
    else:
        mu = float(model.ndd.mu) if setting.weights == "learned" else 1.0
        weight = rw.gaussian_affinity(graph, rows, mu * setting.beta)
    return rw.walk(graph, rw.build.above(weight)), shape


def _features(scene: Scene, model: Segmenter, setting: Setting) -> Tensor:
    if setting.weights == "colours":
        return at_stride(lab(scene.image), STRIDE)
    early = scene.early(model.network)
    if setting.weights == "learned":
        return model.network.late(early)
    features = cropped(model.network.hypercolumn(early, setting.stages), early.cells)
    return features - features.mean((2, 3), keepdim=True)


def lab(image: Tensor) -> Tensor:
    """CIELAB colours over 100, (1, 3, H, W)."""
    colours = torch.from_numpy(rgb2lab(image[0].movedim(0, -1).numpy())).float() / LAB
    return colours.movedim(-1, 0)[None]


def at_stride(colours: Tensor, stride: int) -> Tensor:
    """Means of cells."""
    return avg_pool2d(padded(colours, stride), stride)


def _raised(values: Tensor, colours: Tensor, scale: float) -> Tensor:
    """At stride 2, as far as there are `colours`."""
    missing = [4 * cells - side for cells, side in zip(values.shape[2:], colours.shape[2:], strict=True)]
    whole = pad(colours, (0, missing[1], 0, missing[0]), mode="replicate")
    found = attentional_interpolation(values, whole, avg_pool2d(whole, 4), scale=scale)
    return cropped(found, colours.shape[2:])
