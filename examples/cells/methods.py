"""What the demo compares: a picture and one click in each cell in, labels out; most have a number to tune."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.feature import hessian_matrix, hessian_matrix_eigvals
from skimage.filters import sobel
from skimage.segmentation import watershed
from tissue import Tissue
from torch.nn.functional import interpolate

import graphrw as rw

Labels = NDArray[np.int64]
Method = Callable[[Tissue], Labels]
Relief = Callable[[NDArray[np.float32], float], NDArray[np.float64]]

SCALES = (1, 1.5, 2, 3)  # pixels, of a filter
BETAS = (30, 130, 500)
BLURS = (0.5, 1, 2, 3, 4)  # pixels


def edges(image: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """High where the smoothed image is steep."""
    return np.asarray(sobel(gaussian_filter(image, scale)))


def darkness(image: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """High where the smoothed image is dark."""
    return -gaussian_filter(image, scale).astype(float)


def dark_lines(image: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """High on dark lines of that width: the larger curvature of the smoothed image."""
    hessian = hessian_matrix(image, sigma=scale, order="rc", use_gaussian_derivatives=False)
    return np.asarray(hessian_matrix_eigvals(hessian)[0]).clip(0)


def flooded(picture: Tissue, relief: Relief, scale: float) -> Labels:
    """Seeded watershed on a relief of the image."""
    return _watershed(relief(picture.image, scale), picture.seeds)


def random_walker(picture: Tissue, beta: float) -> Labels:
    """The walk without learning."""
    return np.asarray(rw.random_walker(picture.image, picture.seeds + 1, beta=beta)) - 1


def network_watershed(picture: Tissue, blur: float, *, model: rw.models.LearnedRandomWalker) -> Labels:
    """Seeded watershed on the borders that a network predicts, smoothed by `blur` pixels."""
    with torch.no_grad():
        weight = model.edge_weights(torch.from_numpy(picture.image)[None, None])
    border = interpolate(1 - weight.amin(1, keepdim=True), picture.image.shape, mode="bilinear")[0, 0]
    return _watershed(gaussian_filter(border.numpy(), blur), picture.seeds)


def learned_walk(picture: Tissue, *, model: rw.models.LearnedRandomWalker) -> Labels:
    """The walk on the weights of the network."""
    return model.predict(picture.image, picture.seeds + 1) - 1


def watersheds() -> list[Method]:
    """A watershed on each relief, at each scale."""
    return [
        partial(flooded, relief=relief, scale=scale) for relief in (edges, darkness, dark_lines) for scale in SCALES
    ]


def random_walkers() -> list[Method]:
    return [partial(random_walker, beta=beta) for beta in BETAS]


def network_watersheds(model: rw.models.LearnedRandomWalker) -> list[Method]:
    return [partial(network_watershed, model=model, blur=blur) for blur in BLURS]


def tuned(methods: Sequence[Method], examples: list[Tissue]) -> Method:
    """The one that is best on `examples`."""
    return max(methods, key=lambda method: mean_iou(method, examples).mean())


def mean_iou(method: Method, examples: list[Tissue]) -> NDArray[np.float64]:
    """(P,): of each picture, the mean over its cells."""
    return np.array([_mean_iou(method(picture), picture.truth) for picture in examples])


def _mean_iou(labels: Labels, truth: Labels) -> float:
    return float(rw.metrics.mean_iou(torch.from_numpy(labels), torch.from_numpy(truth)))


def _watershed(relief: NDArray[np.generic], seeds: Labels) -> Labels:
    return np.asarray(watershed(relief, seeds + 1), dtype=np.int64) - 1
