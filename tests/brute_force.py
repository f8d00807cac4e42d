"""What the tests of `random_walker` share: small noisy images, a few seeds, scikit-image's brute force."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import random_walker as reference

Array = NDArray[Any]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(shape)


def markers(shape: tuple[int, ...], ids: tuple[int, ...] = (1, 2, 3), seed: int = 1) -> Array:
    """Two seeds of each id at random places, in the order of `ids`."""
    labels = np.zeros(shape, np.int64)
    places = np.random.default_rng(seed).choice(labels.size, 2 * len(ids), replace=False)
    labels.reshape(-1)[places] = np.repeat(ids, 2)
    return labels


def brute_force(image: Array, labels: Array, **keywords: Any) -> Array:
    exact = image.astype(np.float64) if image.dtype.kind == "f" else image  # beside NumPy 1.26 it computes in float32
    answer: Array = reference(exact, labels, mode="bf", return_full_prob=True, **keywords)
    return answer


def close(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=tolerance)
