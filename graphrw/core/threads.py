"""How many threads torch takes where there is little to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FEW = 2**20  # pixels


@contextmanager
def threads_for(pixels: int) -> Iterator[None]:
    """One thread for all that torch does within, on an image of few pixels; as many as it has been given, on others.

    Tensors of a few thousand regions gain nothing from more, and the threads of OpenMP wait for the next of a hundred
    short loops by spinning. On two idle cores that takes half of what is computed, for nothing; where the cores are
    busy, or a container may not use them whole, a segmentation of 0.35 s of the processor took 2.5 s of it.

    torch keeps this number for each thread of Python, and gives a thread that is new to it the number set last: one
    that first meets torch while another is within stays at one.

    >>> with threads_for(100):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    if pixels > FEW or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
