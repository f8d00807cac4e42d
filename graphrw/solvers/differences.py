"""Differences of answers along edges, where subtraction would lose their digits."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor


class Differences(ABC):
    """What an inverse knows of x_i − x_j besides x: for edges within groups of nodes that walkers are slow to leave.

    There x is nearly the same everywhere, and the gradient in weights is what little it differs by times the many times
    that walkers step along an edge.
    """

    edges: Tensor  # (M,) int64 on the CPU: their numbers

    @abstractmethod
    def of(self, x: Tensor, b: Tensor) -> Tensor:
        """(M, K): x_i − x_j of an edge from i to j, for the answer to A x = b (N, K)."""

    @abstractmethod
    def require_subtraction(self) -> None:
        """Raise `ConvergenceError` where x_i − x_j would not do: second derivatives and forward mode have no more."""


def along(differences: Differences, ends: Tensor, x: Tensor, b: Tensor) -> Tensor:
    """(M, K): x_i − x_j of `differences.edges`, whose two ends are `ends` (2, M); differentiable as that is in x."""
    found: Tensor = _Along.apply(x, b, differences, ends)  # type: ignore[no-untyped-call]
    return found


class _Along(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, b: Tensor, differences: Differences, ends: Tensor) -> Tensor:
        return differences.of(x, b)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, _, ctx.differences, ctx.ends = inputs
        ctx.like = x.new_empty(0), len(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        ctx.differences.require_subtraction()
        (tail, head), (like, size) = ctx.ends, ctx.like
        grown = like.new_zeros(size, g.shape[1])
        return grown.index_add(0, tail, g).index_add(0, head, -g), None, None, None

    @staticmethod
    def jvp(ctx: Any, dot: Tensor, *_: Any) -> Tensor:
        ctx.differences.require_subtraction()
        tail, head = ctx.ends
        return dot[tail] - dot[head]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        """Batched answers are more columns."""
        x, b, differences, ends = inputs
        columns = [
            values.movedim(place, 1) if place is not None else values[:, None].expand(-1, info.batch_size, -1)
            for values, place in zip((x, b), in_dims[:2], strict=True)
        ]
        found = along(differences, ends, *(each.flatten(1) for each in columns))
        return found.unflatten(1, columns[0].shape[1:]), 1
