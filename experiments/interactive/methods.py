"""What is compared, each from an image and strokes to the pixels of the object."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.color import rgb2lab
from skimage.filters import sobel
from skimage.segmentation import random_walker, watershed

import graphrw as rw
from experiments.data.strokes import BACKGROUND, OBJECT, Case

try:
    import cv2
except ImportError:  # `pip install opencv-python-headless`
    cv2 = None

Mask = NDArray[np.bool_]


def channel_axis(case: Case) -> int | None:
    return -1 if case.image.ndim == 3 else None


def segment(case: Case, option: None) -> Mask:
    return rw.segment(case.image, case.strokes, channel_axis=channel_axis(case)) == OBJECT


def our_walker(case: Case, beta: float) -> Mask:
    return rw.random_walker(case.image, case.strokes, beta, channel_axis=channel_axis(case)) == OBJECT


def their_walker(case: Case, beta: float) -> Mask:
    return random_walker(case.image, case.strokes, beta, "cg_j", channel_axis=channel_axis(case)) == OBJECT


def watershed_on_gradient(case: Case, sigma: float) -> Mask:
    """Meyer's watershed on the gradient of the smoothed image; of all channels in Lab for photographs."""
    channels = np.moveaxis(rgb2lab(case.image), -1, 0) if case.image.ndim == 3 else [case.image]
    gradient = np.sqrt(sum(sobel(gaussian_filter(channel, sigma)) ** 2 for channel in channels))
    return watershed(gradient, case.strokes) == OBJECT


def grabcut(case: Case, option: tuple[str, int]) -> Mask:
    """OpenCV's GrabCut (Rother, Kolmogorov & Blake 2004): what it takes other pixels for at first, and its rounds."""
    start, rounds = option
    picture = case.image if case.image.ndim == 3 else np.repeat(np.round(255 * case.image)[..., None], 3, axis=2)
    if start == "nearest stroke":
        near = distance_transform_edt(case.strokes != OBJECT) < distance_transform_edt(case.strokes != BACKGROUND)
        mask = np.where(near, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    else:
        mask = np.full(case.strokes.shape, cv2.GC_PR_FGD if start == "object" else cv2.GC_PR_BGD)
    mask[case.strokes == OBJECT], mask[case.strokes == BACKGROUND] = cv2.GC_FGD, cv2.GC_BGD
    mask = mask.astype(np.uint8)
    cv2.setRNGSeed(0)
    state = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(picture[..., ::-1], np.uint8), mask, None, *state, rounds, cv2.GC_INIT_WITH_MASK)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


BETAS = (90, 1000, 3000, 10_000, 30_000, 100_000)
STARTS, ROUNDS = ("object", "background", "nearest stroke"), (1, 5)
Method = Callable[[Case, Any], Mask]
METHODS: dict[str, tuple[Method, tuple[object, ...]]] = {  # and the options among which `--tune` chooses
    "segment": (segment, (None,)),
    "random_walker": (our_walker, BETAS),
    "random_walker of scikit-image": (their_walker, ()),  # the same equation, the same β
    "watershed": (watershed_on_gradient, (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)),
    "GrabCut of OpenCV": (grabcut, tuple(product(STARTS, ROUNDS))),
}
