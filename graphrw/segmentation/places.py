"""Places in an image, as people give and read them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor

Array = NDArray[Any] | Tensor
Where = Array | tuple[Any, ...]


def flat_places(where: Where, shape: tuple[int, ...]) -> Tensor:
    """(M,) int64: where in the flattened image of this `shape` the places lie, ascending, each once.

    Args:
        where: a mask, bool of the `shape`; or one array of whole numbers for each axis, (row, column[, depth …]).
            Places outside the image are left out.
        shape: of the image, without channels.

    >>> flat_places((np.array([0, 5, 1]), np.array([1, 0, 0])), (2, 3))
    tensor([1, 3])
    """
    if isinstance(where, tuple):
        return _of_indices(where, shape)
    mask = as_tensor("where", where, f"a mask, bool {shape}, or a tuple of indices")
    if mask.dtype != torch.bool or mask.shape != shape:
        raise ValueError(
            f"`where` must be a mask, bool {shape}, or a tuple of indices; got {mask.dtype} {tuple(mask.shape)}."
        )
    return mask.cpu().reshape(-1).nonzero().squeeze(1)


def most_uncertain(uncertainty: Tensor, k: int, apart: float) -> Tensor:
    """(≤ k, axes) int64: where `uncertainty` is largest and above 0, each place `apart` from those before it.

    Of equal places the first is taken.
    """
    left, found = uncertainty.clone(), []
    for _ in range(k):
        best = int(left.argmax())
        if not float(left.reshape(-1)[best]) > 0:
            break
        place = np.unravel_index(best, left.shape)
        found.append([int(index) for index in place])
        window = tuple(slice(max(0, int(index - apart)), int(index + apart) + 1) for index in place)
        left[window] = 0
    return torch.tensor(found, dtype=torch.int64).reshape(-1, uncertainty.ndim)


def _of_indices(where: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
    if len(where) != len(shape):
        raise ValueError(f"`where` must hold one array of indices for each of {len(shape)} axes; got {len(where)}.")
    indices = [np.atleast_1d(np.asarray(index)) for index in where]
    for index in indices:
        if index.dtype.kind not in "iu":
            raise ValueError(f"`where` must hold whole numbers, such as `numpy.nonzero` gives; got {index.dtype}.")
    try:
        indices = list(np.broadcast_arrays(*indices))
    except ValueError as error:
        raise ValueError(f"`where` must hold arrays of one length; got {[len(index) for index in indices]}.") from error
    inside = np.all([(index >= 0) & (index < extent) for index, extent in zip(indices, shape, strict=True)], axis=0)
    flat = np.ravel_multi_index(tuple(index[inside].astype(np.int64) for index in indices), shape)
    return torch.from_numpy(np.unique(flat).astype(np.int64))
