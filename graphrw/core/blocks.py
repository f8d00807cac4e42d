"""How many numbers to hold at once, where all of them together would not fit.

Numbers along edges, or between all pairs, are many times those of the nodes: they are made a block at a time, and made
again where backward needs them.
"""

import itertools
import math
from collections.abc import Sequence

AT_ONCE = 2**20  # numbers in a block, 4 MB in float32: fewer cost more calls, more leave the cache
MAPS = 2**26  # numbers of one feature map or of probabilities at pixels, 256 MB in float32, where there is no backward
KEPT = 2**24  # numbers that one operation keeps for backward, 64 MB in float32: up to here making them again costs more
SLAB = 2**22  # pixels at once of what is made along a volume: 32 MB for each array of float64


def columns_at_once(rows: int) -> int:
    """How many columns of so many numbers an operation may hold of its own, one at least.

    >>> columns_at_once(100), columns_at_once(2048**2)
    (167772, 4)
    """
    return max(1, KEPT // max(1, rows))


def slabs(shape: Sequence[int]) -> list[slice]:
    """The planes of an image or volume of this `shape`, in as few parts of about one size as `SLAB` lets.

    >>> slabs((480, 320)), len(slabs((464, 464, 464)))
    ([slice(0, 480, None)], 24)
    """
    parts = max(1, min(shape[0], math.ceil(math.prod(shape) / SLAB)))
    bounds = [shape[0] * part // parts for part in range(parts + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]
