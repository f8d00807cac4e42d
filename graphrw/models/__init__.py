"""Each of the four systems ready to train: a trunk, heads, the walk between them, and a loss."""

from graphrw.models.learned_random_walker import LearnedRandomWalker
from graphrw.models.ndd import NDD
from graphrw.models.rawks import RAWKS
from graphrw.models.rwn import RWN
from graphrw.models.trunk import Trunk

__all__ = [
    "NDD",
    "RAWKS",
    "RWN",
    "LearnedRandomWalker",
    "Trunk",
]
