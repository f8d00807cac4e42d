"""Sizes of the columns of right-hand sides and residuals."""

import numpy as np
import torch
from torch import Tensor

from graphrw.solvers.gpu.rows import dots, serve_columns

SMALL = 1e-140  # its square is far above the least float64
ROWS_AT_ONCE = 32_768  # of a few columns: they stay within the cache, and so do their squares


def column_norm(b: Tensor) -> Tensor:
    """(K,): the norm of each column of `b` (N, K), also where its square would be too small or too large to hold."""
    norm = sums_of_squares(b).sqrt()
    if len(b) == 0:
        return norm
    unsure = ~((norm > SMALL) & (norm < 1 / SMALL))
    if bool(unsure.any()):
        columns = b[:, unsure]
        largest = columns.abs().amax(0)
        unit = torch.where((largest > 0) & (largest < torch.inf), largest, 1.0)
        norm[unsure] = sums_of_squares(columns / unit).sqrt() * unit
    return norm


def sums_of_squares(b: Tensor) -> Tensor:
    """(K,), of each column of `b` (N, K)."""
    if b.device.type != "cpu":
        return dots(b, b) if serve_columns(b) else b.square().sum(0)
    # One pass, with nothing written down. On an AMD processor torch's norm of eight columns took up to three times as
    # long, and products of all pairs of columns five times: on a million nodes a tenth of the solve they belong to.
    return torch.from_numpy(np.einsum("ij,ij->j", b.numpy(), b.numpy()))


def finite_norm(b: Tensor) -> Tensor:
    """`column_norm` of a right-hand side, (K,).

    Raises:
        ValueError: if it holds NaN or infinite values, naming the first.
    """
    norm = column_norm(b)
    if not bool(torch.isfinite(norm).all()):
        node, column = divmod(int(b.abs().nan_to_num(torch.inf).argmax()), b.shape[1])
        raise ValueError(
            f"The right-hand side must be finite; got {float(b[node, column])} at node {node}, column {column}. In a "
            "backward pass it is the gradient that came in: look at the loss."
        )
    return norm


def largest(x: Tensor) -> Tensor:
    """(K,): of the absolute numbers in each column of `x` (N, K); NaN where there is one."""
    found: Tensor = torch.linalg.vector_norm(x, ord=torch.inf, dim=0)
    return found


def relative_to(residual: Tensor, norm: Tensor) -> Tensor:
    """(K,): norms of residuals over those of right-hand sides; as they are where that is 0."""
    return torch.where(norm > 0, residual / norm, residual)
