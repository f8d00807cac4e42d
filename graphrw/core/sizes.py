"""How many bytes something holds, with all that it is made of."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


def sizes_of(value: object) -> dict[int, int]:
    """The bytes of each tensor, array and compiled object in `value`, by its identity: nothing counts twice.

    >>> import torch
    >>> ones = torch.ones(3)
    >>> sum(sizes_of([ones, {"again": ones}]).values())
    12
    """
    sizes: dict[int, int] = {}
    seen: set[int] = set()
    left = [value]
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        size = _own_size(item)
        if size is None:
            left.extend(_parts(item))
        else:
            sizes[id(item)] = size
    return sizes


def _own_size(item: Any) -> int | None:
    """Of what holds numbers itself; None for what is made of other things."""
    if isinstance(item, Tensor):
        if item.layout == torch.strided:
            return item.numel() * item.element_size()
        return None
    if isinstance(item, np.ndarray):
        return item.nbytes
    heap = getattr(item, "heap_bytes", None)  # rslab's
    return heap if isinstance(heap, int) else None


def _parts(item: Any) -> Iterator[object]:
    if isinstance(item, Tensor):  # compressed rows
        yield from (item.crow_indices(), item.col_indices(), item.values())
    elif isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, list | tuple):
        yield from item
    else:
        yield from getattr(item, "__dict__", {}).values()
