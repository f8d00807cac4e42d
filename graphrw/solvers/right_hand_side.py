"""What a solve asks of its right-hand side and of a guess at the answer."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.memory import require_room
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk


def checked_start(start: Tensor | None, b: Tensor) -> Tensor | None:
    """The guess as (N, K) float64, outside autograd."""
    if start is None:
        return None
    start = as_floats("start", start, f"like `b`, {tuple(b.shape)}")
    if start.shape != b.shape or start.device != b.device:
        raise ValueError(
            f"`start` must be like `b`, {tuple(b.shape)} on {b.device}; got {start.dtype} {tuple(start.shape)} on "
            f"{start.device}."
        )
    if not plainly(lambda values: bool(values.isfinite().all()), start, batched=True):
        raise ValueError("`start` must be finite.")
    return start.detach().reshape(b.shape[0], -1).double()


def checked_right_hand_side(walk: Walk, b: Tensor) -> Tensor:
    """`b` as a tensor, (N, K) or (N,), that there is room to solve for."""
    b = as_floats("b", b, f"(N, K) or (N,) floats with N = {walk.graph.num_nodes}")
    if b.ndim not in (1, 2) or b.shape[0] != walk.graph.num_nodes:
        raise ValueError(f"`b` must be (N, K) or (N,) with N = {walk.graph.num_nodes}; got {tuple(b.shape)}.")
    if b.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"`b` must be float32 or float64; got {b.dtype}.")
    if b.device != walk.weight.device:
        raise ValueError(f"`b` is on {b.device} but the walk on {walk.weight.device}; move one with `.to(device)`.")
    require_room(2 * b.numel(), f"Solving for {tuple(b.shape)} numbers", "Take fewer columns at a time.")
    return b
